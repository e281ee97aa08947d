package main

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

// crew works through files in a few workers, each of which has one file at a time, or a
// batch of small ones: a file that is the end of its worker costs itself, and the others
// go on in a new one. What is found comes file by file, in the order in which they were
// named.
type crew[T any] struct {
	app     *app
	far     *files
	sandbox *sandboxFlags  // of the workers
	target  outwork.Target // as they say
	manager outwork.Manager

	// prepare tells a new worker what all files need; nil: nothing.
	prepare func(context.Context, *outwork.Worker) error

	// work does one file, and hands over what it finds.
	work func(ctx context.Context, w *outwork.Worker, name string, c container.Container, emit func(T) error) error

	// together does several small files. It ends those that it has done, hands over what
	// it finds in them, and leaves the others, for work to do them again. nil: work does all.
	together func(ctx context.Context, w *outwork.Worker, batch []*task[T]) error
}

const (
	// filesAhead is how many files are under way or done before the one that is printed.
	filesAhead = 256

	// foundAhead is how much may be found in one of them meanwhile.
	foundAhead = 32

	// smallFile is the size in bytes of the largest file that goes with others, and
	// maxBatch how many do.
	smallFile = 64 << 10
	maxBatch  = 64
)

// named is a file that is to be worked on.
type named struct {
	name    string
	below   bool  // in a folder: it is a path, whatever it looks like, and of a regular file
	trouble error // what is wrong with it already
}

// task is a file. Whoever works on it owns all but its name and found.
type task[T any] struct {
	named
	file  container.Container // nil: it is not open
	found chan T
	told  int // how much was handed over
	skip  int // how much of what is found was told before
	done  bool
	err   error // set before found is closed
}

// end ends the task.
func (t *task[T]) end(err error) {
	t.close()
	t.done, t.err = true, err
	close(t.found)
}

func (t *task[T]) close() {
	if t.file != nil {
		t.file.Close()
		t.file = nil
	}
}

// small reports whether the file may go with others.
func (t *task[T]) small() bool { return t.file.Size() <= smallFile }

// emit hands over what is found, unless that was done before.
func (t *task[T]) emit(ctx context.Context, found T) error {
	if t.skip > 0 {
		t.skip--
		return nil
	}
	select {
	case t.found <- found:
		t.told++
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run works through the files that names yields. show is called for each in order, reads what is found to its end, and stops the
// crew by an error. When a worker cannot be started, that is the error.
func (c *crew[T]) run(ctx context.Context, names iter.Seq[named], show func(*task[T]) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	order, queue := make(chan *task[T], filesAhead), make(chan *task[T], filesAhead)
	var all sync.WaitGroup
	all.Go(func() {
		defer close(order)
		defer close(queue)
		c.hire(ctx, cancel, &all, names, order, queue)
	})
	for t := range order {
		if ctx.Err() == nil {
			if err := show(t); err != nil {
				cancel(err)
			}
		}
		for range t.found { // what nobody wants any more
		}
	}
	all.Wait()
	return context.Cause(ctx)
}

// hire hands the files out, and takes on another worker when none is free.
func (c *crew[T]) hire(ctx context.Context, cancel context.CancelCauseFunc, all *sync.WaitGroup, names iter.Seq[named], order, queue chan *task[T]) {
	workers, most := 0, min(runtime.GOMAXPROCS(0), 8)
	for n := range names {
		t := &task[T]{named: n, found: make(chan T, foundAhead)}
		select {
		case order <- t:
		case <-ctx.Done():
			return
		}
		if n.trouble != nil {
			t.end(n.trouble)
			continue
		}
		if workers < most && workers <= len(queue) {
			workers++
			all.Go(func() { c.member(ctx, cancel, queue) })
		}
		queue <- t // members take all, also when it is over
	}
}

// member does what is in the queue in a worker of its own.
func (c *crew[T]) member(ctx context.Context, cancel context.CancelCauseFunc, queue <-chan *task[T]) {
	m := member[T]{crew: c, cancel: cancel}
	for first := range queue {
		batch, large := c.gather(ctx, first, queue)
		if len(batch) > 1 {
			m.several(ctx, batch)
		}
		for _, t := range append(batch, large...) {
			if !t.done {
				m.single(ctx, t)
			}
		}
	}
}

// gather opens first and, if it is small, what waits behind it, up to a large file. Those
// that cannot be opened have ended.
func (c *crew[T]) gather(ctx context.Context, first *task[T], queue <-chan *task[T]) (batch, large []*task[T]) {
	for t := first; ; {
		switch c.open(ctx, t); {
		case t.done:
		case c.together == nil || !t.small():
			return batch, []*task[T]{t}
		default:
			batch = append(batch, t)
		}
		if len(batch) == maxBatch {
			return batch, nil
		}
		var more bool
		select {
		case t, more = <-queue:
		default:
		}
		if !more {
			return batch, nil
		}
	}
}

// open opens a task's file, or ends it.
func (c *crew[T]) open(ctx context.Context, t *task[T]) {
	if ctx.Err() != nil {
		t.end(errOver)
		return
	}
	open := c.app.openSource
	if t.below {
		open = openBelow
	}
	file, err := open(ctx, t.name, c.far)
	if err != nil {
		t.end(given(ctx, err))
		return
	}
	t.file = file
}

// errOver is what becomes of a file when the crew has been stopped.
var errOver = errors.New("it was given up")

// given is err, unless the crew was stopped.
func given(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errOver
	}
	return err
}

// member is one of the crew.
type member[T any] struct {
	*crew[T]
	cancel context.CancelCauseFunc
	w      *outwork.Worker // nil: a new one is needed
}

// ready makes sure that there is a worker. There being none is the end of the crew.
func (m *member[T]) ready(ctx context.Context) (err error) {
	if m.w == nil {
		if m.w, err = m.start(ctx); err != nil {
			m.cancel(err)
		}
	}
	return err
}

// check gives the worker up after an error by which it is lost, or may still be at work.
func (m *member[T]) check(err error) {
	if err != nil && (isLost(err) || errors.Is(err, context.DeadlineExceeded)) {
		m.w.Close()
		m.w = nil
	}
}

// several does a batch, as far as that goes well.
func (m *member[T]) several(ctx context.Context, batch []*task[T]) {
	if m.ready(ctx) != nil {
		return
	}
	m.check(m.together(ctx, m.w, batch))
	for _, t := range batch {
		t.skip = t.told
	}
}

// single does one file.
func (m *member[T]) single(ctx context.Context, t *task[T]) {
	err := m.ready(ctx)
	if err == nil {
		err = m.work(ctx, m.w, t.name, t.file, func(found T) error { return t.emit(ctx, found) })
		m.check(err)
	}
	t.end(given(ctx, err))
}

// start is a worker that is ready for files.
func (c *crew[T]) start(ctx context.Context) (*outwork.Worker, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, err := c.sandbox.begin(ctx, &c.manager, c.target)
	if err != nil {
		return nil, err
	}
	c.sandbox.tellOnce(c.app.stderr, w)
	if c.prepare != nil {
		err = c.prepare(ctx, w)
	}
	return w, err
}
