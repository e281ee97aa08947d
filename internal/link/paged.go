package link

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// paged are the shared containers whose bytes stay at the manager, by their share.
// The zero value is ready.
type paged struct {
	mu     sync.Mutex // guards what follows
	closed bool
	views  map[uint64]container.Container
}

// part keeps a view of c until the link ends, and describes it. What was kept for
// the share already is described again.
func (p *paged) part(share uint64, c container.Container) (part, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.views[share]
	if v == nil {
		var err error
		if v, err = p.keepLocked(share, c); err != nil {
			return part{}, err
		}
	}
	return part{Kind: partPaged, Size: v.Size(), Immutable: v.Immutable(), Inline: []byte{}}, nil
}

func (p *paged) keepLocked(share uint64, c container.Container) (container.Container, error) {
	switch {
	case p.closed:
		return nil, errGone
	case len(p.views) >= MaxPaged:
		return nil, fmt.Errorf("the worker has %d containers whose bytes stay at the manager, and may have no more", MaxPaged)
	}
	v, err := c.Slice(0, c.Size())
	if err != nil {
		return nil, err
	}
	if p.views == nil {
		p.views = map[uint64]container.Container{}
	}
	p.views[share] = v
	return v, nil
}

func (p *paged) get(share uint64) (container.Container, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.views[share]; v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("share %d is none whose bytes stay at the manager for this worker", share)
}

func (p *paged) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range p.views {
		v.Close()
	}
	p.closed, p.views = true, nil
}

// asked is a request about a paged container. It may take long, and ends soon after
// nobody wants its answer any more.
type asked struct {
	l    *Link
	gone chan struct{} // closed when the worker has given it up
}

// on is a RESET. The stream ends when the request really has, as a call's does: so
// what runs is bounded by the streams of a worker.
func (a *asked) on(ev mux.Event) error {
	if ev.Kind != frame.Reset {
		return frame.Violated("handle", "%s on stream %d, which waits for an answer", ev.Handle, ev.Stream.ID)
	}
	close(a.gone)
	return nil
}

// wanted is errGone once nobody wants the answer. It is quick.
func (a *asked) wanted() error {
	select {
	case <-a.gone:
		return errGone
	default:
	}
	select {
	case <-a.l.conn.Done():
		return errGone
	default:
	}
	return nil
}

var errGone = errors.New("nobody wants the answer any more")

// pagedRequest is what is asked of a paged container.
type pagedRequest interface {
	// of is its share, for errors too.
	of() uint64
	// answer is the payload of the answer.
	answer(a *asked, c container.Container) ([]byte, error)
}

func (l *Link) onPaged(ev mux.Event) error {
	switch ev.Handle {
	case frame.ReadContainer:
		return answerPaged(l, ev, &readPlan, &readRequest{})
	case frame.SearchContainer:
		return answerPaged(l, ev, &searchPlan, &searchRequest{})
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
	a := &asked{l, make(chan struct{})}
	ev.Stream.User = a
	return l.answerUntil(ev, a.gone, func() ([]byte, []*os.File, error) {
		c, err := l.paged.get(r.of())
		if err != nil {
			return nil, nil, err
		}
		b, err := r.answer(a, c)
		if err != nil {
			err = fmt.Errorf("share %d: %w", r.of(), err)
		}
		return b, nil, err
	})
}

// checkRange is the error for n bytes at off of what has size bytes.
func checkRange(off, n, size int64) error {
	if off < 0 || n < 0 || off > size-n {
		return fmt.Errorf("%d bytes at %d: %w of %d bytes", n, off, container.ErrRange, size)
	}
	return nil
}
