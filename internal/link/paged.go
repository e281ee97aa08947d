package link

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/pages"
)

// paged are the containers whose bytes stay at the manager, by their share. The zero
// value is ready.
type paged struct {
	mu      sync.Mutex // guards what follows
	closed  bool
	staying map[uint64]*staying
	lent    uint64 // how many were lent
	over    Served // of what was lent and is lent no more

	spent atomic.Int64 // of the quota

	once sync.Once
	life context.Context // ends with the link
	end  context.CancelFunc
}

// staying is one of them.
type staying struct {
	view container.Container
	live bool
	name string
	tallies
}

// part keeps a view of c, which is shared under name, until the link ends, and describes
// it. What was kept for the share already is described again.
func (p *paged) part(share uint64, name string, c container.Container) (part, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.staying[share]
	if k == nil {
		var err error
		if k, err = p.keepLocked(share, name, c); err != nil {
			return part{}, err
		}
	}
	return pagedPart(k.view), nil
}

func pagedPart(v container.Container) part {
	return part{Kind: partPaged, Size: v.Size(), Immutable: v.Immutable(), Inline: []byte{}}
}

func (p *paged) keepLocked(share uint64, name string, c container.Container) (*staying, error) {
	switch {
	case p.closed:
		return nil, errGone
	case len(p.staying) >= MaxPaged:
		return nil, fmt.Errorf("the worker has %d containers whose bytes stay at the manager, and may have no more", MaxPaged)
	}
	size := c.Size()
	if size < 0 || size > pages.MaxSize {
		return nil, fmt.Errorf("a container of %d bytes, which may have 0 to %d", size, int64(pages.MaxSize))
	}
	v, err := c.Slice(0, size)
	if err != nil {
		return nil, err
	}
	if p.staying == nil {
		p.staying = map[uint64]*staying{}
	}
	k := &staying{view: v, live: container.IsLive(v), name: name}
	p.staying[share] = k
	return k, nil
}

func (p *paged) get(share uint64) (*staying, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.staying[share]; k != nil {
		return k, nil
	}
	if share > firstLent {
		return nil, errOver
	}
	return nil, fmt.Errorf("share %d is none whose bytes stay at the manager for this worker", share)
}

// lifetime is a context that ends with the link.
func (p *paged) lifetime() context.Context {
	p.once.Do(func() { p.life, p.end = context.WithCancel(context.Background()) })
	return p.life
}

func (p *paged) close() {
	p.lifetime()
	p.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.staying {
		k.view.Close()
	}
	p.closed = true
}

// asked is a request about a paged container. It may take long, and ends soon after
// nobody wants its answer any more: so does its context.
type asked struct {
	l      *Link
	ctx    context.Context
	cancel context.CancelFunc
}

// on is a RESET. The stream ends when the request really has, as a call's does: so
// what runs is bounded by the streams of a worker.
func (a *asked) on(ev mux.Event) error {
	if ev.Kind != frame.Reset {
		return frame.Violated("handle", "%s on stream %d, which waits for an answer", ev.Handle, ev.Stream.ID)
	}
	a.cancel()
	return nil
}

// wanted is errGone once nobody wants the answer. It is quick.
func (a *asked) wanted() error {
	if a.ctx.Err() != nil {
		return errGone
	}
	return nil
}

// charge is wanted before n bytes more are looked at; they count against the quota.
func (a *asked) charge(n int64) error {
	if err := a.wanted(); err != nil {
		return err
	}
	return a.l.spend(n)
}

// spend counts n bytes against the quota, unless that is spent then.
func (l *Link) spend(n int64) error {
	quota := l.cfg.Quota
	if quota <= 0 {
		return nil
	}
	if spent := l.paged.spent.Add(n); spent > quota || spent < 0 {
		l.paged.spent.Add(-n)
		return &Failure{Code: CodeRefused, Message: fmt.Sprintf("the quota of %d bytes that this worker may have read, searched or hashed has %d left, of which this takes %d", quota, quota-(spent-n), n)}
	}
	return nil
}

var errGone = errors.New("nobody wants the answer any more")

// pagedRequest is what is asked of a paged container.
type pagedRequest interface {
	// of is its share, for errors too.
	of() uint64
	// answer is the payload of the answer.
	answer(a *asked, k *staying) ([]byte, error)
}

func (l *Link) onPaged(ev mux.Event) error {
	switch ev.Handle {
	case frame.ReadContainer:
		return answerPaged(l, ev, &readPlan, &readRequest{})
	case frame.SearchContainer:
		return answerPaged(l, ev, &searchPlan, &searchRequest{})
	case frame.CompareContainer:
		return answerPaged(l, ev, &comparePlan, &compareRequest{})
	case frame.ExtentContainer:
		return answerPaged(l, ev, &extentPlan, &extentRequest{})
	}
	return answerPaged(l, ev, &hashPlan, &hashRequest{})
}

// answerPaged decodes a request into r, and answers it.
func answerPaged[T any, R interface {
	*T
	pagedRequest
}](l *Link, ev mux.Event, plan *lazy[T], r R) error {
	if err := plan.only(ev.Payload, (*T)(r), ev.Handle.String()); err != nil {
		return err
	}
	a := &asked{l: l}
	a.ctx, a.cancel = context.WithCancel(l.paged.lifetime())
	ev.Stream.User = a
	return l.answerUntil(ev, a.ctx.Done(), func() ([]byte, []*os.File, error) {
		defer a.cancel()
		k, err := l.paged.get(r.of())
		if err != nil {
			return nil, nil, err
		}
		b, err := k.bounded(a, func() ([]byte, error) { return r.answer(a, k) })
		if err != nil {
			k.refused.Add(1)
			err = about(r.of(), err)
		}
		return b, nil, err
	})
}

// about is err of a share. A refusal stays one. What was lent has no name that says more
// than what the other side calls it.
func about(share uint64, err error) error {
	if f, ok := err.(*Failure); ok {
		return f
	}
	if f, ok := errors.AsType[*Failure](err); ok && f.Code == CodeRefused {
		return f
	}
	if share > firstLent {
		return err
	}
	return fmt.Errorf("share %d: %w", share, err)
}

// bounded is f, which may block for ever when the source is live: then it is waited for as
// long as the link lives, and StuckWait. Its goroutine stays behind until it returns; there
// are no more of them than requests are worked on at once.
func (k *staying) bounded(a *asked, f func() ([]byte, error)) ([]byte, error) {
	if !k.live {
		return f()
	}
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, _, err := guarded(func() ([]byte, []*os.File, error) { b, err := f(); return b, nil, err })
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-a.l.paged.lifetime().Done():
	}
	timer := time.NewTimer(StuckWait)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.b, r.err
	case <-timer.C:
		return nil, errGone
	}
}

// checkRange is the error for n bytes at off of what has size bytes.
func checkRange(off, n, size int64) error {
	if off < 0 || n < 0 || off > size-n {
		return fmt.Errorf("%d bytes at %d: %w of %d bytes", n, off, container.ErrRange, size)
	}
	return nil
}
