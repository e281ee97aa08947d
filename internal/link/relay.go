package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// Relay is a manager's end of a process that an agent started. It is safe for
// concurrent use.
type Relay struct {
	l      *Link
	st     *mux.Stream
	pipe   *mux.Pipe
	output func(fd int, p []byte)
	asks   func(RelayQuestion) // nil: asking breaks a rule
	open   uint32              // the question that is, or 0; for the reader
	asked  int                 // how many there were; for the reader
	pid    atomic.Int64

	once sync.Once
	done chan struct{}
	end  Ended
	err  error
}

// Relay has the peer, an agent, start a process. output, which may be nil, is given what
// the process prints to fd, 1 or 2, and what is no part of its streams: it is called by
// the reader. asks is given what the process asks if s.Ask is set, by the reader too.
// The error of what could not be started is Wait's.
func (l *Link) Relay(ctx context.Context, s *Spawn, output func(fd int, p []byte), asks func(RelayQuestion)) (*Relay, error) {
	b, err := spawnPlan.bytes(s)
	if err != nil {
		return nil, err
	}
	if len(b) > MaxSpawn {
		return nil, fmt.Errorf("the arguments and environment of %d bytes are more than the %d that an agent takes", len(b), MaxSpawn)
	}
	r := &Relay{l: l, output: output, done: make(chan struct{})}
	if s.Ask {
		r.asks = asks
	}
	st, err := l.conn.Open(ctx, frame.Relay, b, false, nil, r)
	if err != nil {
		return nil, err
	}
	r.st, r.pipe = st, l.conn.Pipe(st)
	return r, nil
}

// ID tells the process from the agent's others.
func (r *Relay) ID() uint32 { return r.st.ID }

// PID is the process's number at the agent, 0 while it is not known.
func (r *Relay) PID() int { return int(r.pid.Load()) }

// Transport is what the process reads and writes. Closing it is the end of the
// process's input, and of its output as far as anybody reads it; not of the process.
func (r *Relay) Transport() mux.Transport { return r.pipe }

// CloseSend is the end of the process's input alone.
func (r *Relay) CloseSend() { r.pipe.CloseSend() }

// Wait returns when the process has ended, was not started (a *Failure), or is not
// known of any more (a *Down). Its streams may still hold what it has written.
func (r *Relay) Wait() (Ended, error) {
	select {
	case <-r.done:
	case <-r.l.conn.Done():
		r.finish(Ended{Code: -1}, &Down{r.l.conn.Err(), true})
		<-r.done
	}
	return r.end, r.err
}

// Tail is the last of what the process wrote to its standard error, when its end is known.
func (r *Relay) Tail() []byte {
	select {
	case <-r.done:
		return r.end.Tail
	default:
		return nil
	}
}

// ErrAbandoned is Wait's error after Abandon.
var ErrAbandoned = errors.New("nobody waits for it any more")

// Abandon gives the process up: the agent ends it when it hears of that. It does not wait
// for the agent, which may not even be there yet.
func (r *Relay) Abandon() {
	r.finish(Ended{Code: -1}, ErrAbandoned)
	r.l.conn.Reset(r.st, mux.Cancelled, "")
	r.pipe.End(io.EOF)
}

func (r *Relay) finish(e Ended, err error) {
	r.once.Do(func() {
		r.end, r.err = e, err
		close(r.done)
	})
}

// on takes what the agent tells of the process.
func (r *Relay) on(ev mux.Event) error {
	if ev.End {
		r.l.conn.Pipe(ev.Stream).EndSend() // nobody reads it any more
	}
	switch {
	case ev.Kind == frame.Reset:
		r.finish(Ended{Code: -1}, &mux.Aborted{Code: ev.Code, Reason: string(ev.Payload)})
		r.l.conn.Reset(ev.Stream, mux.Unwanted, "")
	case ev.Handle == frame.Progress && !ev.End:
		var p progress
		if err := progressPlan.only(ev.Payload, &p, "PROGRESS of a RELAY"); err != nil {
			return err
		}
		r.pid.Store(p.Done)
	case ev.Handle == frame.Item && !ev.End && len(ev.Payload) > 0 && ev.Payload[0] == relayAsks:
		return r.onQuestion(ev.Stream.ID, ev.Payload[1:])
	case ev.Handle == frame.Item && !ev.End:
		if len(ev.Payload) < 2 || ev.Payload[0] != 1 && ev.Payload[0] != 2 {
			return frame.Violated("message", "an ITEM of a RELAY that is no output")
		}
		if r.output != nil {
			r.output(int(ev.Payload[0]), ev.Payload[1:])
		}
	case ev.Handle == frame.Reply && ev.End:
		var e Ended
		if err := endedPlan.only(ev.Payload, &e, "REPLY of a RELAY"); err != nil {
			return err
		}
		r.finish(e, nil)
	case ev.Handle == frame.Error && ev.End:
		f, err := r.l.decodeFailure(ev.Payload)
		if err != nil {
			return err
		}
		r.finish(Ended{Code: -1}, f)
	default:
		return frame.Violated("reply", "%s on stream %d, which relays a process", ev.Handle, ev.Stream.ID)
	}
	return nil
}

// relayAsks begins an ITEM that is a question. One of output begins with 1 or 2.
const relayAsks = 3

func (r *Relay) onQuestion(stream uint32, b []byte) error {
	var q RelayQuestion
	if err := relayQuestionPlan.only(b, &q, "a question of a RELAY"); err != nil {
		return err
	}
	over := q.Kind == QuestionOver
	switch {
	case r.asks == nil:
		return frame.Violated("message", "a question on stream %d, whose process may not ask", stream)
	case len(b) > MaxQuestion || q.Kind > QuestionOver || over && q.Text != "":
		return frame.Violated("message", "a question of kind %d and %d bytes", q.Kind, len(b))
	case q.ID == 0, !over && r.open != 0, over && r.open != q.ID:
		return frame.Violated("message", "a question where another is open, or the end of one that is not")
	case r.asked == MaxQuestions && !over:
		return frame.Violated("quota", "more than %d questions of one process", MaxQuestions)
	}
	if r.open = 0; !over {
		r.open = q.ID
		r.asked++
	}
	r.asks(q)
	return nil
}
