// Package gate lets hosts in that dial: it listens, admits who has a key, a token or the
// secret, drops who has none, and hands on the lasting stream of each; and it is the side
// that dials, and dials again. PROTOCOL.md (Links over TCP, Admission) has the messages
// and verdicts.
package gate

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/transport"
)

// Limits; each has its line in PROTOCOL.md.
const (
	Handshake  = 10 * time.Second // from accept to JOIN
	MaxPending = 1024             // connections that are not admitted yet, and a quarter of the file descriptors at most
	MaxHosts   = 65536            // hosts, where Config does not say
	LogBurst   = 10               // refusals that are logged at once; then 1 a second
)

// Session tells the streams of a gate apart.
type Session [16]byte

// Pass is what a token lets its bearer do. Its zero value is for one host of any name.
type Pass struct {
	Names   string        // that the host may have: a name, or a pattern as of path.Match; empty: any
	Uses    int           // how many hosts may join with it; 0 is 1, -1 any number
	Expires time.Duration // from now; 0: never
}

// Host is one that has joined.
type Host struct {
	Name   string
	Addr   net.Addr // from which it joined first
	Stream *resume.Conn
}

// Config is of a Gate.
type Config struct {
	Channel  channel.Config
	Silence  time.Duration // of the hosts' streams
	Redial   time.Duration
	MaxHosts int          // that may be joined at once, 0: MaxHosts
	Log      *slog.Logger // refusals, cuts and returns; nil: slog.Default
	// Joined is told of each new host, in a goroutine of its own, which Close waits for.
	Joined func(*Host)
}

// Gate is a listener. It is safe for concurrent use.
type Gate struct {
	cfg      Config
	ln       net.Listener
	wrap     func(net.Conn) (mux.Transport, error)
	log      *refusals
	tokens   tokens
	arrivals *arrivals
	close    func() error

	ctx    context.Context // until Close
	cancel context.CancelFunc
	group  sync.WaitGroup // all goroutines of the gate

	mu       sync.Mutex // guards what follows. Who holds it may lock tokens.mu, and a session's that nobody joins
	closed   bool
	sessions map[Session]*session
	names    map[string]*session // of those that have joined
}

// Listen begins to take connections of ln, which the Gate owns. The connections are TCP's.
func Listen(ln net.Listener, c Config) *Gate {
	return listen(ln, c, overTCP, affordable(MaxPending))
}

// overTCP is a connection as a transport, which owns it, also when it fails. It may be
// stopped at any time, also when it is closed.
func overTCP(c net.Conn) (mux.Transport, error) {
	if tcp, ok := c.(*net.TCPConn); ok {
		return transport.NewTCP(tcp)
	}
	c.Close()
	return nil, errors.New("this is no TCP connection")
}

// dropper is how t is dropped by somebody else than who reads it.
func dropper(t mux.Transport) func() {
	if d, ok := t.(interface{ Drop() }); ok {
		return d.Drop
	}
	return t.Stop
}

// listen is Listen, with a way to make transports of connections.
func listen(ln net.Listener, c Config, wrap func(net.Conn) (mux.Transport, error), pending int) *Gate {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.MaxHosts == 0 {
		c.MaxHosts = MaxHosts
	}
	g := &Gate{
		cfg: c, ln: ln, wrap: wrap, log: newRefusals(c.Log), arrivals: newArrivals(pending),
		sessions: map[Session]*session{}, names: map[string]*session{},
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.close = sync.OnceValue(g.shut)
	g.group.Go(g.accept)
	return g
}

// Addr is where it listens.
func (g *Gate) Addr() net.Addr { return g.ln.Addr() }

// Pin is that of its key; zero where there is but a secret.
func (g *Gate) Pin() channel.Pin {
	if g.cfg.Channel.Secret != nil {
		return channel.Pin{}
	}
	return g.cfg.Channel.Identity.Pin()
}

// Token makes a token: what Dialler.Token takes. It is a secret.
func (g *Gate) Token(p Pass) (string, error) {
	if g.cfg.Channel.Secret != nil {
		return "", errors.New("there are no tokens where hosts join by a shared secret: who has it may join")
	}
	return g.tokens.add(p, g.Pin())
}

// Readmit makes a token good that a gate with the same key has made, before its program was
// started again: what that knew of it is forgotten, so its uses count anew.
func (g *Gate) Readmit(token string, p Pass) error {
	t, err := parseTicket(token)
	switch {
	case err != nil:
		return err
	case g.cfg.Channel.Secret != nil || t.pin != g.Pin():
		return errors.New("this token is of a listener with another key")
	}
	return g.tokens.readmit(t, p)
}

// Revoke makes a token worth nothing. Hosts that have joined with it stay. It fails for a
// token that is none of this gate's.
func (g *Gate) Revoke(token string) error {
	t, err := parseTicket(token)
	if err != nil {
		return err
	}
	return g.tokens.revoke(t)
}

// Close stops listening, and returns when no goroutine or connection of the gate's is left.
// The streams of hosts that have joined are not its own: they stay, and cannot be resumed.
// It returns the same each time.
func (g *Gate) Close() error { return g.close() }

func (g *Gate) shut() error {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	err := g.ln.Close()
	g.arrivals.close(closing)
	g.cancel()
	g.group.Wait()
	g.log.close()
	return err
}

// closing is what is said to who comes too late.
const closing = "the manager is closing"

// How long accept pauses when it cannot take a connection, at first and at most.
const (
	shortPause = 5 * time.Millisecond
	longPause  = time.Second
)

// accept takes whoever comes, until Close.
func (g *Gate) accept() {
	pause := shortPause
	for {
		c, err := g.ln.Accept()
		switch {
		case g.isClosed():
			if err == nil {
				c.Close()
			}
			return
		case err != nil:
			g.cannot(err)
			g.pause(pause)
			pause = min(2*pause, longPause)
		default:
			g.receive(c)
			pause = shortPause
		}
	}
}

func (g *Gate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// cannot makes room after an error of Accept, and says so. A log that is slow must not
// delay who comes next.
func (g *Gate) cannot(err error) {
	if outOfFiles(err) {
		g.arrivals.dropOldest("it was the oldest of the address that has most, and there were too many open files")
	}
	g.group.Go(func() { g.log.warn("cannot take a connection", "reason", err) })
}

// outOfFiles reports a shortage that fewer connections make good.
func outOfFiles(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// pause waits for d, or until Close.
func (g *Gate) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-g.ctx.Done():
	}
}

// receive looks after c in a goroutine of its own.
func (g *Gate) receive(c net.Conn) {
	a := g.arrivals.add(c, Handshake)
	if a == nil {
		c.Close()
		return
	}
	g.group.Go(func() { g.serve(a) })
}
