package outwork

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// hand is a worker of a pool. What changes of it is guarded by the pool's mu.
type hand struct {
	w *Worker

	load    int           // what it has been taken for
	served  int           // how often it was taken
	lent    bool          // it has something of a map
	alone   bool          // and nothing else may come to it
	out     bool          // it takes no more
	retired chan struct{} // closed when that is because another is to come for it
	idle    chan struct{} // closed when it takes no more and has nothing
}

// kind is what a worker is taken for.
type kind int

const (
	usual kind = iota // a call
	lent              // something of a map, of which it has one thing at a time
	fresh             // the same, in a worker that nothing was done in, and that has nothing else
	kinds
)

// line are those who wait for a worker of one kind, in their order.
type line struct{ first, last *waiter }

// waiter waits for a worker.
type waiter struct {
	ticket     uint64
	got        chan *hand // closed instead when err says why there will be none
	err        error
	prev, next *waiter
	queued     bool
}

// each is how much a worker is taken for at once.
func (p *Pool) each() int {
	switch {
	case p.m.Output == OutputAtomic:
		return 1
	case p.Each > 0:
		return p.Each
	}
	return math.MaxInt
}

// take is a worker; put must be called for it.
func (p *Pool) take(ctx context.Context, k kind, failFast bool) (*hand, error) {
	h, w, err := p.ask(k, failFast)
	if w == nil {
		return h, err
	}
	return p.await(ctx, k, w)
}

// ask is take that does not wait: when no worker is free it is put in line.
func (p *Pool) ask(k kind, failFast bool) (*hand, *waiter, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// When one is free, nobody is in line who could have it.
	if h := p.free(k); h != nil {
		p.give(h, k)
		return h, nil, nil
	}
	if err := p.hopeless(k); err != nil {
		return nil, nil, err
	}
	if failFast {
		return nil, nil, ErrBusy
	}
	w := p.enqueue(k)
	p.renew()
	return nil, w, nil
}

// hopeless is why nobody need wait for a worker; nil: one will come.
func (p *Pool) hopeless(k kind) error {
	switch {
	case p.closed:
		return fmt.Errorf("no worker of the pool: %w", ErrClosed)
	case p.failure != nil && (len(p.hands) == 0 || k == fresh):
		return fmt.Errorf("no worker of the pool: %w", p.failure)
	}
	return nil
}

// await waits in line.
func (p *Pool) await(ctx context.Context, k kind, w *waiter) (*hand, error) {
	select {
	case h := <-w.got:
		if h == nil {
			return nil, w.err
		}
		return h, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	if w.queued {
		p.lines[k].remove(w)
		p.mu.Unlock()
		return nil, fmt.Errorf("waiting for a worker of the pool: %w", ctx.Err())
	}
	p.mu.Unlock()
	if h := <-w.got; h != nil { // at the same time
		p.put(h, k, isReady)
		return nil, fmt.Errorf("waiting for a worker of the pool: %w", ctx.Err())
	}
	return nil, w.err
}

// after is how a worker comes back.
type after int

const (
	isReady   after = iota
	stillRuns       // something that was done there goes on
	isLost          // it is lost, though its process may not have ended
)

// after is how w comes back when what was done with it has returned err.
func (w *Worker) after(ctx context.Context, err error) after {
	switch {
	case err == nil:
		return isReady
	case w.link.Err() != nil:
		return isLost
	case w.Busy() && (ctx.Err() != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || err == errPanicked):
		return stillRuns
	}
	return isReady
}

// errPanicked is for what has not returned.
var errPanicked = errors.New("it panicked")

// put takes back what take gave. When what was done there still runs, that is waited for, as long
// as it may.
func (p *Pool) put(h *hand, k kind, how after) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if how == stillRuns && !p.closed && !over(h.w) {
		p.all.Go(func() {
			if p.rest(h.w); h.w.link.Err() != nil || h.w.isKilled() {
				how = isLost
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.back(h, k, how)
		})
		return
	}
	p.back(h, k, how)
}

// rest waits until nothing runs in w, or what nobody waits for any more has been killed.
func (p *Pool) rest(w *Worker) {
	ctx := p.life
	if grace := w.callGrace(); grace > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, grace+exitDrain)
		defer cancel()
	}
	w.link.Quiet(ctx)
}

// back is put with p.mu held.
func (p *Pool) back(h *hand, k kind, how after) {
	h.load--
	p.load--
	if k != usual {
		h.lent, h.alone = false, false
	}
	switch {
	case h.out && h.load == 0:
		close(h.idle)
	case how == isLost || over(h.w):
		p.leave(h)
	}
	if p.closed && p.load == 0 {
		close(p.quiet)
	}
	p.serve()
}

// over reports whether w has ended.
func over(w *Worker) bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// free is the least busy of the workers that can be taken, or nil.
func (p *Pool) free(k kind) *hand {
	if p.closed {
		return nil
	}
	var best *hand
	each := p.each()
	for _, h := range p.hands {
		if h.alone || h.load >= each || k != usual && h.lent || k == fresh && h.served > 0 {
			continue
		}
		if best == nil || h.load < best.load {
			best = h
		}
		if best.load == 0 {
			break
		}
	}
	if best != nil && over(best.w) {
		p.leave(best)
		return p.free(k)
	}
	return best
}

// give counts what h is taken for.
func (p *Pool) give(h *hand, k kind) {
	h.load++
	h.served++
	p.load++
	h.lent = h.lent || k != usual
	h.alone = k == fresh
	if p.Recycle > 0 && h.served >= p.Recycle {
		p.retire(h)
	}
}

// retire has another worker come for h, which takes no more.
func (p *Pool) retire(h *hand) {
	p.leave(h)
	close(h.retired)
}

// leave has h take no more. Its seat will have another.
func (p *Pool) leave(h *hand) {
	if h.out {
		return
	}
	h.out = true
	p.hands = slices.DeleteFunc(p.hands, func(other *hand) bool { return other == h })
	p.awaited++
	if h.load == 0 {
		close(h.idle)
	}
}

// renew sees to it that as many new workers come as are waited for: others go for them.
func (p *Pool) renew() {
	for need := p.lines[fresh].len() - p.awaited; need > 0; need-- {
		var least *hand
		for _, h := range p.hands {
			if !h.alone && h.served > 0 && (least == nil || h.load < least.load) {
				least = h
			}
		}
		if least == nil {
			return // all are with others who wanted them so; back will ask again
		}
		p.retire(least)
	}
}

// serve gives workers to those in line.
func (p *Pool) serve() {
	for {
		k, h := p.next()
		if h == nil {
			p.renew()
			return
		}
		w := p.lines[k].first
		p.lines[k].remove(w)
		p.give(h, k)
		w.got <- h
	}
}

// next is who is to be served, and by whom; nil: nobody can be.
func (p *Pool) next() (kind, *hand) {
	order := [...]kind{fresh, usual, lent}
	if a, b := p.lines[usual].first, p.lines[lent].first; a != nil && b != nil && b.ticket < a.ticket {
		order = [...]kind{fresh, lent, usual}
	}
	for _, k := range order {
		if p.lines[k].first != nil {
			if h := p.free(k); h != nil {
				return k, h
			}
		}
	}
	return 0, nil
}

// enqueue has somebody wait in line.
func (p *Pool) enqueue(k kind) *waiter {
	p.tickets++
	w := &waiter{ticket: p.tickets, got: make(chan *hand, 1)}
	p.lines[k].add(w)
	return w
}

// refuse ends the waiting of all in line.
func (p *Pool) refuse(k kind, why error) {
	for l := &p.lines[k]; l.first != nil; {
		w := l.first
		l.remove(w)
		w.err = fmt.Errorf("no worker of the pool: %w", why)
		close(w.got)
	}
}

func (l *line) add(w *waiter) {
	w.queued, w.prev = true, l.last
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
}

func (l *line) remove(w *waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.queued, w.prev, w.next = false, nil, nil
}

func (l *line) len() (n int) {
	for w := l.first; w != nil; w = w.next {
		n++
	}
	return n
}
