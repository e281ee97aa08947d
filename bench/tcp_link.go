package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/transport"
	"github.com/outwork-go/outwork/tcp"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/relayed"
)

// bulker is a session over which much goes either way.
type bulker interface {
	session
	expect(n int) error // says that so many echoes follow
	there(n int) error  // n bytes, and the word that they have come
	back(n int) error
}

// overTCP are the contenders, the floors first.
func overTCP() []peer {
	return []peer{
		tcpPeer(tcpFloorRow, dialFloor, func(c *net.TCPConn) error { return relayed.Obey(c, c) }),
		tcpPeer(tlsFloorRow, dialTLSFloor, serveTLSFloor),
		linkPeer(tcpLinkRow, func(t mux.Transport, _ bool) (mux.Transport, error) { return t, nil }),
		linkPeer(lastingRow, lasting(nil)),
		linkPeer(tlsLinkRow, lasting(linkKeys)),
		linkPeer(recordRow, lasting(linkSecret)),
		{name: joinedRow, open: openJoined, serve: serveJoined},
	}
}

// tcpLinks lets them all take turns.
func tcpLinks(s *stage) (err error) {
	open := make(map[string]bulker)
	defer func() {
		for _, b := range open {
			err = errors.Join(err, b.close())
		}
	}()
	for _, p := range overTCP() {
		session, err := p.open(exchange{})
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		open[p.name] = session.(bulker)
	}
	// each lets each do its part once.
	each := func(metric string, unit func(float64) float64, do func(bulker) ([]float64, error)) error {
		var all []contender
		for _, p := range overTCP() {
			all = append(all, contender{row: p.name, do: func() ([]float64, error) { return do(open[p.name]) }})
		}
		_, err := s.turn(metric, unit, all...)
		return err
	}
	speed := megabytesOf(s.tcpBulk())
	there := func(b bulker) ([]float64, error) { return timedWarm(b.there, s.tcpBulk()) }
	back := func(b bulker) ([]float64, error) { return timedWarm(b.back, s.tcpBulk()) }
	for range 2 * s.turns(1) {
		if err := each("echo", micros, echoes64); err != nil {
			return err
		}
	}
	for range s.turns(3) {
		if err := errors.Join(each("there", speed, there), each("back", speed, back)); err != nil {
			return err
		}
	}
	return nil
}

// timedWarm is how long n bytes take, after a part that does not count.
func timedWarm(move func(n int) error, n int) ([]float64, error) {
	if err := move(n / warmUpShare); err != nil {
		return nil, err
	}
	took, err := reading.Duration(func() error { return move(n) })
	return []float64{took.Seconds()}, err
}

// echoes64 is how long each of some batches of echoes takes, after a part that does not
// count.
func echoes64(b bulker) ([]float64, error) {
	p, took := payload(smallBytes), make([]float64, 4*batch)
	if err := b.expect(len(took)); err != nil {
		return nil, err
	}
	for i := range took {
		began := time.Now()
		if err := b.echo(p); err != nil {
			return nil, err
		}
		took[i] = time.Since(began).Seconds()
	}
	return took[len(took)/warmUpShare:], nil
}

// tcpPeer has dial at this end of one connection, and serve at the other.
func tcpPeer(name string, dial func(*net.TCPConn) (bulker, error), serve func(*net.TCPConn) error) peer {
	return peer{
		name: name,
		open: func(x exchange) (session, error) {
			conn, s, err := startOverTCP(name, x)
			if err != nil {
				return nil, err
			}
			b, err := dial(conn)
			if err != nil {
				return nil, errors.Join(err, conn.Close(), s.stop())
			}
			return &withServer{b, s}, nil
		},
		serve: func(exchange) error {
			conn, err := acceptTCP()
			if err != nil {
				return err
			}
			return endOfFileIsFine(serve(conn))
		},
	}
}

// withServer is a session whose server this process has started.
type withServer struct {
	bulker
	server *server
}

func (s *withServer) close() error { return errors.Join(s.bulker.close(), s.server.stop()) }

// startOverTCP starts the server of name, and connects to it on loopback.
func startOverTCP(name string, x exchange) (*net.TCPConn, *server, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return nil, nil, err
	}
	s, err := startServer(name, x, f)
	if err != nil {
		return nil, nil, err
	}
	conn, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		return nil, nil, errors.Join(err, s.stop())
	}
	return conn, s, nil
}

func acceptTCP() (*net.TCPConn, error) {
	l, err := inheritedListener()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	conn, err := l.Accept()
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// over makes the transport of a link of a connection.
type over func(t mux.Transport, dialled bool) (mux.Transport, error)

// linkPeer is a link over layers, and nothing of an agent or a worker.
func linkPeer(name string, layers over) peer {
	newLink := func(conn *net.TCPConn, c link.Config) (*link.Link, error) {
		t, err := transport.NewTCP(conn)
		if err != nil {
			return nil, err
		}
		if t, err = layers(t, c.Side == mux.ManagerSide); err != nil {
			return nil, err
		}
		// As one between a manager and an agent.
		c.NoFiles, c.Paced, c.Alive, c.Errors = true, true, link.LastingSilence, &link.Errors{}
		return link.New(t, c), nil
	}
	dial := func(conn *net.TCPConn) (bulker, error) {
		l, err := newLink(conn, link.Config{Side: mux.ManagerSide, Functions: linkFunctions})
		if err != nil {
			return nil, err
		}
		_, err = l.Greeted(context.Background())
		return linkSession{l}, err
	}
	serve := func(conn *net.TCPConn) error {
		l, err := newLink(conn, link.Config{Side: mux.WorkerSide, Serving: true, Functions: linkFunctions})
		if err != nil {
			return err
		}
		<-l.Done()
		l.Close()
		return nil
	}
	return tcpPeer(name, dial, serve)
}

// lasting is a lasting stream over a channel, or over none.
func lasting(keys func(dialled bool) (channel.Config, error)) over {
	return func(t mux.Transport, dialled bool) (mux.Transport, error) {
		if keys != nil {
			c, err := keys(dialled)
			if err != nil {
				return nil, err
			}
			open := channel.Accept
			if dialled {
				open = channel.Dial
			}
			if t, err = open(t, c); err != nil {
				return nil, err
			}
		}
		stream := resume.New(resume.Config{Silence: link.Silence, Redial: time.Second})
		return stream, stream.Attach(t, 0)
	}
}

// linkKeys are of a channel of TLS.
func linkKeys(dialled bool) (c channel.Config, err error) {
	var theirs *channel.Identity
	ours, others := [channel.SeedSize]byte{1}, [channel.SeedSize]byte{2}
	if dialled {
		ours, others = others, ours
	}
	if c.Identity, err = channel.IdentityOf(ours); err == nil {
		theirs, err = channel.IdentityOf(others)
	}
	if err == nil {
		c.Pin = theirs.Pin()
	}
	return c, err
}

// linkSecret is of a record layer.
func linkSecret(bool) (channel.Config, error) {
	return channel.Config{Secret: payload(2 * channel.MinSecret)}, nil
}

// The functions of a link without a worker.
var (
	linkEcho = ownFunction("bench.link.echo", echoBulk)
	linkSink = ownFunction("bench.link.sink", sinkReader)
	linkGive = ownFunction("bench.link.give", giveReader)

	linkFunctions = link.RegistryOf(linkEcho, linkSink, linkGive)
)

// ownFunction is a function that is served as the root package has it.
func ownFunction[A, R any](name string, fn func(context.Context, A) (R, error)) *link.Function {
	f := link.Own(name, "bench", func(ctx context.Context, a *A) (*R, error) {
		r, err := fn(ctx, *a)
		return &r, err
	})
	f.Async = false
	return f
}

// giveReader gives as many bytes.
func giveReader(_ context.Context, t total) (readerStream, error) {
	return readerStream{In: &source{int(t.Bytes)}}, nil
}

var outworkGive = outwork.Func("bench.give", giveReader)

// source is a reader of so many bytes that costs nothing.
type source struct{ left int }

func (s *source) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := min(s.left, len(b))
	s.left -= n
	return n, nil
}

type linkSession struct{ l *link.Link }

func (s linkSession) expect(int) error { return nil }

func (s linkSession) echo(p []byte) error {
	r, err := s.l.Call(context.Background(), linkEcho, &bulk{p}, nil)
	if err != nil {
		return err
	}
	return checkEcho(p, len(r.(*bulk).Data))
}

func (s linkSession) there(n int) error {
	r, err := s.l.Call(context.Background(), linkSink, &readerStream{In: &source{n}}, nil)
	if err != nil {
		return err
	}
	return checkStream(n, r.(*total).Bytes)
}

func (s linkSession) back(n int) error {
	r, err := s.l.Call(context.Background(), linkGive, &total{int64(n)}, nil)
	if err != nil {
		return err
	}
	got, err := sinkReader(context.Background(), *r.(*readerStream))
	return errors.Join(err, checkStream(n, got.Bytes))
}

func (s linkSession) close() error {
	s.l.Close()
	return nil
}

// joinedSession calls a worker at a host that has joined.
type joinedSession struct {
	outworkCaller
	server *server
}

// openJoined has another process join a manager of this one.
func openJoined(x exchange) (_ session, err error) {
	ctx := context.Background()
	m := &outwork.Manager{Log: discarded}
	l, err := tcp.Listen(ctx, m, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	token, err := l.Token(tcp.Pass{})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	s, err := startTold(joinedRow, x, l.Addr()+" "+token)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close(), s.stop())
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	host, err := l.Accept(ctx)
	if err != nil {
		return nil, err
	}
	w, err := m.Start(ctx, outwork.Target{Host: host})
	if err != nil {
		return nil, err
	}
	return &joinedSession{outworkCaller{&outworker{manager: m, worker: w}}, s}, nil
}

// discarded is a log that nobody reads.
var discarded = slog.New(slog.DiscardHandler)

// startTold starts the server of name with words that it reads from firstFile.
func startTold(name string, x exchange, words string) (*server, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	s, err := startServer(name, x, r)
	if err != nil {
		return nil, err
	}
	if _, err := w.WriteString(words); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func serveJoined(exchange) error {
	f := os.NewFile(firstFile, "words")
	text, err := io.ReadAll(f)
	f.Close()
	if err != nil {
		return err
	}
	address, token, _ := strings.Cut(string(text), " ")
	return tcp.Join(context.Background(), tcp.JoinConfig{Address: address, Token: token, Name: "bench", Log: discarded})
}

func (s *joinedSession) expect(int) error { return nil }

func (s *joinedSession) there(n int) error {
	got, err := outworkReader.Call(context.Background(), s.worker, readerStream{In: &source{n}})
	return errors.Join(err, checkStream(n, got.Bytes))
}

func (s *joinedSession) back(n int) error {
	r, err := outworkGive.Call(context.Background(), s.worker, total{int64(n)})
	if err != nil {
		return err
	}
	got, err := sinkReader(context.Background(), r)
	return errors.Join(err, checkStream(n, got.Bytes))
}

func (s *joinedSession) close() error { return errors.Join(s.outworkCaller.close(), s.server.stop()) }
