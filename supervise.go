package outwork

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/lost"
)

// Bounds of a worker's end.
const (
	exitDrain  = 50 * time.Millisecond  // for what a dead process wrote to its link
	tailDrain  = 100 * time.Millisecond // for its output, when the sink is slow
	exitedSoon = 200 * time.Millisecond // for a process whose link has ended to exit by itself
	killedLate = 10 * time.Second       // for one that was killed, until it is given up
)

// exited is how a process ended, or why nobody knows.
type exited struct {
	exit starter.Exit
	lost error
}

// supervise sees the worker to its end.
func (w *Worker) supervise() {
	go func() {
		exit, err := w.proc.Wait()
		if err != nil {
			exit = starter.Exit{Code: -1}
		}
		w.tell(exited{exit, err})
	}()
	forced := false
	var end exited
	select {
	case end = <-w.exits:
		w.settle()
		// Its results may still lie in the socket: they count.
		select {
		case <-w.link.Done():
		case <-w.drained():
			w.link.Fail(io.EOF)
		}
	case <-w.link.Done():
		select {
		case end = <-w.exits:
		case <-time.After(w.patience()):
			forced = true
			w.finish()
			end = <-w.exits
		}
		w.settle()
	}
	w.ended.exit, w.ended.lost, w.ended.err = end.exit, end.lost, w.link.Err()
	drained := w.lastOutput()
	w.ended.cause = w.ended.why(w.limits, forced)
	w.leave(drained)
}

// finish kills the process. One whose end is not told then is given up: a host may lie, and
// what hangs in its kernel, or is another user's by now, does not hear.
func (w *Worker) finish() {
	if _, ok := w.proc.(*imagined); !ok { // its goroutines are ours
		time.AfterFunc(killedLate, w.abandon)
	}
	w.proc.Signal(syscall.SIGKILL)
}

// abandon ends the wait for a process that was killed.
func (w *Worker) abandon() {
	err := errUnkillable
	p, there := w.proc.(there)
	if there {
		err = fmt.Errorf("%w: %w", lost.Host, err)
	}
	w.tell(exited{starter.Exit{Code: -1}, err})
	if there {
		p.Abandon() // which is told as an end too, and counts no more
	}
}

// tell tells how the process ended: what is told first counts.
func (w *Worker) tell(e exited) {
	select {
	case w.exits <- e:
	default:
	}
}

var errUnkillable = fmt.Errorf("its process was killed, and its end was not told within %v", killedLate)

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
