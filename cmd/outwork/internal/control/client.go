package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/ident"
)

// Do makes a request of the listener at path. What it refuses is an error. It ends with
// ctx.
func Do(ctx context.Context, path string, r Request) (a Answer, err error) {
	c, err := dial(ctx, path)
	if err != nil {
		return a, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	if err = c.ask(r); err == nil {
		a, err = c.answer()
	}
	if ctx.Err() != nil {
		return a, context.Cause(ctx)
	}
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	return a, lost(err)
}

// dial connects to the listener at path.
func dial(ctx context.Context, path string) (*conn, error) {
	n, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, &NoListenerError{path}
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("cannot reach the listener at %s: %w", path, cause(err))
	}
	if err := trusted(n.(*net.UnixConn)); err != nil {
		n.Close()
		return nil, fmt.Errorf("the listener at %s: %w", path, err)
	}
	return newConn(n), nil
}

// cause is err without what says that it is about a socket.
func cause(err error) error {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return err
}

// trusted refuses a listener of another user's.
func trusted(n *net.UnixConn) error {
	raw, err := n.SyscallConn()
	if err != nil {
		return err
	}
	var uid uint32
	if e := raw.Control(func(fd uintptr) { uid, err = ident.UID(int(fd)) }); e != nil {
		return e
	}
	if err == nil && uid != 0 && int(uid) != os.Getuid() {
		err = fmt.Errorf("it runs as %s, and not as this user", ident.User(uid))
	}
	return err
}

// ask sends a request.
func (c *conn) ask(r Request) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(b) > maxPayload {
		return fmt.Errorf("the command line is too long: with it the request has %d bytes, and may have %d", len(b), maxPayload)
	}
	if _, err := io.WriteString(c.Conn, preamble); err != nil {
		return err
	}
	return c.send(kindRequest, b, nil)
}

// answer reads until the answer, and what belongs to a command before it.
func (c *conn) answer() (a Answer, err error) {
	var text []byte
	for {
		kind, n, err := c.header()
		switch {
		case err != nil:
			return a, errEnded
		case kind == kindAnswer || kind == kindMore:
			piece, err := c.payload(n)
			if text = append(text, piece...); err == nil && len(text) > maxAnswer {
				err = fmt.Errorf("its answer is longer than %d bytes", maxAnswer)
			}
			if err != nil {
				return a, wrong(err)
			}
		default:
			err = c.traffic(kind, n, func(lane int) bool { return lane == stdin })
		}
		if err != nil {
			return a, wrong(err)
		}
		if kind == kindAnswer {
			return a, json.Unmarshal(text, &a)
		}
	}
}

// wrong is err, of reading what the listener has sent.
func wrong(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errEnded
	}
	return fmt.Errorf("the listener breaks the protocol: %w", err)
}

// Command is what Attach runs.
type Command struct {
	Host           string
	Argv           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer // used by a goroutine each
}

// Attach runs a command on a host that has joined the listener at path, and returns its
// exit status. When ctx ends the command is told to stop; what does not within patience is
// left alone. One Read of Stdin may be under way when it returns. The error is a *LostError
// when there is no such host, or not any more, or no listener any more; or says why the
// command was not started, and then the status is 126 or 127.
func Attach(ctx context.Context, path string, cmd Command) (status int, err error) {
	c, err := dial(ctx, path)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	r := Request{Do: attach, Host: cmd.Host}
	for _, arg := range cmd.Argv {
		r.Argv = append(r.Argv, []byte(arg))
	}
	if err := c.ask(r); err != nil {
		return 0, lost(err)
	}
	defer context.AfterFunc(ctx, c.stop)()
	go c.feed(cmd.Stdin)
	var copies sync.WaitGroup
	out, complaints := &sink{c: c, w: cmd.Stdout}, &sink{c: c, w: cmd.Stderr}
	copies.Go(func() { out.fill(c.lanes[stdout]) })
	copies.Go(func() { complaints.fill(c.lanes[stderr]) })
	a, err := c.answer()
	c.lanes[stdin].fail(errEnded)
	c.lanes[stdout].fail(io.EOF)
	c.lanes[stderr].fail(io.EOF)
	copies.Wait()
	switch unwritten := errors.Join(out.err, complaints.err); {
	case unwritten != nil:
		return 0, unwritten
	case err != nil:
		return 0, lost(err)
	case a.Lost:
		return 0, &LostError{a.Error}
	case a.Error != "":
		return a.Status, errors.New(a.Error)
	}
	return a.Status, nil
}

// lost is what becomes of a connection that ends too early.
func lost(err error) error {
	if errors.Is(err, errEnded) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return &LostError{"the listener has ended, or has too many clients"}
	}
	return err
}

// stop tells the command to stop, and does not wait for ever until it has.
func (c *conn) stop() {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_ = c.send(kindStop, nil, nil)
}

// feed sends what the command reads. A source that fails has ended.
func (c *conn) feed(from io.Reader) {
	l := c.lanes[stdin]
	if from != nil {
		_ = pump(l, from)
	}
	_ = l.end()
}

// sink is where a lane's bytes go.
type sink struct {
	c   *conn
	w   io.Writer
	err error
}

// fill copies all of l. When that fails the connection ends, and the command with it.
func (s *sink) fill(l *lane) {
	if s.err = pump(s.w, l); s.err != nil {
		s.c.Close()
	}
}

// pump copies until from ends, and returns the error of writing.
func pump(to io.Writer, from io.Reader) error {
	buf := make([]byte, maxPayload-1)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}
