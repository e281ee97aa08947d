package link

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/pages"
)

// far are the containers whose bytes stay at the manager, as the worker has them, by
// their share. The zero value is ready.
type far struct {
	mu      sync.Mutex // guards what follows
	lost    error
	sources map[uint64]*pages.Source

	borrowed bool            // something was
	over     container.Stats // of what was borrowed and is not any more
}

// open is a view of what came as reply. One share is one source, so that its pages
// are kept once.
func (f *far) open(l *Link, name string, reply *containerReply) container.Container {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sources[reply.Share]; s != nil {
		s.Refresh()
		return s.Container()
	}
	return f.newLocked(l, reply.Share, fmt.Sprintf("shared %q", name), &reply.Part).Container()
}

func (f *far) newLocked(l *Link, share uint64, name string, p *part) *pages.Source {
	s := pages.New((*manager)(l), share, name, p.Size, p.Immutable)
	if f.lost != nil {
		s.Lost(f.lost)
	}
	if f.sources == nil {
		f.sources = map[uint64]*pages.Source{}
	}
	f.sources[share] = s
	return s
}

// refresh makes the share be read anew, if it may have changed.
func (f *far) refresh(share uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sources[share]; s != nil {
		s.Refresh()
	}
}

// size is that of a container, which is there.
func (f *far) size(share uint64) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.sources[share]; s != nil {
		return s.Size()
	}
	return 0
}

func (f *far) close(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = err
	for _, s := range f.sources {
		s.Lost(err)
	}
}

// checkPaged is what is wrong with the description of a container that stays at the
// manager.
func (p *part) checkPaged(files int) error {
	switch {
	case files > 0:
		return frame.Violated("fds", "%d files with a container that stays at the manager", files)
	case !p.stays() || p.Offset != 0:
		return frame.Violated("reply", "a container of %d bytes that stays at the manager, and does not", p.Size)
	}
	return nil
}

// stays reports whether p, but for its offset, is how a container is described that
// stays at the manager.
func (p *part) stays() bool {
	return p.Size >= 0 && p.Size <= pages.MaxSize && p.Stream == 0 && len(p.Inline) == 0
}

// manager is the Link as package pages sees it.
type manager Link

// Fetch is of pages.Peer.
func (m *manager) Fetch(ctx context.Context, b *pages.Block) error {
	l := (*Link)(m)
	payload, err := readPlan.bytes(&readRequest{b.Share(), b.Off, b.N})
	if err != nil {
		return err
	}
	err = l.conn.Ask(ctx, frame.ReadContainer, payload, b.N+answerRoom, &fetching{l, b})
	return l.downed(err, false)
}

// answerRoom is what an answer has beside its bytes: frame headers and CBOR.
const answerRoom = 4 << 10

// Wait is of pages.Peer.
func (m *manager) Wait(ctx context.Context, b *pages.Block) error {
	l := (*Link)(m)
	var w mux.Waiter
	if !b.Notify(func() { l.conn.Signal(&w) }) {
		return nil
	}
	return l.downed(l.conn.Wait(ctx, &w), true)
}

// fetching is a READ_CONTAINER that waits for its answer. Nobody gives it up: what
// comes late is kept for the next reader.
type fetching struct {
	l *Link
	b *pages.Block
}

func (f *fetching) on(ev mux.Event) error {
	switch {
	case ev.Kind == frame.Reset:
		f.b.Done(nil, &Failure{Code: CodeRefused, Message: "the manager gave the request up: " + clip(string(ev.Payload))})
		return nil
	case ev.Kind != frame.Message || !ev.End || ev.Handle != frame.Reply && ev.Handle != frame.Error:
		return frame.Violated("reply", "%s in answer to READ_CONTAINER", ev.Handle)
	case len(ev.Files) > 0:
		return frame.Violated("fds", "%d files in answer to READ_CONTAINER", len(ev.Files))
	case ev.Handle == frame.Error:
		fail, err := f.l.decodeFailure(ev.Payload)
		if err == nil {
			f.b.Done(nil, fail)
		}
		return err
	}
	data, err := readBytes(ev.Payload, ev.Owned, f.b.N)
	if err == nil {
		f.b.Done(data, nil)
	}
	return err
}

// readBytes are the n bytes of an answer. They are those of payload when it is owned:
// decoding it would copy them.
func readBytes(payload []byte, owned bool, n int64) ([]byte, error) {
	if head := bytesReplyHead(n); owned && int64(len(payload)) == int64(len(head))+n && bytes.HasPrefix(payload, head) {
		return payload[len(head):], nil
	}
	var r bytesReply
	if err := bytesReplyPlan.only(payload, &r, "the answer to READ_CONTAINER"); err != nil {
		return nil, err
	}
	if int64(len(r.Bytes)) != n {
		return nil, frame.Violated("reply", "%d bytes in answer to a READ_CONTAINER of %d", len(r.Bytes), n)
	}
	return r.Bytes, nil
}

// Hash is of pages.Peer.
func (m *manager) Hash(ctx context.Context, share uint64, algorithm string, off, n int64) ([]byte, error) {
	h, err := container.NewHash(algorithm)
	if err != nil {
		return nil, err
	}
	var reply bytesReply
	err = askParts(ctx, (*Link)(m), frame.HashContainer, &hashPlan, &hashRequest{share, off, n, algorithm}, &bytesReplyPlan, &reply, func() error {
		if len(reply.Bytes) != h.Size() {
			return frame.Violated("reply", "a %s of %d bytes", algorithm, len(reply.Bytes))
		}
		return nil
	})
	return reply.Bytes, err
}

// Compare is of pages.Peer.
func (m *manager) Compare(ctx context.Context, share uint64, off int64, other uint64, otherOff, n int64) (int64, error) {
	var reply compareReply
	err := askParts(ctx, (*Link)(m), frame.CompareContainer, &comparePlan, &compareRequest{share, off, other, otherOff, n}, &compareReplyPlan, &reply, func() error {
		if reply.At < -1 || reply.At >= n {
			return frame.Violated("reply", "a difference at %d of %d bytes", reply.At, n)
		}
		return nil
	})
	return reply.At, err
}

// Extent is of pages.Peer.
func (m *manager) Extent(ctx context.Context, share uint64, off int64) (start, end int64, err error) {
	size := (*Link)(m).far.size(share)
	var reply extentReply
	err = askParts(ctx, (*Link)(m), frame.ExtentContainer, &extentPlan, &extentRequest{share, off}, &extentReplyPlan, &reply, func() error {
		if none := reply.Start == size && reply.End == size; !none && (reply.Start < off || reply.End <= reply.Start || reply.End > size) {
			return frame.Violated("reply", "what can be read at %d of %d bytes is from %d to %d", off, size, reply.Start, reply.End)
		}
		return nil
	})
	return reply.Start, reply.End, err
}

// askParts asks about a container that stays at the manager. check looks at what is
// in reply then.
func askParts[T, R any](ctx context.Context, l *Link, h frame.Handle, plan *lazy[T], r *T, replyPlan *lazy[R], reply *R, check func() error) error {
	payload, err := plan.bytes(r)
	if err != nil {
		return err
	}
	return l.request(ctx, h, payload, func(payload []byte, files []*os.File) error {
		if len(files) > 0 {
			return frame.Violated("fds", "%d files in answer to %s", len(files), h)
		}
		if err := replyPlan.only(payload, reply, "the answer to "+h.String()); err != nil {
			return err
		}
		return check()
	})
}
