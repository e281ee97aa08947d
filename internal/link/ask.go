package link

import (
	"context"
	"errors"
	"os"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// request asks the manager for something that is no function.
func (l *Link) request(ctx context.Context, h frame.Handle, payload []byte, raw func([]byte, []*os.File) error) error {
	c := &Call{l: l, name: h.String(), raw: raw, ctx: ctx}
	st, err := l.conn.Open(ctx, h, payload, true, nil, c)
	if err != nil {
		return l.downed(err, false)
	}
	c.st = st
	_, err = c.finish(l.conn.Wait(ctx, &c.w))
	return err
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
