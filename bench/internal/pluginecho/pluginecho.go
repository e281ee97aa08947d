// Package pluginecho serves the gRPC echo service as a plugin of
// hashicorp/go-plugin.
package pluginecho

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/outwork-go/outwork/bench/internal/grpcecho"
)

const echoName = "echo"

var handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "BENCH_PLUGIN",
	MagicCookieValue: "echo",
}

var plugins = plugin.PluginSet{echoName: &echoPlugin{}}

type echoPlugin struct{ plugin.NetRPCUnsupportedPlugin }

func (*echoPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	grpcecho.Register(s)
	return nil
}

func (*echoPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

// Serve is the plugin's main. It returns when the host ends the plugin.
func Serve() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins:         plugins,
		GRPCServer:      plugin.DefaultGRPCServer,
		Logger:          hclog.NewNullLogger(),
	})
}

// Start starts cmd, a program that calls Serve, and connects to it. Kill ends
// the plugin. There is no TLS between the two, which is the faster of
// go-plugin's ways.
func Start(cmd *exec.Cmd) (client *plugin.Client, conn *grpc.ClientConn, err error) {
	client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  handshake,
		Plugins:          plugins,
		Cmd:              cmd,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
	})
	conn, err = connect(client)
	if err != nil {
		client.Kill()
		return nil, nil, err
	}
	return client, conn, nil
}

func connect(client *plugin.Client) (*grpc.ClientConn, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	raw, err := protocol.Dispense(echoName)
	if err != nil {
		return nil, err
	}
	conn, ok := raw.(*grpc.ClientConn)
	if !ok {
		return nil, fmt.Errorf("go-plugin dispensed a %T", raw)
	}
	return conn, nil
}
