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
	exitedSoon = 200 * time.Millisecond // for a process whose link has ended to exit by itself
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
	forced := false
	select {
	case w.ended.exit = <-exited:
		w.settle()
		// Its results may still lie in the socket: they count.
		select {
		case <-w.link.Done():
		case <-w.drained():
			w.link.Fail(io.EOF)
		}
	case <-w.link.Done():
		select {
		case w.ended.exit = <-exited:
		case <-time.After(w.patience()):
			forced = true
			w.proc.Signal(syscall.SIGKILL)
			w.ended.exit = <-exited
		}
		w.settle()
	}
	w.ended.err = w.link.Err()
	drained := w.lastOutput()
	w.ended.cause = w.ended.why(w.limits, forced)
	w.leave(drained)
}

// lastOutput delivers what the process has printed, and keeps its last words. It reports whether
// the sink has taken all.
func (w *Worker) lastOutput() bool {
	if p, ok := w.proc.(interface{ Tail() []byte }); ok {
		w.ended.tail = p.Tail()
	}
	if w.capture == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), tailDrain)
	defer cancel()
	err := w.capture.Close(ctx)
	w.ended.tail = append(w.ended.tail, w.capture.Tail()...)
	return err == nil
}

// drained tells when no more is to be expected of the link of a process that has
// ended: another may hold it. An agent has seen to that, and tells the end.
func (w *Worker) drained() <-chan time.Time {
	switch {
	case w.host != nil:
		return nil
	case w.url != "":
		return time.After(exitSoon)
	}
	return time.After(exitDrain)
}

// patience is how long a worker whose link has ended may take to exit.
func (w *Worker) patience() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.m.grace()
	}
	switch {
	case violation(w.link.Err()) != nil:
		return 0
	case w.plain:
		return w.m.grace() // its end is on its way
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
	m.forsakeHosts()
	m.change()
}

// gone waits until leave has run.
func (w *Worker) gone() {
	m := w.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.await(func() bool { return !m.workers[w] })
}

// forget takes back what newWorker reserved for a worker that has no process.
func (m *Manager) forget(w *Worker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.names, w.name)
}
