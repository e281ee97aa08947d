// Package client connects to services: daemons that offer functions under a policy
// (package service). [Dial] makes sure who runs the service before anything is sent;
// on the [Conn] the same functions are called as on a worker:
//
//	conn, err := client.Dial(ctx, "unix:///run/hostctl.sock")
//	if err != nil {
//		return err
//	}
//	defer conn.Close()
//	reply, err := core.SetHostname.Call(ctx, conn, core.HostnameArgs{Name: "web1"})
//
// A client knows the functions by the package that declares them, and needs nothing of
// what a daemon needs. Package call has what goes along with a call: functions for the
// service to call back, and progress. Dialling needs Linux; package outworktest connects
// to services in the process of a test everywhere.
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"unicode"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
)

// Dial connects to a service that runs as root: see [Dialer].
func Dial(ctx context.Context, address string) (*Conn, error) { return Dialer{}.Dial(ctx, address) }

// Dialer connects to services. Its zero value expects them to run as root.
type Dialer struct {
	// UID is the user as whom the service must run; 0 is root. Whoever runs it
	// sees all that it is sent.
	UID int
}

// maxSocketPath is how long the path of a unix socket may be, in bytes.
const maxSocketPath = 107

// Dial connects to the service at address: unix:///run/hostctl.sock,
// unix:/run/hostctl.sock or /run/hostctl.sock. Before anything is sent, the
// kernel is asked who made the socket listen; an [*ImpostorError] is another user
// than the Dialer's. When there is no daemon, the error matches fs.ErrNotExist or
// syscall.ECONNREFUSED; when the socket is not for this user, fs.ErrPermission;
// when the service takes no more connections now, syscall.EAGAIN. A peer that is
// no service is a [*outwork.ProtocolError].
//
// Dial gives up when ctx ends, after 10 seconds in which no place in the queue
// of the socket was free, and after 10 more without an answer; then nothing is
// left of it. The caller closes the Conn.
func (d Dialer) Dial(ctx context.Context, address string) (*Conn, error) {
	path, err := socketPath(address)
	if err != nil {
		return nil, fmt.Errorf("dial %q: %w", address, err)
	}
	if d.UID < 0 || int64(d.UID) >= 1<<32-1 {
		return nil, fmt.Errorf("dial %q: there is no user %d", address, d.UID)
	}
	address = scheme + "//" + path
	t, err := d.connect(ctx, path, address)
	if err != nil {
		return nil, err
	}
	l := link.New(t, hook.ClientConfig())
	if _, err := l.Greeted(ctx); err != nil {
		l.Close()
		return nil, ungreeted(ctx, address, err)
	}
	return newConn(l, address), nil
}

const scheme = "unix:"

// socketPath is the path in an address.
func socketPath(address string) (string, error) {
	path := address
	if rest, ok := strings.CutPrefix(address, scheme); ok {
		path = rest
		if authority, ok := strings.CutPrefix(rest, "//"); ok {
			path = authority
		}
	}
	switch {
	case !strings.HasPrefix(path, "/") && path != address:
		return "", fmt.Errorf("the path is not absolute: is it %s///%s?", scheme, path)
	case !strings.HasPrefix(path, "/"):
		return "", errors.New("a service's address is the path of its socket, as unix:///run/hostctl.sock or /run/hostctl.sock")
	case len(path) > maxSocketPath:
		return "", fmt.Errorf("the path has %d bytes, and a socket's has at most %d", len(path), maxSocketPath)
	case strings.ContainsFunc(path, unicode.IsControl):
		return "", errors.New("the path has control characters")
	}
	return path, nil
}

// at is a service in an error's text.
func at(address string) string { return "the service at " + address }

// ungreeted is the error for a service that did not say HELLO.
func ungreeted(ctx context.Context, address string, err error) error {
	if v, ok := errors.AsType[*frame.Violation](err); ok {
		return &outwork.ProtocolError{Host: address, Rule: v.Rule, Detail: v.Detail}
	}
	_, sending := errors.AsType[*mux.SendError](err)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", at(address), ctx.Err())
	case sending, errors.Is(err, io.EOF):
		return fmt.Errorf("%s closed the connection at once: it has as many as it serves, or is stopping, or does not serve this user; try again later: %w",
			at(address), syscall.EAGAIN)
	}
	return fmt.Errorf("%s: %w", at(address), err)
}

// ImpostorError is a service that runs as another user than it should. Nothing
// was sent to it. It does not match fs.ErrPermission, as a denial does: nobody
// who may be trusted has denied anything.
type ImpostorError struct {
	Address string
	UID     uint32 // as whom it runs
	Want    uint32 // as whom it should
}

// Error names both users.
func (e *ImpostorError) Error() string {
	return fmt.Sprintf("%s runs as %s, not %s: it may be an impostor, and was sent nothing",
		at(e.Address), ident.User(e.UID), ident.User(e.Want))
}
