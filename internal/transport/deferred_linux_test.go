package transport

import (
	"os"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
)

// full is a Transport that takes n bytes and is never read.
func full(t *testing.T) (mux.Transport, *os.File) {
	t.Helper()
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	unread, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hold.Close(); unread.Close() })
	p, err := NewPipes(in, out)
	if err != nil {
		t.Fatal(err)
	}
	return p, hold
}

// Stop ends an Attach whose other side does not read.
func TestDeferredStopsAttach(t *testing.T) {
	p, _ := full(t)
	d := NewDeferred()
	if n, err := d.Send([][]byte{make([]byte, DeferredBuffer)}, nil); n != DeferredBuffer || err != nil {
		t.Fatal(n, err)
	}
	attached := make(chan struct{})
	go func() {
		d.Attach(p, 0)
		close(attached)
	}()
	for { // until Attach waits, without the lock
		d.mu.Lock()
		waits := len(d.sent) < DeferredBuffer
		d.mu.Unlock()
		if waits {
			break
		}
	}
	d.Stop()
	select {
	case <-attached:
	case <-time.After(time.Minute):
		t.Fatal("Attach goes on")
	}
	d.Close()
}

// A Wake that comes while it is being attached ends the Poll that follows.
func TestDeferredWakes(t *testing.T) {
	for range 500 {
		p, _ := full(t)
		d := NewDeferred()
		woken := make(chan struct{})
		go func() { d.Wake(); close(woken) }()
		go d.Attach(p, 0)
		<-d.there
		ended := make(chan struct{})
		go func() { d.Poll(); close(ended) }()
		<-woken
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("a Wake was lost")
		}
		d.Close()
	}
}
