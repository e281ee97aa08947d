package link

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/mux"
)

// Modules asks the manager for a module, and takes what comes along.
func (l *Link) Modules(ctx context.Context, lang, name string) ([]module.Module, error) {
	if err := checkName("a module's name", name); err != nil {
		return nil, err
	}
	b, err := moduleRequestPlan.bytes(&moduleRequest{lang, name})
	if err != nil {
		return nil, err
	}
	var m moduleReply
	err = l.request(ctx, frame.GetModule, b, func(payload []byte, files []*os.File) error {
		closeAll(files)
		return moduleReplyPlan.only(payload, &m, "the answer to GET_MODULE")
	})
	return m.Modules, err
}

func (l *Link) onGetModule(ev mux.Event) error {
	var r moduleRequest
	if err := moduleRequestPlan.only(ev.Payload, &r, "GET_MODULE"); err != nil {
		return err
	}
	return l.answerAsk(ev, func() ([]byte, []*os.File, error) {
		found, err := l.cfg.Modules(r.Language, r.Name)
		if err != nil {
			return nil, nil, err
		}
		b, err := moduleReplyPlan.bytes(&moduleReply{found})
		return b, nil, err
	})
}

// answerAsk runs f in a goroutine and answers with its result. At most askers
// of them run at once, and a long answer is one of them until it was written.
func (l *Link) answerAsk(ev mux.Event, f func() ([]byte, []*os.File, error)) error {
	return l.answerUntil(ev, nil, f)
}

// answerUntil is answerAsk for a request that does not run any more once gone is
// closed.
func (l *Link) answerUntil(ev mux.Event, gone <-chan struct{}, f func() ([]byte, []*os.File, error)) error {
	if !ev.End {
		return frame.Violated("message", "%s without END", ev.Handle)
	}
	if l.requests.Add(1) > MaxRequests {
		return frame.Violated("quota", "more than %d modules, containers and parts of them asked for and not answered", MaxRequests)
	}
	l.conn.Go(func() {
		defer l.requests.Add(-1)
		select {
		case l.asking <- struct{}{}:
			defer func() { <-l.asking }()
		case <-gone:
			f = func() ([]byte, []*os.File, error) { return nil, nil, errGone }
		case <-l.conn.Done():
			return
		}
		l.answer(ev.Stream, f)
	})
	return nil
}

// answer ends st also when the peer wants no answer any more.
func (l *Link) answer(st *mux.Stream, f func() ([]byte, []*os.File, error)) {
	b, files, err := guarded(f)
	switch {
	case err != nil:
		l.conn.Message(st, frame.Error, l.failure(err), true, nil)
	case len(files) == 0:
		if errors.Is(l.conn.Send(context.Background(), st, frame.Reply, b, true), mux.ErrUnwanted) {
			l.conn.Reset(st, mux.Cancelled, "")
		}
	case l.conn.Message(st, frame.Reply, b, true, files) != nil:
		closeAll(files)
	}
}

// guarded is f, whose parts are the program's own and may panic.
func guarded(f func() ([]byte, []*os.File, error)) (b []byte, files []*os.File, err error) {
	defer guard(&err)
	return f()
}

func (l *Link) onGetContainer(ev mux.Event) error {
	var r containerRequest
	if err := containerRequestPlan.only(ev.Payload, &r, "GET_CONTAINER"); err != nil {
		return err
	}
	return l.answerAsk(ev, func() ([]byte, []*os.File, error) {
		share, c, err := l.cfg.Container(r.Name, r.Have)
		if err != nil {
			return nil, nil, err
		}
		reply := containerReply{Share: share, Same: c == nil, Part: part{Inline: []byte{}}}
		var files []*os.File
		if c != nil {
			if reply.Part, files, err = l.passShared(share, c); err != nil {
				return nil, nil, fmt.Errorf("shared %q: %w", r.Name, err)
			}
		}
		b, err := containerReplyPlan.bytes(&reply)
		if err != nil {
			closeAll(files)
		}
		return b, files, err
	})
}

// passShared is the shared container c as it crosses.
func (l *Link) passShared(share uint64, c container.Container) (p part, files []*os.File, err error) {
	if l.cfg.NoFiles && !inlined(c) {
		p, err = l.paged.part(share, c)
		return p, nil, err
	}
	h, err := container.Pass(c)
	if h.File != nil {
		files = []*os.File{h.File}
	}
	return containerPart(h), files, err
}

// shares are the containers that a worker holds by name, the oldest first.
type shares struct {
	mu     sync.Mutex
	closed bool
	held   map[string]held
	order  []string
}

type held struct {
	share uint64
	c     container.Container
}

// maxHeld is how many shared containers a worker keeps for the next time they
// are asked for.
const maxHeld = 1024

// Shared is the container that the manager shares under name. The caller closes
// it. What is still the same share is not sent again.
func (l *Link) Shared(ctx context.Context, name string) (container.Container, error) {
	if err := checkName("a container's name", name); err != nil {
		return nil, err
	}
	have := l.shares.get(name)
	reply, h, err := l.getContainer(ctx, name, have.share)
	if err != nil {
		return nil, err
	}
	if reply.Same {
		if have.c == nil || have.share != reply.Share {
			return nil, fmt.Errorf("shared %q: the manager takes it for held", name)
		}
		if c, err := have.c.Slice(0, have.c.Size()); err == nil {
			return c, nil
		}
		// It was closed meanwhile, to make room.
		if reply, h, err = l.getContainer(ctx, name, 0); err != nil {
			return nil, err
		}
	}
	c, err := container.Open(h, container.OpenOptions{Reopen: func() (container.Handle, error) {
		return l.again(name, reply.Share)
	}})
	if err != nil {
		return nil, fmt.Errorf("shared %q: %w", name, err)
	}
	view, err := c.Slice(0, c.Size())
	l.shares.put(name, held{reply.Share, c})
	return view, err
}

// again is the same share's handle, for a map that was given back.
func (l *Link) again(name string, share uint64) (container.Handle, error) {
	reply, h, err := l.getContainer(context.Background(), name, 0)
	if err == nil && reply.Share != share {
		if h.File != nil {
			h.File.Close()
		}
		err = fmt.Errorf("%q is now another container", name)
	}
	return h, err
}

func (l *Link) getContainer(ctx context.Context, name string, have uint64) (reply containerReply, h container.Handle, err error) {
	b, err := containerRequestPlan.bytes(&containerRequest{0, name, have})
	if err != nil {
		return reply, h, err
	}
	err = l.request(ctx, frame.GetContainer, b, func(payload []byte, files []*os.File) error {
		err := containerReplyPlan.only(payload, &reply, "the answer to GET_CONTAINER")
		if err == nil && !reply.Same && reply.Part.Kind != partPaged {
			h, err = reply.Part.handle(func() *os.File {
				if len(files) == 0 {
					return nil
				}
				f := files[0]
				files = files[1:]
				return f
			})
		}
		closeAll(files)
		return err
	})
	if err == nil && reply.Part.Kind == partPaged {
		err = errPagedHere
	}
	if _, ok := errors.AsType[*Failure](err); !ok && err != nil {
		err = fmt.Errorf("shared %q: %w", name, err)
	}
	return reply, h, err
}

// errPagedHere is for workers in Go, which do not ask for parts yet.
var errPagedHere = errors.New("it came over a link without files, and its bytes stay at the manager")

func (s *shares) get(name string) held {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[name]
}

func (s *shares) put(name string, h held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		h.c.Close()
		return
	}
	if s.held == nil {
		s.held = map[string]held{}
	}
	if old, ok := s.held[name]; ok {
		old.c.Close()
	} else {
		s.order = append(s.order, name)
	}
	s.held[name] = h
	if len(s.order) > maxHeld {
		s.held[s.order[0]].c.Close()
		delete(s.held, s.order[0])
		s.order = s.order[1:]
	}
}

func (s *shares) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		h.c.Close()
	}
	s.closed, s.held, s.order = true, nil, nil
}
