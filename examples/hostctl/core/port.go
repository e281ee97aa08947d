package core

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/outwork-go/outwork"
)

// lastPrivileged is the last port that takes a privilege, usually.
const lastPrivileged = 1023

// ListenArgs are the arguments of port.listen.
type ListenArgs struct {
	Port    uint16 `cbor:"port" doc:"the TCP port" arg:"0" min:"1" max:"1023"`
	Address string `cbor:"address" doc:"where connections are taken from: this host alone, or anywhere" enum:"127.0.0.1,::1,0.0.0.0,::" default:"127.0.0.1"`
}

// ListenReply is a listening socket, which is the client's to accept from and to
// close.
type ListenReply struct {
	Socket *os.File `cbor:"socket" doc:"the listening socket" file:"socket"`
}

// Listen listens on a port that its caller has not the privilege for.
var Listen = outwork.Func("port.listen", func(ctx context.Context, a ListenArgs) (ListenReply, error) {
	socket, err := listen(ctx, a)
	return ListenReply{socket}, err
})

func listen(ctx context.Context, a ListenArgs) (*os.File, error) {
	if a.Port == 0 || a.Port > lastPrivileged {
		return nil, fmt.Errorf("port %d is not one from 1 to %d", a.Port, lastPrivileged)
	}
	ip, err := netip.ParseAddr(a.Address)
	if err != nil || !ip.IsLoopback() && !ip.IsUnspecified() {
		return nil, fmt.Errorf("%q is neither the loopback address nor any address", a.Address)
	}
	network := "tcp4"
	if ip.Is6() {
		network = "tcp6"
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, network, netip.AddrPortFrom(ip, a.Port).String())
	if err != nil {
		return nil, err
	}
	defer l.Close() // File is another reference to the same socket
	return l.(*net.TCPListener).File()
}
