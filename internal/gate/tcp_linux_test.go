package gate

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/resume"
)

// hang is how long a test of real connections waits before it takes something to hang.
const hang = 30 * time.Second

// tcpGate is a gate on the loopback.
type tcpGate struct {
	*Gate
	t      *testing.T
	log    *logged
	joined chan *Host
}

// overLoopback is a gate that is closed with the test; then no descriptor and goroutine of
// it may be left.
func overLoopback(t *testing.T, c channel.Config) *tcpGate {
	t.Helper()
	before := held(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &tcpGate{t: t, joined: make(chan *Host, 100)}
	cfg := Config{Channel: c, Silence: testSilence, Redial: testRedial, Joined: func(h *Host) { g.joined <- h }}
	cfg.Log, g.log = newLog()
	g.Gate = Listen(ln, cfg)
	t.Cleanup(func() { before.same(t) }) // the last of all
	t.Cleanup(func() { g.Close() })
	return g
}

// holdings is what a process holds.
type holdings struct{ files, goroutines int }

func held(t *testing.T) holdings {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return holdings{len(files), runtime.NumGoroutine()}
}

// same waits until the process holds no more than it did: goroutines end a moment after
// they have said so.
func (h holdings) same(t *testing.T) {
	t.Helper()
	now := held(t)
	for end := time.Now().Add(hang); now.files > h.files || now.goroutines > h.goroutines; now = held(t) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%+v, and %+v before:\n%s", now, h, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
}

// adopt reads stream until the test is over.
func (g *tcpGate) adopt(stream *resume.Conn) {
	var group sync.WaitGroup
	group.Go(func() { new(inbox).read(stream) })
	g.t.Cleanup(func() {
		stream.Fail(errors.New("the test is over"))
		group.Wait()
		stream.Close()
	})
}

func (g *tcpGate) dialler(name, token string) (*Dialler, *resume.Conn) {
	g.t.Helper()
	stream := resume.New(streamConfig)
	g.adopt(stream)
	return &Dialler{
		Addresses: []string{g.Addr().String()}, Channel: channel.Config{Identity: identity(g.t), Pin: g.Pin()},
		Session: newSession(), Name: name, Token: token, Timeout: hang, Log: slog.New(slog.DiscardHandler),
	}, stream
}

func (g *tcpGate) token(p Pass) string {
	g.t.Helper()
	token, err := g.Token(p)
	if err != nil {
		g.t.Fatal(err)
	}
	return token
}

// connect is a connection to the gate that says nothing yet.
func (g *tcpGate) connect(from string) net.Conn {
	g.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", g.Addr().String())
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(hang))
	return c
}

// host is the next that joins.
func (g *tcpGate) host() *Host {
	g.t.Helper()
	select {
	case h := <-g.joined:
		g.adopt(h.Stream)
		return h
	case <-time.After(hang):
		g.t.Fatal("nobody has joined")
		return nil
	}
}

// awaitLog waits for a record with all of parts.
func (g *tcpGate) awaitLog(parts ...string) {
	g.t.Helper()
	for end := time.Now().Add(hang); !g.log.has(parts...); runtime.Gosched() {
		if time.Now().After(end) {
			g.t.Fatalf("logged %q, without %q", g.log.take(), parts)
		}
	}
}

func TestTCP(t *testing.T) {
	for name, c := range map[string]channel.Config{
		"keys": {Identity: identity(t)}, "secret": {Secret: []byte("sixteen bytes or so")},
	} {
		t.Run(name, func(t *testing.T) {
			g := overLoopback(t, c)
			token := ""
			if c.Secret == nil {
				token = g.token(Pass{})
			}
			d, stream := g.dialler("db1", token)
			d.Channel.Secret = c.Secret
			address, name, err := d.Join(t.Context(), stream)
			if err != nil || address != g.Addr().String() || name != "db1" {
				t.Fatalf("%q, %q, %v", address, name, err)
			}
			h := g.host()
			if host, _, _ := net.SplitHostPort(h.Addr.String()); host != "127.0.0.1" || h.Name != "db1" {
				t.Errorf("%+v", h)
			}
			if _, _, err := d.Join(t.Context(), stream); err != nil {
				t.Errorf("again: %v", err)
			}
			if h.Stream.AwaitJoin() {
				t.Errorf("it is over: %v", h.Stream.Err())
			}
		})
	}
}

// What is no JOIN is dropped at once, before anything is spent on it, and the log says
// what it was.
func TestNoChannel(t *testing.T) {
	const hello = "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"
	const greeting = "\x89own\r\n\x1a\n\x00\x01\x01\x00"
	keys, secret := channel.Config{Identity: identity(t)}, channel.Config{Secret: []byte("sixteen bytes or so")}
	for name, c := range map[string]struct {
		cfg        channel.Config
		said, want string
	}{
		"http":             {keys, "GET / HTTP/1.1\r\n\r\n", `plain text: it began with \"GET / HT\"`},
		"ssh":              {keys, "SSH-2.0-OpenSSH\x1b[31m\r\n", `plain text: it began with \"SSH-2.0-\"`},
		"zeros":            {keys, "\x00\x00\x00\x00\x00\x00\x00\x00\x00", `plain text: it began with \"\\x00`},
		"secret to keys":   {keys, greeting, "the record layer: it has a shared secret"},
		"keys to secret":   {secret, hello, "TLS: it has a key"},
		"http to secret":   {secret, "GET / HTTP/1.1\r\n\r\n", "plain text"},
		"TLS cut":          {keys, hello, "refused a connection"},
		"record cut":       {secret, greeting, "refused a connection"},
		"TLS garbage":      {keys, "\x16\x03\x01\x00\x05hello", "rule tls"},
		"record garbage":   {secret, greeting[:4] + strings.Repeat("x", 40), "rule greeting"},
		"nothing, and end": {keys, "", "it ended before a JOIN"},
	} {
		t.Run(name, func(t *testing.T) {
			g := overLoopback(t, c.cfg)
			conn := g.connect("127.0.0.1")
			if _, err := io.WriteString(conn, c.said); err != nil {
				t.Fatal(err)
			}
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn) // until it is dropped
			g.awaitLog("level=WARN", "refused a connection", "addr=127.0.0.1:", c.want)
		})
	}
}

// Garbage without an end costs nothing but its connection.
func TestGarbageWithoutEnd(t *testing.T) {
	g := overLoopback(t, channel.Config{Identity: identity(t)})
	for _, head := range []string{"", "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03", "\x16\x03\x01\x00\x01"} {
		conn := g.connect("127.0.0.1")
		block := make([]byte, 1<<16)
		rand.Read(block)
		io.WriteString(conn, head+"G")
		sent := 0
		for {
			n, err := conn.Write(block)
			if sent += n; err != nil {
				break
			}
			if sent > 1<<28 {
				t.Fatalf("%d bytes were taken behind %q", sent, head)
			}
		}
	}
	d, stream := g.dialler("db1", g.token(Pass{}))
	if _, _, err := d.Join(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	g.host()
}

// trickle says the bytes of a hello, one a second.
func trickle(c net.Conn, stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		if _, err := c.Write([]byte("\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03")[i%11 : i%11+1]); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// However many connections are half open, a good one is admitted, from their address and
// from another, also when it was there before they came; and they are bounded.
func TestHalfOpen(t *testing.T) {
	const many = 5000
	lots(t, 3*many)
	g := overLoopback(t, channel.Config{Identity: identity(t)})
	g.log.take()
	early := g.connect("127.0.0.2") // is not dropped for them
	stop := make(chan struct{})
	var group sync.WaitGroup
	defer group.Wait()
	defer close(stop)
	var joins []time.Duration
	began := time.Now()
	for i := range many {
		c := g.connect("127.0.0.1")
		switch i % 3 {
		case 1:
			io.WriteString(c, "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03")
		case 2:
			group.Go(func() { trickle(c, stop) })
		}
		if i%500 == 499 {
			d, stream := g.dialler(fmt.Sprintf("db%d", i), g.token(Pass{}))
			at := time.Now()
			if _, _, err := d.Join(t.Context(), stream); err != nil {
				t.Fatal(err)
			}
			joins = append(joins, time.Since(at))
			g.host()
		}
	}
	t.Logf("%d connections in %v; joins meanwhile took %v", many, time.Since(began), joins)
	g.arrivals.mu.Lock()
	pending, all := g.arrivals.pending, len(g.arrivals.all)
	g.arrivals.mu.Unlock()
	if pending > MaxPending {
		t.Errorf("%d are pending", pending)
	}
	t.Logf("%d are pending, %d on their way out", pending, all-pending)
	if time.Since(began) < Handshake {
		early.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := early.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the one of another address was dropped: %v", err)
		}
	}
	g.Close()
	told := g.log.find("refused a connection", "there were too many")
	if n := len(told); n < 1 || n > LogBurst+int(time.Since(began)/time.Second)+1 {
		t.Errorf("%d records of it", n)
	}
	if !g.log.has("refused more connections", "count=") {
		t.Error("the others were not counted")
	}
}

// lots lets the process have many file descriptors, or skips.
func lots(t *testing.T, files uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if old.Cur >= files {
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: max(files, old.Max)}); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%d file descriptors: %v", files, err)
		}
		t.Skipf("this needs %d file descriptors (ulimit -n): %v", files, err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
}

// When there are no file descriptors, the gate drops who waits, does not spin, and goes on
// when there are some.
func TestNoFiles(t *testing.T) {
	g := overLoopback(t, channel.Config{Identity: identity(t)})
	d, stream := g.dialler("db1", g.token(Pass{}))
	if _, _, err := d.Join(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	h := g.host()
	waiting := g.connect("127.0.0.1")
	// Ready-made sockets, for connect needs a descriptor too.
	fds := make([]int, 20)
	for i := range fds {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds[i] = fd
		t.Cleanup(func() { unix.Close(fd) })
	}
	more := noFiles(t)
	to := &unix.SockaddrInet4{Port: g.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	for _, fd := range fds {
		if err := unix.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
	}
	g.awaitLog("cannot take a connection", "too many open files")
	waiting.SetReadDeadline(time.Now().Add(hang))
	if _, err := waiting.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the one that waited was not dropped: %v", err)
	}
	more()
	other, otherStream := g.dialler("db2", g.token(Pass{}))
	if _, _, err := other.Join(t.Context(), otherStream); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	g.host()
	if !h.Stream.Joined() {
		t.Error("the host lost its connection")
	}
}

// noFiles lets this process open nothing, until more is called.
func noFiles(t *testing.T) (more func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	var taken []int
	more = sync.OnceFunc(func() {
		unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
		for _, fd := range taken {
			unix.Close(fd)
		}
	})
	t.Cleanup(more)
	runtime.GC() // files that were left to it would make room at any time
	lowest, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(lowest)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	for fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC); err == nil; fd, err = unix.Eventfd(0, unix.EFD_CLOEXEC) {
		taken = append(taken, fd)
	}
	return more
}

// Close ends all that is not in, in whatever phase: overLoopback counts what is left.
func TestCloseOverTCP(t *testing.T) {
	g := overLoopback(t, channel.Config{Identity: identity(t)})
	conns := []net.Conn{g.connect("127.0.0.1"), g.connect("127.0.0.1")}
	io.WriteString(conns[1], "\x16\x03\x01\x00\xc8\x01\x00")
	d, stream := g.dialler("db1", g.token(Pass{}))
	if _, _, err := d.Join(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	h := g.host()
	tr, err := d.open(t.Context(), g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ch, err := channel.Dial(tr, d.Channel)
	if err != nil {
		t.Fatal(err)
	}
	defer ch.Close()
	g.Close()
	for i, c := range conns {
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	if err := ch.ReadFull(make([]byte, 1)); err == nil {
		t.Error("the channel is there still")
	}
	if !h.Stream.Joined() || !stream.Joined() {
		t.Error("the host lost its connection")
	}
	if _, _, err := d.Join(t.Context(), stream); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("after Close: %v", err)
	}
}

func TestAffordable(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	for limit, want := range map[uint64]int{256: 64, 4096: MaxPending, 1 << 16: MaxPending} {
		if limit > old.Max {
			continue
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
		if got := affordable(MaxPending); got != want {
			t.Errorf("%d of %d file descriptors", got, limit)
		}
	}
}
