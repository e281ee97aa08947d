package sshtest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func portOf(p *Proxy) string { return strconv.Itoa(p.Port) }

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func reads(r io.Reader, buf []byte) bool {
	_, err := io.ReadFull(r, buf)
	return err == nil
}

// travel puts chunks into a line as fast as it takes them, and returns when each came
// out, from the start.
func travel(t *testing.T, o ProxyOptions, sizes ...int) []time.Duration {
	t.Helper()
	var took []time.Duration
	l := newLine(o)
	r := &route{torn: make(chan struct{})}
	begin := time.Now()
	var both sync.WaitGroup
	both.Go(func() {
		for _, n := range sizes {
			l.put(make([]byte, n))
		}
		l.end()
	})
	both.Go(func() {
		for {
			c, ok := l.next()
			if !ok || !r.wait(c.due) {
				return
			}
			took = append(took, time.Since(begin))
			if c.data == nil {
				return
			}
			l.out()
		}
	})
	both.Wait()
	return took
}

func TestLine(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name  string
		o     ProxyOptions
		sizes []int
		want  []time.Duration
	}{
		{"at once", ProxyOptions{}, []int{1, 1000}, []time.Duration{0, 0, 0}},
		{"delay", ProxyOptions{Delay: 50 * ms}, []int{1, 1 << 20, 1 << 20}, []time.Duration{50 * ms, 50 * ms, 50 * ms, 50 * ms}},
		{"rate", ProxyOptions{Rate: 1_000_000}, []int{1250, 1250}, []time.Duration{10 * ms, 20 * ms, 20 * ms}},
		{
			"rate and delay",
			ProxyOptions{Rate: 1_000_000, Delay: 100 * ms},
			[]int{1250, 1250},
			[]time.Duration{110 * ms, 120 * ms, 120 * ms},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := travel(t, test.o, test.sizes...)
				if len(got) != len(test.want) {
					t.Fatalf("got %v, want %v", got, test.want)
				}
				for i, want := range test.want {
					if got[i] != want {
						t.Errorf("chunk %d came after %v, want %v", i, got[i], want)
					}
				}
			})
		})
	}
}

// A slow line takes in no more than it would hold, and a fast one what a fast network
// has under way.
func TestLineIsBounded(t *testing.T) {
	for _, test := range []struct {
		o    ProxyOptions
		want int
	}{
		{ProxyOptions{Rate: 1_000_000}, 31250 / 1250 * 1250},
		{ProxyOptions{Delay: time.Second}, maxInFlight},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLine(test.o)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for l.put(make([]byte, l.piece())) {
				}
			}()
			synctest.Wait()
			if l.size != test.want {
				t.Errorf("%+v: holds %d bytes, want %d", test.o, l.size, test.want)
			}
			l.tear()
			<-done
		})
	}
}

// server is a TCP server that hands out its connections.
func server(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// through returns both ends of a connection through a new proxy.
func through(t *testing.T, o ProxyOptions) (p *Proxy, client, serving *net.TCPConn) {
	t.Helper()
	l := server(t)
	p, err := NewProxy(l.Addr().String(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	conn, err := net.Dial("tcp", net.JoinHostPort(p.Addr, portOf(p)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return p, conn.(*net.TCPConn), other.(*net.TCPConn)
}

func TestProxyForwardsEachEnd(t *testing.T) {
	t.Parallel()
	p, client, serving := through(t, ProxyOptions{Delay: time.Millisecond})
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		_, _ = client.Write(sent) // the reader sees what is missing
		_ = client.CloseWrite()
	})
	got, err := io.ReadAll(serving)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes of %d, and %v", len(got), len(sent), err)
	}
	// The other direction goes on.
	if _, err := serving.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	serving.Close()
	if got, err := io.ReadAll(client); string(got) != "answer" || err != nil {
		t.Errorf("%q and %v", got, err)
	}
	if to, from := p.Bytes(); to != int64(len(sent)) || from != 6 {
		t.Errorf("%d bytes to the server, %d from it", to, from)
	}
}

func TestProxyCut(t *testing.T) {
	t.Parallel()
	p, client, serving := through(t, ProxyOptions{})
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if !reads(serving, make([]byte, 1)) {
		t.Fatal("nothing passes")
	}
	p.Stall() // a stalled connection can be cut
	if _, err := client.Write([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	for _, conn := range []net.Conn{client, serving} {
		if got, _ := io.ReadAll(conn); len(got) > 0 {
			t.Errorf("got %q", got)
		}
	}
	again, err := net.Dial("tcp", net.JoinHostPort(p.Addr, portOf(p)))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, _ := io.ReadAll(again); len(got) > 0 || p.Connections() != 1 {
		t.Errorf("got %q, %d connections", got, p.Connections())
	}
}

func TestProxyWithoutServer(t *testing.T) {
	t.Parallel()
	l := server(t)
	p, err := NewProxy(l.Addr().String(), ProxyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	l.Close()
	conn, err := net.Dial("tcp", net.JoinHostPort(p.Addr, portOf(p)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, err := io.ReadAll(conn); len(got) > 0 || isTimeout(err) {
		t.Errorf("%q and %v", got, err)
	}
}

// Not parallel: it looks for goroutines of any proxy. (It looks at whose they are, and does not count them: one
// that an earlier test's connection left behind may end meanwhile.)
func TestProxyCloseLeavesNothing(t *testing.T) {
	p, client, _ := through(t, ProxyOptions{Delay: time.Hour})
	if _, err := client.Write([]byte("under way")); err != nil {
		t.Fatal(err)
	}
	p.Stall()
	p.Close()
	p.Close()
	stacks := make([]byte, 1<<20)
	if stacks = stacks[:runtime.Stack(stacks, true)]; bytes.Contains(stacks, []byte("sshtest.(*Proxy)")) {
		t.Errorf("a goroutine of the proxy is left:\n%s", stacks)
	}
	if _, err := net.Dial("tcp", net.JoinHostPort(p.Addr, portOf(p))); err == nil {
		t.Error("it still listens")
	}
}
