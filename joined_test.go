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

// Nothing of a listener is left when Close returns, whoever has called it before.
func TestCloseTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Manager{}
		l := make(slow)
		if err := (joining{m}).Open(func(tcp.Listening) (io.Closer, error) { return l, nil }); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 2)
		for range 2 {
			go func() { ended <- m.Close() }()
		}
		synctest.Wait()
		select {
		case <-ended:
			t.Error("it is closed while somebody listens")
		default:
		}
		close(l)
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

// slow is a listener that takes its time to close.
type slow chan struct{}

func (s slow) Close() error {
	<-s
	return nil
}

// A listener that is being opened, which may take long, holds up nobody, and is closed when the
// manager was meanwhile.
func TestCloseWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &Manager{}
		l := make(slow)
		resolved, ended := make(chan struct{}), make(chan error, 2)
		open := func(tcp.Listening) (io.Closer, error) {
			<-resolved
			return l, nil
		}
		go func() { ended <- (joining{m}).Open(open) }()
		synctest.Wait()
		if !m.mu.TryLock() {
			t.Fatal("everybody waits for it")
		}
		m.mu.Unlock()
		closed := make(chan error, 1)
		go func() { closed <- m.Close() }()
		synctest.Wait()
		close(resolved)
		synctest.Wait()
		select {
		case <-closed:
			t.Error("it is closed while somebody listens")
		default:
		}
		close(l)
		if err := <-ended; err != ErrClosed {
			t.Error(err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}
