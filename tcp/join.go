package tcp

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/agent"
	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/gate"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/tcp"
)

// JoinConfig says which manager to join, and how. Token or Secret must be set.
type JoinConfig struct {
	Address string            // HOST:PORT
	Token   string            // of the manager's listener
	Secret  []byte            // instead of a token: see ListenConfig
	Name    string            // that this host wants; empty: what the token says, or the machine's name
	Log     *slog.Logger      // cuts and returns; nil: slog.Default()
	Redial  time.Duration     // how long it may be cut off, MaxRedial at most; 0: DefaultRedial
	Joined  func(name string) // is told when it is a host of the manager's; may be nil
}

// JoinError is a manager that was not joined, or was lost.
type JoinError struct {
	Address string
	// Refused says that the manager was reached, and said no: trying again does not help. (It
	// does when the name is that of a host that is here, which may be dead, or there are too
	// many: that is no such refusal.)
	Refused bool
	Err     error
}

// Error is one sentence.
func (e *JoinError) Error() string {
	return "join " + e.Address + ": " + strings.TrimPrefix(e.Err.Error(), e.Address+": ")
}

// Unwrap is the reason.
func (e *JoinError) Unwrap() error { return e.Err }

// Join makes this process a host of the manager that listens at c.Address, as an agent is
// that was brought there: it starts workers of this program, and supervises them. It
// returns when ctx has ended, with its error; when the manager has closed, with nil; and
// else with a [*JoinError]. Nothing that it has started is left then. outwork.Main must have been
// called. A process joins one manager at a time, and has
// no children of its own meanwhile: they would be taken for what workers leave behind, and
// killed.
func Join(ctx context.Context, c JoinConfig) error {
	err := c.join(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	r, refused := errors.AsType[*gate.Refusal](err)
	return &JoinError{c.Address, refused && !r.Passes(), err}
}

func (c *JoinConfig) join(ctx context.Context) error {
	hello, err := hook.Joins()
	if err != nil {
		return err
	}
	d, err := c.dialler()
	if err != nil {
		return err
	}
	stream := resume.New(resume.Config{Silence: link.Silence, Redial: tcp.Redial(c.Redial)})
	name, err := c.enter(ctx, d, stream)
	if err != nil {
		stream.Close()
		return err
	}
	var keeper sync.WaitGroup
	defer keeper.Wait()
	life, end := context.WithCancel(context.Background())
	defer end()
	keeper.Go(func() { d.Keep(life, stream) })
	leave := context.AfterFunc(ctx, func() { stream.End("the host leaves", tcp.Farewell) })
	defer leave()
	if err := agent.ServeOver(stream, hello, c.joined(name)); err != nil {
		return err
	}
	return gone(stream.Err())
}

// joined tells the caller. The manager has spoken: it knows this host.
func (c *JoinConfig) joined(name string) func() {
	return func() {
		if c.Joined != nil {
			c.Joined(name)
		}
	}
}

// gone is why a manager has gone; nil: it has ended it. It may have ended it with this host
// alone, and says why then.
func gone(why error) error {
	if e, ended := errors.AsType[*resume.EndError](why); ended && (e.Reason == tcp.Closes || e.Reason == "") {
		return nil
	}
	if why == io.EOF { // not errors.Is: an EndError is one too, and says more
		return errors.New("the connection ended")
	}
	return why
}

// enter joins. A token for several names wants to be told which.
func (c *JoinConfig) enter(ctx context.Context, d *gate.Dialler, stream *resume.Conn) (name string, err error) {
	_, name, err = d.Join(ctx, stream)
	refused, ok := errors.AsType[*gate.Refusal](err)
	if c.Name == "" && ok && refused.OfName() {
		if name, err = os.Hostname(); err == nil {
			d.Name = name
			_, name, err = d.Join(ctx, stream)
		}
	}
	return name, err
}

// dialler is one that has proof that it may join.
func (c *JoinConfig) dialler() (d *gate.Dialler, err error) {
	d = &gate.Dialler{Addresses: []string{c.Address}, Name: c.Name, Token: c.Token, Log: c.Log}
	rand.Read(d.Session[:]) // never fails
	switch {
	case c.Secret != nil && c.Token != "":
		return nil, errors.New("a token and a secret: there must be one of them")
	case c.Secret == nil && c.Token == "":
		return nil, errors.New("there is neither a token nor a secret")
	case c.Secret == nil:
		d.Channel.Identity, err = channel.NewIdentity()
		return d, err
	case d.Name == "":
		if d.Name, err = os.Hostname(); err != nil {
			return nil, err
		}
	}
	d.Channel.Secret = c.Secret
	return d, checkSecret(c.Secret)
}
