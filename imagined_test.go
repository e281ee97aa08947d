package outwork

import (
	"context"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/transport"
)

// silent is a worker that is started and says nothing.
func silent(w *Worker, _ context.Context, _ *Target) (mux.Transport, error) {
	ours, theirs := transport.Pair()
	w.proc = &mute{end: theirs, killed: make(chan struct{})}
	return ours, nil
}

type mute struct {
	end    mux.Transport
	once   sync.Once
	killed chan struct{}
}

func (m *mute) Wait() (starter.Exit, error) {
	<-m.killed
	m.end.Close()
	return starter.Exit{Code: -1, Signal: int(syscall.SIGKILL)}, nil
}

func (m *mute) Signal(syscall.Signal) error {
	m.once.Do(func() { close(m.killed) })
	return nil
}

// A worker is not blamed for a time in which its host was cut off.
func TestSilenceExcused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := transport.Pair()
		excuses := 2
		l := link.New(a, link.Config{
			Side: mux.ManagerSide, Functions: &functions, Errors: &crossing,
			Excused: func() bool { excuses--; return excuses >= 0 },
		})
		began := time.Now()
		if _, err := l.Greeted(t.Context()); violation(err) == nil {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != 3*link.HandshakeTimeout+link.Noticed {
			t.Errorf("after %v", took)
		}
		l.Close()
		b.Close()
	})
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Manager
		began := time.Now()
		_, err := m.start(t.Context(), &Target{}, silent)
		e, ok := errors.AsType[*ProtocolError](err)
		if !ok || e.Rule != "handshake" || !strings.Contains(err.Error(), "no HELLO") {
			t.Errorf("got %T %v", err, err)
		}
		if took := time.Since(began); took != link.HandshakeTimeout {
			t.Errorf("after %v", took)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
