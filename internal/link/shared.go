package link

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

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
			if reply.Part, files, err = l.passShared(share, r.Name, c); err != nil {
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
func (l *Link) passShared(share uint64, name string, c container.Container) (p part, files []*os.File, err error) {
	if (l.cfg.NoFiles || isDistant(c) || container.IsLive(c)) && !inlined(c) {
		p, err = l.paged.part(share, name, c)
		return p, nil, err
	}
	h, err := container.Pass(c)
	if h.File != nil {
		files = []*os.File{h.File}
	}
	return containerPart(h), files, err
}

// distant is a container that may be far from the manager too, and so large that it is
// paged also for a worker that could have a copy of it in a file.
type distant interface{ Distant() bool }

func isDistant(c container.Container) bool {
	d, ok := c.(distant)
	return ok && d.Distant()
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
		l.far.refresh(reply.Share)
		if c, err := have.c.Slice(0, have.c.Size()); err == nil {
			return c, nil
		}
		// It was closed meanwhile, to make room.
		if reply, h, err = l.getContainer(ctx, name, 0); err != nil {
			return nil, err
		}
	}
	c, err := l.received(name, &reply, h)
	if err != nil {
		return nil, fmt.Errorf("shared %q: %w", name, err)
	}
	view, err := c.Slice(0, c.Size())
	l.shares.put(name, held{reply.Share, c})
	return view, err
}

// received is the container that came.
func (l *Link) received(name string, reply *containerReply, h container.Handle) (container.Container, error) {
	if reply.Part.Kind == partPaged {
		return l.far.open(l, name, reply), nil
	}
	again := func() (container.Handle, error) { return l.again(name, reply.Share) }
	return container.Open(h, container.OpenOptions{Reopen: again, Trusted: true})
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
		switch {
		case err != nil || reply.Same:
		case reply.Part.Kind == partPaged:
			err = reply.Part.checkPaged(len(files))
		default:
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
	if _, ok := errors.AsType[*Failure](err); !ok && err != nil {
		err = fmt.Errorf("shared %q: %w", name, err)
	}
	return reply, h, err
}

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
