package outwork

import (
	"context"
	"io"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/starter"
)

// Bounds of a worker's end.
const (
	exitDrain  = 50 * time.Millisecond  // for what a dead process wrote to its link
	tailDrain  = 100 * time.Millisecond // for its output, when the sink is slow
	exitedSoon = 20 * time.Millisecond  // for a process that closed its link to exit by itself
)

// supervise sees the worker to its end.
func (w *Worker) supervise() {
	exited := make(chan starter.Exit, 1)
	go func() {
		exit, err := w.proc.Wait()
		if w.ended.lost = err; err != nil {
			exit = starter.Exit{Code: -1}
		}
		exited <- exit
	}()
	select {
	case w.ended.exit = <-exited:
		// Its results may still lie in the socket: they count.
		select {
		case <-w.link.Done():
		case <-time.After(exitDrain):
			w.link.Fail(io.EOF)
		}
	case <-w.link.Done():
		select {
		case w.ended.exit = <-exited:
		case <-time.After(w.patience()):
			w.proc.Signal(syscall.SIGKILL)
			w.ended.exit = <-exited
		}
	}
	w.ended.err = w.link.Err()
	if w.capture != nil {
		ctx, cancel := context.WithTimeout(context.Background(), tailDrain)
		err := w.capture.Close(ctx)
		cancel()
		w.ended.tail = w.capture.Tail()
		w.leave(err == nil)
		return
	}
	w.leave(true)
}

// patience is how long a worker whose link has ended may take to exit.
func (w *Worker) patience() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.m.grace()
	}
	if violation(w.link.Err()) != nil {
		return 0
	}
	return exitedSoon
}

// leave ends the worker's life in its manager.
func (w *Worker) leave(drained bool) {
	m := w.m
	close(w.done)
	if !drained {
		w.capture.Close(context.Background())
	}
	if w.tap != nil {
		w.tap.Close()
	}
	w.link.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.workers, w)
	delete(m.names, w.name)
	m.change()
}

// gone waits until leave has run.
func (w *Worker) gone() {
	m := w.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.await(func() bool { return !m.workers[w] })
}

// forget takes back what begin reserved for a worker that has no process.
func (m *Manager) forget(w *Worker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.names, w.name)
}
