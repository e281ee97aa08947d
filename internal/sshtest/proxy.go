package sshtest

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ProxyOptions is how a network is that a [Proxy] stands for. The zero value is one
// that forwards at once.
type ProxyOptions struct {
	// Delay is what each byte takes, one way: half of a round trip. It does not limit
	// how much is on the way. The making of a connection is not delayed.
	Delay time.Duration

	// Rate is bits per second, each way; 0 for no limit.
	Rate int64
}

// Proxy forwards TCP connections to one address. Its methods may be called concurrently.
type Proxy struct {
	Host string // the alias, of a proxy by [Machine.Through]
	Addr string
	Port int

	options  ProxyOptions
	target   string
	listener net.Listener
	gate     gate
	running  sync.WaitGroup
	up, down atomic.Int64
	count    atomic.Int64

	mu     sync.Mutex
	routes map[*route]bool // guarded by mu: those that are open
	cut    bool            // guarded by mu: there are to be none
}

// route is one connection through a proxy.
type route struct {
	client, server net.Conn
	to, from       *line // the server
	torn           chan struct{}
}

// NewProxy listens on a free port of loopback, and forwards to target, a host and port.
// The caller closes it.
func NewProxy(target string, o ProxyOptions) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", target, err)
	}
	addr := listener.Addr().(*net.TCPAddr)
	p := &Proxy{
		Addr: addr.IP.String(), Port: addr.Port, options: o, target: target,
		listener: listener, routes: make(map[*route]bool),
	}
	p.running.Go(p.accept)
	return p, nil
}

// Close closes all connections, and returns when nothing of the proxy is left. It may
// be called more than once.
func (p *Proxy) Close() {
	p.listener.Close()
	p.Cut()
	p.running.Wait()
}

// Cut closes all connections, on both sides, and those that are made until Resume.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for r := range p.routes {
		p.tear(r)
	}
}

// Stall keeps connections open, and accepts new ones, but lets nothing pass until
// Resume, not even the end of a connection.
func (p *Proxy) Stall() { p.gate.shut() }

// Resume ends Stall and Cut. What was held back by Stall passes; what was cut stays so.
func (p *Proxy) Resume() {
	p.mu.Lock()
	p.cut = false
	p.mu.Unlock()
	p.gate.open()
}

// Bytes is how many bytes were forwarded, to the target and from it.
func (p *Proxy) Bytes() (to, from int64) { return p.up.Load(), p.down.Load() }

// Connections is how many connections were made to the target.
func (p *Proxy) Connections() int { return int(p.count.Load()) }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve forwards one connection until both directions have ended.
func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	if p.isCut() {
		return
	}
	server, err := net.DialTimeout("tcp", p.target, 10*time.Second)
	if err != nil {
		return // the client sees that nobody is there
	}
	defer server.Close()
	p.shorten(client, server)
	r := &route{client, server, newLine(p.options), newLine(p.options), make(chan struct{})}
	if !p.enter(r) {
		return
	}
	defer p.leave(r)
	p.count.Add(1)
	var both sync.WaitGroup
	both.Go(func() { p.read(r, r.to, client) })
	both.Go(func() { p.read(r, r.from, server) })
	both.Go(func() { p.write(r, r.to, server, &p.up) })
	both.Go(func() { p.write(r, r.from, client, &p.down) })
	both.Wait()
}

func (p *Proxy) isCut() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

// shorten keeps the kernel from holding for a slow network what that would not hold.
func (p *Proxy) shorten(conns ...net.Conn) {
	if p.options.Rate == 0 {
		return
	}
	for _, c := range conns {
		tcp := c.(*net.TCPConn)
		_ = tcp.SetReadBuffer(maxChunk) // a matter of likeness alone
		_ = tcp.SetWriteBuffer(maxChunk)
	}
}

func (p *Proxy) enter(r *route) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		p.routes[r] = true
	}
	return !p.cut
}

func (p *Proxy) leave(r *route) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.routes, r)
}

// abandon ends a connection of which one side failed.
func (p *Proxy) abandon(r *route) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tear(r)
}

// tear closes a connection. The caller has locked mu.
func (p *Proxy) tear(r *route) {
	if !p.routes[r] {
		return
	}
	delete(p.routes, r)
	close(r.torn)
	r.to.tear()
	r.from.tear()
	r.client.Close()
	r.server.Close()
}

// read puts into a line what comes from a side, until that has no more.
func (p *Proxy) read(r *route, l *line, from net.Conn) {
	for {
		buf := make([]byte, l.piece())
		n, err := from.Read(buf)
		if !p.gate.pass(r.torn) {
			return
		}
		if n > 0 && !l.put(buf[:n:n]) {
			return
		}
		if err != nil {
			l.end()
			return
		}
	}
}

// write writes to a side what comes out of a line.
func (p *Proxy) write(r *route, l *line, to net.Conn, count *atomic.Int64) {
	for {
		c, ok := l.next()
		if !ok || !r.wait(c.due) || !p.gate.pass(r.torn) {
			return
		}
		if c.data == nil { // the end
			_ = to.(*net.TCPConn).CloseWrite() // the other direction goes on, or has failed
			return
		}
		count.Add(int64(len(c.data))) // first, so that who has it finds it counted
		if _, err := to.Write(c.data); err != nil {
			p.abandon(r)
			return
		}
		l.out()
	}
}

// wait waits until a time, and reports whether the connection is still there.
func (r *route) wait(due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-r.torn:
		return false
	case <-timer.C:
		return true
	}
}

// gate is open at first.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // guarded by mu: nil while it is open, closed when it opens
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

// pass waits until the gate is open, and returns false if torn is closed before.
func (g *gate) pass(torn <-chan struct{}) bool {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened == nil {
		return true
	}
	select {
	case <-torn:
		return false
	case <-opened:
		return true
	}
}
