package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/outwork-go/outwork/cmd/outwork/internal/program"
	"github.com/outwork-go/outwork/internal/service/listen"
)

// InUseError is a socket that another listener serves.
type InUseError struct {
	Path string
	PID  int // 0: not known
}

func (e *InUseError) Error() string {
	who := ""
	if e.PID != 0 {
		who = fmt.Sprintf(", process %d", e.PID)
	}
	return fmt.Sprintf("another outwork listen%s serves %s already: end it, or give this one its own --socket", who, e.Path)
}

// Server is the listener's side.
type Server struct {
	l     *listen.Listener
	grace time.Duration
}

// Listen makes the socket. grace is how long a command has that was told to stop. Serve or
// Close must be called.
func Listen(path string, grace time.Duration) (*Server, error) {
	if err := ready(path); err != nil {
		return nil, err
	}
	l, err := listen.Own(listen.Config{Path: path, Mode: 0o600, Connections: Connections, PerUser: Connections})
	if e, ok := errors.AsType[*listen.InUseError](err); ok {
		return nil, &InUseError{e.Path, e.PID}
	}
	if err != nil {
		return nil, err
	}
	return &Server{l, grace}, nil
}

// Close removes the socket.
func (s *Server) Close() error { return s.l.Close() }

// Serve answers requests until ctx ends, and tells commands to stop then. It returns when
// all of them have, and the socket is gone.
func (s *Server) Serve(ctx context.Context, b Backend) error {
	var all sync.WaitGroup
	defer all.Wait()
	defer s.Close()
	for {
		c, err := s.l.Accept(ctx)
		if ctx.Err() != nil || errors.Is(err, listen.ErrClosed) {
			if c != nil {
				c.Release()
			}
			return nil
		}
		if err != nil {
			return err
		}
		all.Go(func() {
			defer c.Release()
			s.welcome(ctx, b, c)
		})
	}
}

// welcome answers one client.
func (s *Server) welcome(ctx context.Context, b Backend, accepted *listen.Conn) {
	if uid := accepted.Peer.UID; uid != 0 && int(uid) != os.Getuid() {
		return // the socket's mode has let nobody else in
	}
	n, err := accepted.Net()
	if err != nil {
		return
	}
	defer n.Close()
	s.answer(ctx, b, newConn(n))
}

// answer serves a connection.
func (s *Server) answer(ctx context.Context, b Backend, c *conn) {
	defer context.AfterFunc(ctx, func() { c.SetWriteDeadline(time.Now().Add(2 * s.grace)) })() // who does not read holds nothing up
	r, err := c.request(ctx)
	if err != nil {
		return
	}
	a := Answer{Address: b.Address()}
	switch r.Do {
	case List:
		a.Hosts = b.Hosts()
	case Token:
		a.Token, err = b.Token(r.Names, r.Uses, r.Expires)
	case Revoke:
		err = b.Revoke(r.Text)
	case attach:
		a.Status, err = s.attach(ctx, b, c, r)
	default:
		err = fmt.Errorf("the listener does not know how to %q: it is of another version", r.Do)
	}
	a.complain(err)
	_ = c.sendAnswer(a) // it may be gone
}

// complain makes a say err.
func (a *Answer) complain(err error) {
	if err == nil {
		return
	}
	a.Error = err.Error()
	if _, lost := errors.AsType[*LostError](err); lost {
		a.Lost = true
	}
	if e, ok := errors.AsType[*program.Unstarted](err); ok {
		a.Error, a.Status = e.Text, e.Status
	}
}

// request reads what a client wants.
func (c *conn) request(ctx context.Context) (r Request, err error) {
	c.SetReadDeadline(time.Now().Add(patience))
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	hello := make([]byte, len(preamble))
	if _, err := io.ReadFull(c.in, hello); err != nil {
		return r, err
	}
	if string(hello) != preamble {
		return r, errors.New("it speaks another protocol")
	}
	kind, n, err := c.header()
	if err == nil && kind != kindRequest {
		err = fmt.Errorf("a record of kind %d is no request", kind)
	}
	var b []byte
	if err == nil {
		b, err = c.payload(n)
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if !stop() {
		return r, context.Cause(ctx)
	}
	c.SetReadDeadline(time.Time{})
	return r, err
}

var (
	errStopped = errors.New("it was told to stop")
	errGone    = errors.New("who asked for it has gone")
)

// attach runs a command, and returns its status.
func (s *Server) attach(ctx context.Context, b Backend, c *conn, r Request) (int, error) {
	if len(r.Argv) == 0 {
		return 0, errors.New("there is no command")
	}
	serving := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer c.SetReadDeadline(time.Unix(1, 0)) // nothing more is read
	reading.Go(func() { c.follow(cancel) })
	defer c.lanes[stdin].fail(errEnded)
	cmd := program.Command{Stdin: c.lanes[stdin], Stdout: c.lanes[stdout], Stderr: c.lanes[stderr], Grace: s.grace}
	for _, arg := range r.Argv {
		cmd.Argv = append(cmd.Argv, string(arg))
	}
	end, err := b.Run(ctx, r.Host, cmd)
	if serving.Err() != nil {
		return 0, &LostError{"the listener was ended"}
	}
	if err != nil {
		return 0, err
	}
	return end.Status(), nil
}

// follow reads what the client of a command sends.
func (c *conn) follow(cancel context.CancelCauseFunc) {
	for {
		kind, n, err := c.header()
		switch {
		case err != nil:
		case kind == kindStop && n == 0:
			cancel(errStopped)
		default:
			err = c.traffic(kind, n, func(lane int) bool { return lane != stdin })
		}
		if err != nil {
			cancel(errGone)
			c.fail(errGone)
			return
		}
	}
}

// sendAnswer sends an answer of any length.
func (c *conn) sendAnswer(a Answer) error {
	b, err := json.Marshal(a)
	for err == nil && len(b) > maxPayload {
		err = c.send(kindMore, b[:maxPayload], nil)
		b = b[maxPayload:]
	}
	if err != nil {
		return err
	}
	return c.send(kindAnswer, b, nil)
}
