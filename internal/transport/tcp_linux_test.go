package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport/transporttest"
)

func tcps(t *testing.T) (a, b mux.Transport) {
	t.Helper()
	ca, cb := transporttest.TCP(t)
	a, err := NewTCP(ca)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = NewTCP(cb); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// recvWhenThere is Recv after Poll.
func recvWhenThere(t mux.Transport, b []byte) (n int, err error) {
	for err = mux.ErrAgain; errors.Is(err, mux.ErrAgain); {
		if err := t.Poll(); err != nil {
			return 0, err
		}
		n, _, err = t.Recv([][]byte{b})
	}
	return n, err
}

func TestConnOverTCP(t *testing.T) {
	counted(t, func(t *testing.T) { a, b := tcps(t); testConn(t, a, b, 0) })
}

// TestTCPTakesOver is that the connection that was given is closed, and its socket goes on.
func TestTCPTakesOver(t *testing.T) {
	ca, cb := transporttest.TCP(t)
	a, err := NewTCP(ca)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ca.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a write to what was taken over: %v", err)
	}
	if on, err := unix.GetsockoptInt(a.(*tcp).in, unix.IPPROTO_TCP, unix.TCP_NODELAY); on == 0 {
		t.Errorf("TCP_NODELAY is off (%v)", err)
	}
	a.Close()
	cb.Close()
	if _, err := NewTCP(cb); err == nil {
		t.Error("a closed connection was taken")
	}
}

func TestTCPEnd(t *testing.T) {
	counted(t, func(t *testing.T) {
		a, b := tcps(t)
		if _, err := a.Send([][]byte{[]byte("last "), []byte("words")}, nil); err != nil {
			t.Fatal(err)
		}
		a.Close()
		buf := make([]byte, 100)
		for got := []byte{}; len(got) < 10; {
			n, err := recvWhenThere(b, buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
		}
		for range 2 {
			if _, err := recvWhenThere(b, buf); err != io.EOF || b.(*tcp).Lost() {
				t.Errorf("at the end: %v, lost: %v", err, b.(*tcp).Lost())
			}
		}
		b.Close()
	})
}

func TestTCPReset(t *testing.T) {
	counted(t, func(t *testing.T) {
		a, b := tcps(t)
		a.(*tcp).Abort()
		a.Close()
		if _, err := recvWhenThere(b, make([]byte, 1)); err != io.EOF || !b.(*tcp).Lost() {
			t.Errorf("after a reset: %v, lost: %v", err, b.(*tcp).Lost())
		}
		if _, err := b.Send([][]byte{{1}}, nil); err == nil || errors.Is(err, mux.ErrAgain) {
			t.Errorf("a write to nobody: %v", err)
		}
		b.Close()
	})
}

func TestTCPWaits(t *testing.T) {
	counted(t, func(t *testing.T) {
		a, b := tcps(t)
		buf := make([]byte, 1<<20)
		for _, wait := range []func() error{b.Poll, b.Park, b.Rest, b.Rest, b.Poll} {
			done := make(chan error)
			go func() { done <- wait() }()
			a.Send([][]byte{{1}}, nil)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if n, _, err := b.Recv([][]byte{buf}); n != 1 {
				t.Fatal(n, err)
			}
		}
		sent := fillTCP(t, a, buf)
		done := make(chan error)
		go func() { done <- a.PollSend() }()
		for sent > 0 {
			n, err := recvWhenThere(b, buf)
			if err != nil {
				t.Fatal(err)
			}
			sent -= n
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		a.Close()
		b.Close()
	})
}

// fillTCP sends until nothing fits.
func fillTCP(t *testing.T, to mux.Transport, buf []byte) (sent int) {
	t.Helper()
	for {
		n, err := to.Send([][]byte{buf}, nil)
		sent += n
		switch {
		case errors.Is(err, mux.ErrAgain):
			return sent
		case err != nil:
			t.Fatal(err)
		}
	}
}

func TestTCPStop(t *testing.T) {
	counted(t, func(t *testing.T) {
		for i := range 4 {
			a, b := tcps(t)
			fillTCP(t, a, make([]byte, 1<<20))
			done := make(chan error)
			wait := []func() error{a.Poll, a.Park, a.Rest, a.PollSend}[i]
			go func() { done <- wait() }()
			a.Stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			a.Close()
			b.Close()
		}
	})
}

// TestTCPStopAfterClose is that a late Stop does nothing to whoever has the numbers of its
// descriptors by then.
func TestTCPStopAfterClose(t *testing.T) {
	counted(t, func(t *testing.T) {
		a, b := tcps(t)
		b.Send([][]byte{{1}}, nil)
		if _, err := recvWhenThere(a, make([]byte, 1)); err != nil { // it has an eventfd now
			t.Fatal(err)
		}
		old := int(a.(*tcp).poll.fd.Load())
		a.Close()
		fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK)
		if err != nil {
			t.Fatal(err)
		}
		if fd != old {
			if err := unix.Dup3(fd, old, 0); err != nil {
				t.Fatal(err)
			}
			unix.Close(fd)
		}
		a.Stop()
		if _, err := unix.Read(old, make([]byte, 8)); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("another's eventfd was rung: %v", err)
		}
		unix.Close(old)
		b.Close()
	})
}

func TestTCPCarriesNoFiles(t *testing.T) {
	a, b := tcps(t)
	if _, err := a.Send([][]byte{{1}}, []*os.File{pipeFile(t)}); !errors.Is(err, errPlain) {
		t.Errorf("a file: %v", err)
	}
	want := bytes.Repeat([]byte("many pieces "), 1000)
	if err := SendAll(a, [][]byte{want[:1], want[1:5], want[5:]}, nil); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 0, len(want))
	for len(got) < len(want) {
		n, err := recvWhenThere(b, got[len(got):cap(got)])
		if err != nil {
			t.Fatal(err)
		}
		got = got[:len(got)+n]
	}
	if !bytes.Equal(got, want) {
		t.Error("other bytes came")
	}
	a.Close()
	b.Close()
}
