package tcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/gate"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/tcp"
)

// Pass is what a token lets its bearer be.
type Pass struct {
	Names   string        // that the host may have: a name, or a pattern as of path.Match ("web-*"); empty: any
	Uses    int           // how many hosts may join with it; 0: one, -1: any number
	Expires time.Duration // from now; 0: never
}

// ListenConfig says how hosts may join a manager. The zero value is ready: TLS with a key
// made for this listener.
type ListenConfig struct {
	// Identity is the listener's key, as NewIdentity makes it; nil: a new one. With the
	// same one, what hosts know of it holds after the manager was started again; tokens can
	// be readmitted.
	Identity []byte
	// Secret, when it is not nil, is all that lets a host in, and there are no tokens: the
	// connection is authenticated, and not hidden. 16 bytes at least. SECURITY.md says
	// when that is enough.
	Secret []byte
	// MaxHosts is how many hosts may be joined at once; 0: 65,536.
	MaxHosts int
}

// Host is one that has joined.
type Host struct {
	Name  string // Target.Host is "join://" and this
	Addr  string // from which it joined, HOST:PORT
	Since time.Time
	Cut   bool // it has no connection just now, and may come back
}

// Listener takes hosts that join a manager. It is safe for concurrent use. The manager's
// Close and Shutdown close it too.
type Listener struct {
	m    tcp.Manager
	log  *slog.Logger
	gate *gate.Gate

	mu      sync.Mutex // guards what follows
	hosts   map[string]*joined
	arrived []*joined // that nobody has accepted, and are here
	news    chan struct{}
	closed  chan struct{}
	once    sync.Once
}

type joined struct {
	Host
	stream *resume.Conn
}

// Listen is [ListenConfig.Listen] of the zero value.
func Listen(ctx context.Context, m *outwork.Manager, addr string) (*Listener, error) {
	return ListenConfig{}.Listen(ctx, m, addr)
}

// Listen takes hosts that join m at addr, "HOST:PORT" or ":PORT", until Close. A host that
// calls [Join] with a token becomes a Target.Host. Refusals are logged to m.Log. ctx ends
// no more than the call. outwork.Main must have been called.
func (c ListenConfig) Listen(ctx context.Context, m *outwork.Manager, addr string) (*Listener, error) {
	l, err := c.listen(ctx, m, addr)
	if err != nil {
		return nil, fmt.Errorf("listen for hosts on %s: %w", addr, err)
	}
	return l, nil
}

func (c ListenConfig) listen(ctx context.Context, m *outwork.Manager, addr string) (*Listener, error) {
	of, err := hook.Joinable(m)
	if err != nil {
		return nil, err
	}
	l := &Listener{m: of, hosts: map[string]*joined{}, news: make(chan struct{}), closed: make(chan struct{})}
	return l, of.Open(func(common tcp.Listening) (io.Closer, error) { return l, l.open(ctx, addr, &c, common) })
}

// open begins to listen.
func (l *Listener) open(ctx context.Context, addr string, c *ListenConfig, common tcp.Listening) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	cfg := config(keys, common)
	cfg.MaxHosts, cfg.Joined = c.MaxHosts, l.joined
	l.log, l.gate = common.Log, gate.Listen(ln, cfg)
	return nil
}

// Addr is where it listens, HOST:PORT.
func (l *Listener) Addr() string { return l.gate.Addr().String() }

// Token makes a token, which lets hosts in that give it to [Join]. It is a secret: whoever
// has it may take the place of such a host. It names the key of this listener too, so that
// who joins knows that it has come to the right one.
func (l *Listener) Token(p Pass) (string, error) { return l.gate.Token(gate.Pass(p)) }

// Readmit makes a token good again that a listener with the same Identity has made, before
// this program was started again. How often it was used then nobody knows: Uses and Expires
// count from now.
func (l *Listener) Readmit(token string, p Pass) error { return l.gate.Readmit(token, gate.Pass(p)) }

// Revoke makes a token worth nothing. Hosts that have joined with it stay.
func (l *Listener) Revoke(token string) error { return l.gate.Revoke(token) }

// joined is told of each new host.
func (l *Listener) joined(g *gate.Host) {
	h, err := l.m.Adopt(g.Name, g.Stream)
	if err != nil {
		why := err.Error()
		if errors.Is(err, outwork.ErrClosed) {
			why = tcp.Closes
		}
		l.m.Go(func() { g.Stream.End(why, tcp.Farewell) })
		return
	}
	j := &joined{Host{Name: g.Name, Addr: g.Addr.String(), Since: time.Now()}, g.Stream}
	l.mu.Lock()
	l.hosts[g.Name] = j
	l.mu.Unlock()
	l.m.Go(func() { l.follow(h, j) })
}

// follow is told by h when it has greeted, and when it is gone.
func (l *Listener) follow(h tcp.Host, j *joined) {
	if h.Arrived() == nil {
		l.mu.Lock()
		l.arrived = append(l.arrived, j)
		close(l.news)
		l.news = make(chan struct{})
		l.mu.Unlock()
	}
	l.parted(j.Name, h)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.arrived = slices.DeleteFunc(l.arrived, func(a *joined) bool { return a == j })
	if l.hosts[j.Name] == j {
		delete(l.hosts, j.Name)
	}
}

// parted waits for the end of a host, and logs it unless the manager itself has ended it.
func (l *Listener) parted(name string, h tcp.Host) {
	end, why := h.Parted()
	_, left := errors.AsType[*resume.EndError](end)
	switch {
	case errors.Is(end, mux.ErrClosed):
	case left:
		l.log.Info("host has left", "host", name, "why", why)
	default:
		l.log.Warn("host is lost", "host", name, "why", why)
	}
}

// Accept waits for the next host that joins, and returns what Target.Host is for it. The
// error is ctx's, or outwork.ErrClosed.
func (l *Listener) Accept(ctx context.Context) (host string, err error) {
	for {
		host, news := l.next()
		if host != "" {
			return host, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return "", ctx.Err()
		case <-l.closed:
			return "", outwork.ErrClosed
		}
	}
}

func (l *Listener) next() (host string, news chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.arrived) > 0 {
		host = tcp.Joined + l.arrived[0].Name
		l.arrived = l.arrived[1:]
	}
	return host, l.news
}

// Hosts are those that have joined and are not lost, by name.
func (l *Listener) Hosts() []Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Host, 0, len(l.hosts))
	for _, name := range slices.Sorted(maps.Keys(l.hosts)) {
		j := l.hosts[name]
		j.Cut = !j.stream.Joined()
		all = append(all, j.Host)
	}
	return all
}

// Close takes no more hosts, and returns when nothing of the listener is left. Hosts that
// have joined stay; one that is cut cannot come back.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	err := l.gate.Close()
	l.m.Closed(l)
	return err
}
