package outwork

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/tcp"
)

func newStream() *resume.Conn { return resume.New(resume.Config{Redial: time.Minute}) }

// listens opens nothing at m.
func listens(t *testing.T, m *Manager) joining {
	t.Helper()
	j := joining{m}
	if err := j.Open(func(tcp.Listening) (io.Closer, error) { return io.NopCloser(nil), nil }); err != nil {
		t.Fatal(err)
	}
	return j
}

// A host may come again as soon as its stream is over: its link has not heard of that yet.
func TestAdoptAgain(t *testing.T) {
	m := &Manager{}
	j := listens(t, m)
	for range 100 {
		stream := newStream()
		if _, err := j.Adopt("a", stream); err != nil {
			t.Fatal(err)
		}
		stream.Fail(io.EOF)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// Who comes while the manager closes is no host any more, and Close waits for what is said to
// it.
func TestAdoptWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Manager{}
		j := listens(t, m)
		saying, ended := make(chan struct{}), make(chan error, 1)
		j.Go(func() { <-saying })
		go func() { ended <- m.Close() }()
		synctest.Wait()
		if h, err := j.Adopt("a", newStream()); err != ErrClosed {
			t.Errorf("got %v, %v", h, err)
		}
		select {
		case err := <-ended:
			t.Errorf("it is closed, with %v", err)
		default:
		}
		close(saying)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
