package tcp

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/gate"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/tcp"
	"github.com/outwork-go/outwork/internal/transport"
)

// closed is a manager that closes.
type closed struct {
	tcp.Manager
	all *sync.WaitGroup
}

func (closed) Adopt(string, *resume.Conn) (tcp.Host, error) { return nil, outwork.ErrClosed }

func (c closed) Go(f func()) { c.all.Go(f) }

func newStream() *resume.Conn { return resume.New(resume.Config{Redial: time.Minute}) }

// A host that came too late is told that the manager closes.
func TestJoinWhileClosing(t *testing.T) {
	var told sync.WaitGroup
	l := &Listener{m: closed{all: &told}}
	near, far := newStream(), newStream()
	a, b := transport.Pair()
	if err := errors.Join(near.Attach(a, 0), far.Attach(b, 0)); err != nil {
		t.Fatal(err)
	}
	l.joined(&gate.Host{Name: "a", Stream: near})
	told.Wait()
	if near.Err() == nil {
		t.Error("its stream goes on")
	}
	for err := error(nil); ; {
		if err != nil {
			if e, ok := errors.AsType[*resume.EndError](err); !ok || e.Reason != tcp.Closes {
				t.Errorf("it was told %v", err)
			}
			return
		}
		far.Poll()
		if _, _, err = far.Recv([][]byte{make([]byte, 1)}); err != nil && far.Err() == nil {
			err = nil
		}
	}
}
