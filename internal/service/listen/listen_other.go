//go:build !linux

package listen

import (
	"context"
	"errors"
	"net"
	"runtime"

	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/mux"
)

var errNotLinux = errors.New("a daemon can listen only on Linux, and this is " + runtime.GOOS)

// Own needs Linux.
func Own(Config) (*Listener, error) { return nil, errNotLinux }

// Activated needs Linux.
func Activated(Config) (*Listener, error) { return nil, errNotLinux }

// Listener needs Linux: there is none.
type Listener struct{}

// Path needs Linux.
func (l *Listener) Path() string { return "" }

// Connections needs Linux.
func (l *Listener) Connections() int { return 0 }

// Accept needs Linux.
func (l *Listener) Accept(context.Context) (*Conn, error) { return nil, errNotLinux }

// Close needs Linux.
func (l *Listener) Close() error { return errNotLinux }

// Conn needs Linux: there is none.
type Conn struct{ Peer *ident.Peer }

// Transport needs Linux.
func (c *Conn) Transport(bool) (mux.Transport, error) { return nil, errNotLinux }

// Net needs Linux.
func (c *Conn) Net() (net.Conn, error) { return nil, errNotLinux }

// Release needs Linux.
func (c *Conn) Release() {}
