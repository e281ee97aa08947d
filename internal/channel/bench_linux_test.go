package channel

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// benchEnd is one end of what is compared.
type benchEnd interface {
	write(b []byte) error
	readFull(b []byte) error
}

// overTransport polls, as a link that is busy does.
type overTransport struct {
	t   mux.Transport
	buf []byte // a link's read buffer
	has []byte
	one [1][]byte
}

func (o *overTransport) write(b []byte) error {
	for len(b) > 0 {
		o.one[0] = b
		n, err := o.t.Send(o.one[:], nil)
		if errors.Is(err, mux.ErrAgain) {
			err = o.t.PollSend()
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (o *overTransport) readFull(b []byte) error {
	for len(b) > 0 {
		if len(o.has) == 0 {
			if err := o.t.Poll(); err != nil {
				return err
			}
			o.one[0] = o.buf
			n, _, err := o.t.Recv(o.one[:])
			if err != nil && !errors.Is(err, mux.ErrAgain) {
				return err
			}
			o.has = o.buf[:n]
		}
		n := copy(b, o.has)
		b, o.has = b[n:], o.has[n:]
	}
	return nil
}

type overConn struct{ c net.Conn }

func (o overConn) write(b []byte) error    { _, err := o.c.Write(b); return err }
func (o overConn) readFull(b []byte) error { _, err := io.ReadFull(o.c, b); return err }

// benchKind is one of kinds, with keys that both processes have, or nil.
func benchKind(t testing.TB, name string) *kind {
	for _, k := range kinds(t) {
		if k.name == name {
			return &k
		}
	}
	return nil
}

// benchOver is c as what is compared, from the side with role r.
func benchOver(t testing.TB, name string, c *net.TCPConn, r role) (benchEnd, func()) {
	t.Helper()
	if name == "crypto" {
		k := benchKind(t, "tls")
		conn := tls.Client(c, tlsConfig(k.dialler, r))
		if r == listener {
			conn = tls.Server(c, tlsConfig(k.accepts, r))
		}
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		return overConn{conn}, func() { c.Close() }
	}
	tr, err := transport.NewTCP(c)
	if k := benchKind(t, name); k != nil && err == nil {
		if r == listener {
			tr, err = Accept(tr, k.accepts)
		} else {
			tr, err = Dial(tr, k.dialler)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return &overTransport{t: tr, buf: make([]byte, 68<<10)}, func() { tr.Close() }
}

// benchFar is what the far process does with pieces: "echo" or "sink", which answers the
// last, that begins with 1.
const benchFar = "OUTWORK_CHANNEL_FAR"

// TestFar is the far process of the benchmarks.
func TestFar(t *testing.T) {
	what := strings.Fields(os.Getenv(benchFar))
	if len(what) == 0 {
		return
	}
	c, err := net.Dial("tcp", what[2])
	if err != nil {
		t.Fatal(err)
	}
	e, done := benchOver(t, what[0], c.(*net.TCPConn), dialler)
	defer done()
	buf := make([]byte, 64)
	if what[1] == "sink" {
		buf = make([]byte, 64<<10)
	}
	for e.readFull(buf) == nil {
		switch {
		case what[1] == "echo":
			err = e.write(buf)
		case buf[0] == 1:
			err = e.write(buf[:1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// far begins a far process, and returns the near end.
func far(b *testing.B, name, what string) benchEnd {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFar$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), benchFar+"="+name+" "+what+" "+ln.Addr().String())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Wait() })
	c, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	e, done := benchOver(b, name, c.(*net.TCPConn), listener)
	b.Cleanup(done)
	return e
}

var benchNames = []string{"raw", "record", "tls", "crypto"}

// BenchmarkEcho64 sends 64 bytes to another process and back.
func BenchmarkEcho64(b *testing.B) {
	for _, name := range benchNames {
		b.Run(name, func(b *testing.B) {
			e := far(b, name, "echo")
			buf := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				if err := errors.Join(e.write(buf), e.readFull(buf)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBulk64K sends pieces of 64 KiB to another process.
func BenchmarkBulk64K(b *testing.B) {
	for _, name := range benchNames {
		b.Run(name, func(b *testing.B) {
			e := far(b, name, "sink")
			buf := make([]byte, 64<<10)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if err := e.write(buf); err != nil {
					b.Fatal(err)
				}
			}
			buf[0] = 1
			if err := errors.Join(e.write(buf), e.readFull(buf[:1])); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkHandshake is both sides of one, in one process.
func BenchmarkHandshake(b *testing.B) {
	for _, k := range kinds(b) {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ta, tb := tcpPair(b)
				d, a := ends(b, k, ta, tb)
				d.Close()
				a.Close()
			}
		})
	}
}

// BenchmarkIdle is what a channel at rest holds, both sides in one process, after it has
// carried some.
func BenchmarkIdle(b *testing.B) {
	for _, k := range kinds(b) {
		b.Run(k.name, func(b *testing.B) {
			const many = 200
			for b.Loop() {
				before := heap()
				var all []*Conn
				for range many {
					ta, tb := tcpPair(b)
					d, a := ends(b, k, ta, tb)
					all = append(all, d, a)
					buf := make([]byte, 64)
					for range 100 {
						if err := errors.Join(d.WriteAll(buf), a.ReadFull(buf), a.WriteAll(buf), d.ReadFull(buf)); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(float64(heap()-before)/(2*many), "B/end")
				for _, c := range all {
					c.Close()
				}
			}
		})
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
