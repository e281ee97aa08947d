package outwork

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/outwork-go/outwork/internal/link"
)

// ErrBusy is what a call on a pool with FailFast gets when no worker is free.
var ErrBusy = errors.New("all workers of the pool are busy")

// Pool keeps workers at one target ready, and replaces those that are lost. Functions are called
// on it as on a worker: a free worker takes the call, or else the one with the fewest; when all
// have as many as they take, calls wait for their turn, first come, first served. A call whose worker is
// lost fails as one on a worker does, unless it had not been sent: then another takes it. While no worker can
// be started, and five attempts in a row have shown it, calls fail with the reason.
//
// Its fields may be set before it is used. It is safe for concurrent use. Close or Shutdown must
// be called; that its manager is closed ends it too.
type Pool struct {
	// Each is how many calls a worker takes at once; 0: any number. With OutputAtomic it is 1. A
	// call counts until its function has returned, also when its caller gave up, but not
	// for longer than the grace (Target.Limits.Grace).
	Each int
	// FailFast has a call fail with ErrBusy when every worker has as many as it takes, instead
	// of waiting for one.
	FailFast bool
	// Recycle replaces a worker after so many calls: it takes no more, a new one is started, and it
	// ends when its last call has. What Do does counts as one call, and so does each input or batch of a
	// map; 0: never.
	Recycle int

	m      *Manager
	target Target
	n      int
	start  func(context.Context, *Target) (*Worker, error)
	first  chan error // what became of each seat's first attempt

	life context.Context // of its workers
	end  context.CancelFunc
	open context.Context // ends when it takes no more calls
	shut context.CancelFunc
	all  sync.WaitGroup // its goroutines

	mu       sync.Mutex // guards what follows
	hands    []*hand    // that take calls
	awaited  int        // seats that have no such hand
	load     int        // of all hands, also those that take no more
	lines    [kinds]line
	tickets  uint64
	failure  error // why no worker can be started, when that has failed often enough
	closed   bool
	quiet    chan struct{} // closed when it is closed and load is 0
	numbered int           // workers that were named
}

// Pool starts a pool of n workers at t: n below 1 is as many as this process may use processors
// (GOMAXPROCS). It returns when one of them serves, and fails with the reason when each has failed to
// start. ctx does not end the pool later. Target.Name, if it is set, is followed by a number.
func (m *Manager) Pool(ctx context.Context, t Target, n int) (*Pool, error) {
	return m.pool(ctx, t, n, func(ctx context.Context, t *Target) (*Worker, error) { return m.Start(ctx, *t) })
}

// pool is Pool by any way to start a worker.
func (m *Manager) pool(ctx context.Context, t Target, n int, start func(context.Context, *Target) (*Worker, error)) (*Pool, error) {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	t.pooled = true
	p := &Pool{m: m, target: t, n: n, start: start, first: make(chan error, n), awaited: n, quiet: make(chan struct{})}
	p.life, p.end = context.WithCancel(context.Background())
	p.open, p.shut = context.WithCancel(p.life)
	if err := m.enlistPool(p); err != nil {
		p.end()
		return nil, fmt.Errorf("start a pool: %w", err)
	}
	if err := p.begun(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("start a pool: %w", err)
	}
	return p, nil
}

// begun waits until one worker serves.
func (p *Pool) begun(ctx context.Context) (err error) {
	for range p.n {
		select {
		case failed := <-p.first:
			if failed == nil {
				return nil
			}
			if err == nil {
				err = failed
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-p.open.Done(): // its manager closes: a seat may have had no time to say so
			return ErrClosed
		}
	}
	return err
}

// enlistPool has p begin, and m end it when it is closed: whoever finds it there waits for all of it.
func (m *Manager) enlistPool(p *Pool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.setup()
	if m.closing {
		return ErrClosed
	}
	if m.pools == nil {
		m.pools = map[*Pool]bool{}
	}
	for range p.n {
		p.all.Go((&seat{Pool: p}).run)
	}
	m.pools[p] = true
	return nil
}

// stopPools has m's pools take no more calls and start no more workers.
func (m *Manager) stopPools() []*Pool {
	m.mu.Lock()
	var all []*Pool
	for p := range m.pools {
		all = append(all, p)
	}
	m.mu.Unlock()
	for _, p := range all {
		p.stop()
	}
	return all
}

// unsent is how often a call is handed to a worker that turns out to be lost already.
const unsent = 4

// call is of Callee.
func (p *Pool) call(ctx context.Context, f *link.Function, args any) (any, error) {
	for try := 1; ; try++ {
		h, err := p.take(ctx, usual, p.FailFast)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		o := link.Carried(ctx)
		v, err := h.w.callWith(ctx, f, args, o)
		how := isReady
		if err != nil && o.Runs() {
			how = stillRuns
		}
		p.put(h, usual, how)
		if e, ok := errors.AsType[*LostError](err); !ok || e.MayHaveRun || e.Worker != h.w.name || try == unsent {
			return v, err
		}
	}
}

// Do lends a worker to do, and returns what that returns. It counts as one call: nobody else has the
// worker meanwhile if Each is 1. It waits for one, or fails, as a call does. do must
// not use the worker when it has returned.
func (p *Pool) Do(ctx context.Context, do func(context.Context, *Worker) error) error {
	h, err := p.take(ctx, usual, p.FailFast)
	if err != nil {
		return err
	}
	err = errPanicked
	defer func() { p.put(h, usual, h.w.after(ctx, err)) }()
	err = do(ctx, h.w)
	return err
}

// Size is how many workers the pool keeps.
func (p *Pool) Size() int { return p.n }

// Shutdown takes no more calls, also none that wait for a worker, waits for those that run, and
// closes the pool. When ctx ends first they are ended, and that is the error.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.stop()
	defer p.Close()
	select {
	case <-p.quiet:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	var workers []*Worker
	for _, h := range p.hands {
		workers = append(workers, h.w)
	}
	p.mu.Unlock()
	var ends sync.WaitGroup
	for _, w := range workers {
		ends.Go(func() { w.shutdown(ctx) })
	}
	gone := make(chan struct{})
	go func() {
		ends.Wait()
		p.all.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		p.Close()
		<-gone
		return ctx.Err()
	}
}

// Close ends the pool's workers now, as Worker.Close does, and returns when nothing of them is
// left. Calls that wait for one fail with ErrClosed. The manager lives on. It may be called again, and
// always returns nil.
func (p *Pool) Close() error {
	p.stop()
	p.end()
	p.all.Wait()
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	delete(p.m.pools, p)
	return nil
}

// stop has the pool take no more calls and start no more workers.
func (p *Pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.shut()
	for k := range p.lines {
		p.refuse(kind(k), ErrClosed)
	}
	if p.load == 0 {
		close(p.quiet)
	}
}
