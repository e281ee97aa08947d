package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/transport"
)

// memory is a network of one listener, in this process, which testing/synctest knows.
type memory struct {
	come chan net.Conn
	end  chan struct{}
	once sync.Once

	mu    sync.Mutex
	ends  []mux.Transport // of all connections
	dead  bool            // nobody can be reached
	mute  bool            // what the gate sends is lost
	dials int
}

func newMemory() *memory { return &memory{come: make(chan net.Conn), end: make(chan struct{})} }

// memoryConn is an end of a connection as the listener gets it.
type memoryConn struct {
	net.Conn
	t    mux.Transport
	from string
}

func (c *memoryConn) RemoteAddr() net.Addr        { return address(c.from) }
func (c *memoryConn) SetDeadline(time.Time) error { return nil }
func (c *memoryConn) Close() error                { return c.t.Close() }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.come:
		return c, nil
	case <-m.end:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.end) }); return nil }
func (m *memory) Addr() net.Addr { return address("memory:1") }

// wrap is how a gate makes a transport of a connection.
func (m *memory) wrap(c net.Conn) (mux.Transport, error) {
	return &muted{c.(*memoryConn).t, m}, nil
}

// muted is a gate's end.
type muted struct {
	mux.Transport
	m *memory
}

func (t *muted) Send(bufs [][]byte, files []*os.File) (int, error) {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	if t.m.mute {
		return 0, io.ErrClosedPipe
	}
	return t.Transport.Send(bufs, files)
}

func (m *memory) setMute(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mute = on
}

func (m *memory) dial(ctx context.Context, addr string) (mux.Transport, error) {
	m.mu.Lock()
	dead := m.dead
	m.dials++
	n := m.dials
	m.mu.Unlock()
	if dead {
		return nil, syscall.ECONNREFUSED
	}
	a, b := transport.Pair()
	select {
	case m.come <- &memoryConn{t: b, from: fmt.Sprintf("10.0.0.1:%d", n)}:
	case <-m.end:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ends = append(m.ends, a, b)
	return a, nil
}

// cut ends all connections.
func (m *memory) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.ends {
		t.Close()
	}
	m.ends = nil
}

// reachable says whether anybody can be dialled.
func (m *memory) reachable(yes bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = !yes
}

func (m *memory) dialled() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dials
}

// scene is a gate on a network in memory, within a bubble of testing/synctest.
type scene struct {
	t       *testing.T
	net     *memory
	gate    *Gate
	log     *logged // of the gate
	key     *channel.Identity
	joined  chan *Host
	streams map[*resume.Conn]*inbox // of either side
}

// inbox is what comes of a stream. Who does not read does not learn of a cut.
type inbox struct {
	mu   sync.Mutex
	text []byte
}

// read reads stream until it ends.
func (in *inbox) read(stream *resume.Conn) {
	b := make([]byte, 100)
	for {
		n, _, err := stream.Recv([][]byte{b})
		in.mu.Lock()
		in.text = append(in.text, b[:n]...)
		in.mu.Unlock()
		switch {
		case errors.Is(err, mux.ErrAgain):
			stream.Rest()
		case err != nil:
			return
		}
	}
}

// adopt reads stream, which ends with the scene.
func (s *scene) adopt(stream *resume.Conn) {
	s.streams[stream] = &inbox{}
	go s.streams[stream].read(stream)
}

// got checks what has come of a stream since the last time.
func (s *scene) got(stream *resume.Conn, want string) {
	s.t.Helper()
	synctest.Wait()
	in := s.streams[stream]
	in.mu.Lock()
	defer in.mu.Unlock()
	if string(in.text) != want {
		s.t.Errorf("got %q, want %q", in.text, want)
	}
	in.text = nil
}

func (s *scene) send(stream *resume.Conn, text string) {
	s.t.Helper()
	if err := transport.SendAll(stream, [][]byte{[]byte(text)}, nil); err != nil {
		s.t.Fatal(err)
	}
}

const (
	testRedial  = 2 * time.Minute
	testSilence = 15 * time.Second
)

var streamConfig = resume.Config{Silence: testSilence, Redial: testRedial}

// within runs test with a gate, and ends all that is left then.
func within(t *testing.T, change func(*Config), test func(t *testing.T, s *scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scene{t: t, net: newMemory(), key: identity(t), joined: make(chan *Host, 100), streams: map[*resume.Conn]*inbox{}}
		c := Config{Channel: channel.Config{Identity: s.key}, Silence: testSilence, Redial: testRedial}
		c.Log, s.log = newLog()
		c.Joined = func(h *Host) { s.joined <- h }
		if change != nil {
			change(&c)
		}
		s.gate = listen(s.net, c, s.net.wrap, 100)
		defer s.end()
		test(t, s)
	})
}

func (s *scene) end() {
	if err := s.gate.Close(); err != nil {
		s.t.Error(err)
	}
	synctest.Wait()
	for len(s.joined) > 0 {
		s.adopt((<-s.joined).Stream)
	}
	for stream := range s.streams {
		stream.Fail(errors.New("the test is over"))
	}
	s.net.cut()
}

func identity(t testing.TB) *channel.Identity {
	t.Helper()
	i, err := channel.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (s *scene) token(p Pass) string {
	s.t.Helper()
	token, err := s.gate.Token(p)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

var sessions byte

func newSession() Session {
	sessions++
	return Session{sessions, 1}
}

// dialler is one with a key and session of its own, and its stream.
func (s *scene) dialler(name, token string) (*Dialler, *resume.Conn) {
	d := &Dialler{
		Addresses: []string{"memory:1"}, Channel: channel.Config{Identity: identity(s.t), Pin: s.gate.Pin()},
		Session: newSession(), Name: name, Token: token, dial: s.net.dial,
		Log: slog.New(slog.DiscardHandler),
	}
	stream := resume.New(streamConfig)
	s.adopt(stream)
	return d, stream
}

// host is the next one that has joined.
func (s *scene) host() *Host {
	s.t.Helper()
	synctest.Wait()
	select {
	case h := <-s.joined:
		s.adopt(h.Stream)
		return h
	default:
		s.t.Fatal("nobody has joined")
		return nil
	}
}

// nobody checks that nobody has joined.
func (s *scene) nobody() {
	s.t.Helper()
	synctest.Wait()
	if len(s.joined) > 0 {
		s.t.Error("somebody has joined")
	}
}

// logs checks that a record with all of parts was written, and that no other was.
func (s *scene) logs(parts ...string) {
	s.t.Helper()
	synctest.Wait()
	found, all := s.log.find(parts...), s.log.take()
	if len(found) != 1 || len(all) != 1 {
		s.t.Errorf("logged %q, want one with %q", all, parts)
	}
}

// logsNothing checks that no record was written.
func (s *scene) logsNothing() {
	s.t.Helper()
	synctest.Wait()
	if all := s.log.take(); len(all) > 0 {
		s.t.Errorf("logged %q", all)
	}
}

// join joins, and checks that it is admitted.
func (s *scene) join(d *Dialler, stream *resume.Conn) (name string) {
	s.t.Helper()
	address, name, err := d.Join(s.t.Context(), stream)
	if err != nil {
		s.t.Fatal(err)
	}
	if address != d.Addresses[0] || !stream.Joined() {
		s.t.Errorf("joined at %q: %v", address, stream.Joined())
	}
	synctest.Wait() // until the gate has it too
	return name
}

// refuses checks that d is refused with that code and with text.
func (s *scene) refuses(d *Dialler, stream *resume.Conn, code uint8, text string) {
	s.t.Helper()
	_, _, err := d.Join(s.t.Context(), stream)
	r, ok := errors.AsType[*Refusal](err)
	if !ok || r.Code != code || !strings.Contains(err.Error(), text) || !strings.HasPrefix(err.Error(), d.Addresses[0]+": ") {
		s.t.Errorf("%v, want code %d and %q", err, code, text)
	}
}
