package resume

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
	"github.com/outwork-go/outwork/internal/transport/transporttest"
)

// deafTCP is a connection to somebody who reads nothing, and is still there.
func deafTCP(t *testing.T) mux.Transport {
	t.Helper()
	c, s := transporttest.TCP(t)
	t.Cleanup(func() { s.Close() })
	over, err := transport.NewTCP(c)
	if err != nil {
		t.Fatal(err)
	}
	return over
}

// A connection is given up although somebody sends, and something that was kept is being
// pushed: neither is left in a wait that nothing ends.
func TestFreezeWhileMuchWaits(t *testing.T) {
	c := New(Config{Redial: time.Minute})
	if n, err := c.Send([][]byte{make([]byte, 8<<20)}, nil); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	for range 31 {
		c.Send([][]byte{make([]byte, 256<<10)}, nil)
	}
	if err := c.Attach(deafTCP(t), 0); err != nil {
		t.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for c.Err() == nil {
			c.Send([][]byte{make([]byte, 256<<10+1)}, nil)
			c.PollSend()
		}
	}()
	for buf := make([]byte, 1<<20); !bytes.Contains(buf[:runtime.Stack(buf, true)], []byte("RawWrite(")); {
		runtime.Gosched() // until somebody has waited long enough to be with Go's poller
	}
	frozen := make(chan struct{})
	go func() {
		c.Freeze()
		close(frozen)
	}()
	select {
	case <-frozen:
	case <-time.After(time.Minute):
		t.Fatal("Freeze does not return")
	}
	c.Stop()
	c.Close()
	<-sent
}

// Freeze waits for an ACK that is being taken in: behind the next connection's JOIN, which
// knows of more, it would be one that takes back what was said.
func TestFreezeWhileAckIsTaken(t *testing.T) {
	ours, other := transport.Pair()
	defer other.Close()
	c := New(Config{Redial: time.Minute})
	defer c.Close()
	if err := c.Attach(ours, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send([][]byte{make([]byte, 100)}, nil); err != nil {
		t.Fatal(err)
	}
	c.pushers.Wait()
	l := c.now.Load()
	if err := transport.SendAll(other, [][]byte{count(nil, ack, 50)}, nil); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	read := make(chan error)
	go func() {
		_, _, err := c.Recv([][]byte{make([]byte, 100)})
		read <- err
	}()
	for buf := make([]byte, 1<<20); !bytes.Contains(buf[:runtime.Stack(buf, true)], []byte("(*Conn).take(")); {
		runtime.Gosched()
	}
	l.mu.Lock()
	users := l.users
	l.mu.Unlock()
	c.mu.Unlock()
	if users != 1 {
		t.Errorf("%d use the connection of which an ACK is taken in", users)
	}
	if err := <-read; err != mux.ErrAgain {
		t.Error(err)
	}
}
