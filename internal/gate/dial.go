package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
)

// Dialler is the side that dials. Its fields must not change while it is used. Join and
// Keep are for one goroutine at a time.
type Dialler struct {
	Addresses []string       // HOST:PORT, tried in that order, but first the one that has let in last
	Channel   channel.Config // with a token, its Pin is the token's
	Session   Session
	Name      string        // that the host wants; empty: whatever the token says
	Token     string        // empty: none
	Timeout   time.Duration // of one attempt, 0: 5 s
	Log       *slog.Logger  // cuts and returns; nil: slog.Default

	attempt atomic.Uint64 // of the last JOIN
	good    string        // the address that has let in last
	last    time.Time     // when Keep began the last attempt
	pause   time.Duration // before its next one

	dial func(ctx context.Context, address string) (mux.Transport, error) // nil: TCP
}

// Pauses between the attempts of Keep, at first and at most. A connection that has lasted
// for steady is no failed attempt.
const (
	firstPause = 100 * time.Millisecond
	mostPause  = 2 * time.Second
	steady     = 5 * time.Second
)

// dialTimeout is Dialler.Timeout where it is not said.
const dialTimeout = 5 * time.Second

// Refusal is an ADMIT that does not let in.
type Refusal struct {
	Code uint8 // PROTOCOL.md has them
	Text string
}

// Error is what the other side said.
func (r *Refusal) Error() string {
	if r.Text == "" {
		return fmt.Sprintf("the manager refuses, and does not say why (code %d)", r.Code)
	}
	return "the manager refuses: " + plain(r.Text)
}

// Final reports whether it is of no use to ask again.
func (r *Refusal) Final() bool { return r.Code != codeAttempt }

// Passes reports whether it may be another answer soon: to a new session, at least. One that
// has the name may be dead, and not be known to be for link.Silence.
func (r *Refusal) Passes() bool {
	return r.Code == codeTaken || r.Code == codeFull || r.Code == codeAttempt
}

// OfName reports whether it was the name that was refused, whoever else has it.
func (r *Refusal) OfName() bool { return r.Code == codeName }

// Join dials each address in turn, once, and attaches stream to the first that admits it. It
// returns the address, and the name that the host has. Its error names each address and what
// was wrong; a *Refusal is in it where somebody refused, and then no other address is tried.
// Until one of them has shown that it has the right key, the connection that stream has
// stays. The end of ctx ends it at once.
func (d *Dialler) Join(ctx context.Context, stream *resume.Conn) (address, name string, err error) {
	c, token, err := d.credentials()
	if err != nil {
		return "", "", err
	}
	var all failures
	for _, address := range d.order() {
		name, err := d.try(ctx, address, c, token, stream)
		if err == nil {
			d.good = address
			return address, name, nil
		}
		all = append(all, fmt.Errorf("%s: %w", address, err))
		if _, no := errors.AsType[*Refusal](err); no || ctx.Err() != nil || isOver(stream) {
			break
		}
	}
	if len(all) == 0 {
		return "", "", errors.New("there is no address to dial")
	}
	return "", "", all
}

// order are the addresses as they are tried: one that does not answer costs Timeout, and
// time is short when the stream is cut.
func (d *Dialler) order() []string {
	i := slices.Index(d.Addresses, d.good)
	if i <= 0 {
		return d.Addresses
	}
	return append([]string{d.good}, slices.Delete(slices.Clone(d.Addresses), i, i+1)...)
}

// failures are what was wrong with each address.
type failures []error

func (f failures) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (f failures) Unwrap() []error { return f }

// credentials are what d shows: the channel's, and a token or none.
func (d *Dialler) credentials() (c channel.Config, t *ticket, err error) {
	c, t = d.Channel, &ticket{}
	switch {
	case d.Token == "" && c.Secret == nil && c.Pin == (channel.Pin{}):
		return c, nil, errors.New("there is neither a token nor a shared secret: ask for one where the host is to join")
	case d.Token == "":
		return c, nil, nil
	}
	if t, err = parseTicket(d.Token); err != nil {
		return c, nil, err
	}
	c.Pin = t.pin
	return c, t, nil
}

// try is Join with one address.
func (d *Dialler) try(ctx context.Context, address string, c channel.Config, token *ticket, stream *resume.Conn) (name string, err error) {
	limit := d.Timeout
	if limit == 0 {
		limit = dialTimeout
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	name, err = d.connect(within, address, c, token, stream)
	switch {
	case err == nil, isVerdict(err):
		return name, err
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case within.Err() != nil:
		return "", fmt.Errorf("no answer within %s", seconds(limit))
	case errors.Is(err, io.EOF) && c.Secret != nil:
		err = fmt.Errorf("%w: it has another secret, or none, or too many want in; what listens there logs why", errHungUp)
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("%w: it does not let hosts in by a token, or too many want in; what listens there logs why", errHungUp)
	}
	return "", err
}

var errHungUp = errors.New("it has hung up")

// isVerdict reports whether err is what the other side has said, or who it is: then it
// counts more than that the time was over meanwhile.
func isVerdict(err error) bool {
	_, refused := errors.AsType[*Refusal](err)
	_, key := errors.AsType[*channel.KeyError](err)
	return refused || key
}

func (d *Dialler) connect(ctx context.Context, address string, c channel.Config, token *ticket, stream *resume.Conn) (name string, err error) {
	t, err := d.open(ctx, address)
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, dropper(t))
	defer stop()
	ch, err := channel.Dial(t, c)
	if err != nil {
		return "", err
	}
	a, err := d.ask(ch, token, stream)
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		ch.Close()
		return "", err
	}
	return a.Name, stream.Attach(ch, a.Received)
}

func (d *Dialler) open(ctx context.Context, address string) (mux.Transport, error) {
	if d.dial != nil {
		return d.dial(ctx, address)
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err // the address stands in front already
		}
		return nil, err
	}
	return overTCP(c)
}

// ask says JOIN, and returns the ADMIT that lets in. The stream is frozen from then on.
func (d *Dialler) ask(ch *channel.Conn, token *ticket, stream *resume.Conn) (*admit, error) {
	j := &join{
		Version: joinVersion, Session: d.Session[:], Attempt: d.attempt.Add(1),
		Name: d.Name, Token: []byte{}, Secret: []byte{},
	}
	if token != nil {
		j.Token, j.Secret = token.id[:], token.secret[:]
	}
	j.Received = stream.Freeze()
	b, err := packed(joinPlan(), j)
	if err != nil {
		return nil, err
	}
	if err := ch.WriteAll(b); err != nil {
		return nil, err
	}
	if b, err = readMessage(ch); err != nil {
		return nil, err
	}
	a, err := parseAdmit(b)
	if err != nil {
		return nil, fmt.Errorf("an ADMIT that is none: %w", err)
	}
	if a.Code != codeAdmitted {
		return nil, &Refusal{a.Code, a.Text}
	}
	return a, nil
}

// Keep joins again whenever stream is cut, with pauses of 100 ms to 2 s between attempts,
// until stream is over, ctx ends, or it is refused for good: then it fails stream.
func (d *Dialler) Keep(ctx context.Context, stream *resume.Conn) {
	log := d.Log
	if log == nil {
		log = slog.Default()
	}
	for {
		why, over, err := awaitCut(ctx, stream)
		if over || err != nil {
			return
		}
		cut := time.Now()
		log.Warn("the manager is cut off", "why", cutReason(why))
		address, err := d.again(ctx, stream)
		if err != nil {
			log.Warn("the manager is not reached again", "why", err)
			return
		}
		log.Info("the manager is back", "address", address, "after", time.Since(cut).Round(time.Millisecond))
	}
}

// again joins, however many attempts that takes. Its error is the last one's.
func (d *Dialler) again(ctx context.Context, stream *resume.Conn) (address string, err error) {
	if time.Since(d.last) > steady {
		d.pause = 0
	}
	for {
		if !d.rest(ctx, stream) {
			if err == nil {
				err = gone(ctx, stream)
			}
			return "", err
		}
		d.last = time.Now()
		if address, _, err = d.Join(ctx, stream); err == nil {
			return address, nil
		}
		if r, ok := errors.AsType[*Refusal](err); ok && r.Final() {
			stream.Fail(err)
			return "", err
		}
	}
}

// rest pauses before the next attempt; false: there is to be none.
func (d *Dialler) rest(ctx context.Context, stream *resume.Conn) bool {
	timer := time.NewTimer(time.Until(d.last.Add(d.pause)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-stream.Done():
	}
	d.pause = later(d.pause)
	return ctx.Err() == nil && !isOver(stream)
}

// later is the pause that follows on one. Hosts that are cut off together do not come
// again together.
func later(pause time.Duration) time.Duration {
	pause = min(max(2*pause, firstPause), mostPause)
	return min(max(firstPause, pause-pause/4+rand.N(pause/2)), mostPause)
}

// gone is why nobody joins any more.
func gone(ctx context.Context, stream *resume.Conn) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return stream.Err()
}
