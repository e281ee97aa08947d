package outwork

import (
	"context"
	"fmt"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/transport"
)

// Fork starts a worker that is a copy of w, whose process must be an interpreter: what
// w has imported and loaded the copy has too, and starting it takes about a
// millisecond. It is a worker of its own, by that name or, when it is empty, one made
// up; it ends with w at the latest. w should run nothing else meanwhile: its other
// threads are not in the copy.
func (w *Worker) Fork(ctx context.Context, name string) (*Worker, error) {
	if w.asks == nil {
		return nil, fmt.Errorf("fork %s: it is no interpreter: start one with Target.Lang", place(w.name, ""))
	}
	return w.m.start(ctx, &Target{Name: name, Lang: w.asks.lang}, func(c *Worker, _ context.Context, _ *Target) (mux.Transport, error) {
		if w.plain {
			return nil, errPlainFork
		}
		return c.forkFrom(w)
	})
}

// forkFrom makes c a copy of w.
func (c *Worker) forkFrom(w *Worker) (mux.Transport, error) {
	ours, theirs, err := transport.SocketPair()
	if err != nil {
		return nil, err
	}
	p, err := openPipes()
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, err
	}
	c.tap = w.m.sink.Worker(c.name)
	if c.capture, err = output.NewCapture(p.out[0], p.err[0], c.tap.Write); err != nil {
		p.closeReaders()
		p.closeWriters()
		ours.Close()
		theirs.Close()
		return nil, err
	}
	f := &forked{of: w, began: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer p.closeWriters()
		defer theirs.Close()
		f.call(&forkArgs{c.name, theirs, p.out[1], p.err[1]})
	}()
	c.proc = f // its end tells what went wrong; until then its link may begin
	return ours, nil
}
