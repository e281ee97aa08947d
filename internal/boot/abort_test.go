package boot

import (
	"context"
	"io"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/transport"
)

// deaf is a place, and a process there that no signal reaches: another user's, or one of a host that lies.
type deaf struct {
	t         mux.Transport
	abandoned chan struct{}
	once      sync.Once
}

func (d *deaf) Start(context.Context, Command) (Process, error) { return d, nil }
func (d *deaf) Transport() mux.Transport                        { return d.t }
func (d *deaf) Signal(syscall.Signal) error                     { return syscall.EPERM }
func (d *deaf) Abandon()                                        { d.once.Do(func() { close(d.abandoned) }) }

func (d *deaf) Wait() (starter.Exit, error) {
	<-d.abandoned
	return starter.Exit{}, io.EOF
}

// A command that does not die when it is killed is given up, and has no input any more.
func TestAbortOfTheDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, other := transport.Pair()
		defer other.Close()
		d := &deaf{t: ours, abandoned: make(chan struct{})}
		s := &session{stall: DefaultStall, nonce: "NONCE"}
		if err := open(t.Context(), d, nil, nil, s); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() {
			time.Sleep(killedLate / 2)
			if n, _, err := other.Recv([][]byte{make([]byte, 1)}); err != io.EOF {
				t.Errorf("its input: %d, %v", n, err)
			}
		}()
		if exit := s.abort(errStalled); exit.Code != -1 {
			t.Error(exit)
		}
		if took := time.Since(began); took != killedLate {
			t.Error("it took", took)
		}
		<-d.abandoned
		synctest.Wait()
	})
}

// Who has read may be on its way into a wait when somebody else reads on.
func TestHandedWhileAwaited(t *testing.T) {
	ours, other := transport.Pair()
	defer ours.Close()
	defer other.Close()
	h := handOn(ours, []byte("head"))
	parked := make(chan error)
	go func() { parked <- h.Park() }()
	b := make([]byte, 8)
	if n, _, err := h.Recv([][]byte{b[:2], b[2:]}); string(b[:n]) != "head" || err != nil {
		t.Errorf("%q, %v", b[:n], err)
	}
	h.Unpark()
	if err := <-parked; err != nil {
		t.Error(err)
	}
}
