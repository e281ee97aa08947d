package main

import (
	"fmt"
	"slices"
	"time"
)

// peer is one way in which two processes may talk.
type peer struct {
	name string
	does ability

	// open starts the server process and connects to it.
	open func(exchange) (session, error)
	// serve is the server process. It returns when the client has gone. It is
	// nil where open has another way to start one.
	serve func(exchange) error
}

// ability is what a peer takes part in.
type ability uint8

const (
	echoes       ability = 1 << iota // its sessions echo
	concurrently                     // echo may be called concurrently
	streams                          // its sessions are streamers
	guarded                          // a service may be compared to it
)

// session is the client's end of a connection to a server process.
type session interface {
	// echo sends p and waits for as many bytes to come back.
	echo(p []byte) error
	// close ends the server process and waits until it is gone.
	close() error
}

// streamer is a session that can also send one way.
type streamer interface {
	session
	// stream sends chunk count times, and waits for the word that all of it
	// has arrived.
	stream(chunk []byte, count int) error
}

// exchange is the shape of the traffic: count chunks of size bytes go one
// way, then reply bytes come back. Peers that frame their messages need no
// such agreement; the raw floors do.
type exchange struct {
	size, count, reply int
}

func echoOf(size int) exchange { return exchange{size: size, count: 1, reply: size} }

func (x exchange) bytes() int { return x.size * x.count }

// serverGrace is how long a server process may take to end when its client
// closes its standard input.
const serverGrace = 5 * time.Second

// peers is every contender of the calls and streams, the floors first: they
// are without a protocol, what the kernel or Go's poller costs alone.
func peers() []peer {
	all := []peer{rawPipe, rawSocketpair, unixConn, netRPC, ttrpcPeer, grpcPeer, pluginPeer, godbusPeer, logPipe}
	return append(all, outworkPeers()...)
}

func peersThat(do ability) []peer {
	return slices.DeleteFunc(peers(), func(p peer) bool { return p.does&do != do })
}

func findPeer(name string) (peer, error) {
	for _, p := range append(peers(), overTCP()...) {
		if p.name == name {
			return p, nil
		}
	}
	return peer{}, fmt.Errorf("no contender is named %q", name)
}

func checkEcho(sent []byte, received int) error {
	if received != len(sent) {
		return fmt.Errorf("an echo of %d bytes has %d", len(sent), received)
	}
	return nil
}

func checkStream(sent int, received int64) error {
	if received != int64(sent) {
		return fmt.Errorf("of a stream of %d bytes %d arrived", sent, received)
	}
	return nil
}
