package main

import "github.com/outwork-go/outwork/bench/internal/pluginecho"

// pluginPeer is hashicorp/go-plugin, which is gRPC over a unix socket to a
// process that it starts itself.
var pluginPeer = peer{name: pluginName, does: echoes | concurrently | streams, open: openPlugin, serve: servePlugin}

const pluginName = "go-plugin"

func openPlugin(x exchange) (session, error) {
	client, conn, err := pluginecho.Start(serverCommand(pluginName, x))
	if err != nil {
		return nil, err
	}
	end := func() error {
		client.Kill()
		return nil
	}
	return &grpcSession{conn: conn, end: end}, nil
}

func servePlugin(exchange) error {
	pluginecho.Serve()
	return nil
}
