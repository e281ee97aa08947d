package outwork

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/outwork-go/outwork/lost"
)

// attempt is one batch in one worker.
type attempt[A, R any] struct {
	m     *loop[A, R]
	w     *Worker
	batch []*input[A]

	mu    sync.Mutex // guards what follows
	told  []bool     // of which inputs
	mark  time.Time  // since when the one that is worked on is
	timer *time.Timer
	late  *input[A] // which took too long; nil: none
	ended bool
}

// run has the batch worked on, and gives the worker back.
func (t *attempt[A, R]) run(h *hand, k kind) (err error) {
	ctx, cancel := t.limited()
	defer cancel()
	err = errPanicked
	defer func() {
		t.end()
		t.m.p.put(h, k, t.w.after(ctx, err))
	}()
	inputs := make([]A, len(t.batch))
	for i, in := range t.batch {
		inputs[i] = in.a
	}
	err = t.m.do(ctx, t.w, inputs, t.emit)
	return err
}

// limited is the context with the time that the inputs have. For several it is ended by a timer that
// each that is told of sets anew.
func (t *attempt[A, R]) limited() (context.Context, context.CancelFunc) {
	switch {
	case t.m.o.Timeout <= 0:
		return t.m.ctx, func() {}
	case len(t.batch) == 1:
		return context.WithTimeout(t.m.ctx, t.m.o.Timeout)
	}
	ctx, cancel := context.WithCancelCause(t.m.ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = time.AfterFunc(t.m.o.Timeout, func() { t.expire(cancel) })
	return ctx, func() { cancel(nil) }
}

// expire ends the attempt, unless it has ended.
func (t *attempt[A, R]) expire(cancel context.CancelCauseFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.told, false)
	if i < 0 || t.ended {
		return
	}
	if left := t.m.o.Timeout - time.Since(t.mark); left > 0 { // it was set anew meanwhile, or a little before the mark
		t.timer.Reset(left)
		return
	}
	t.late = t.batch[i]
	cancel(context.DeadlineExceeded)
}

// emit tells of one input.
func (t *attempt[A, R]) emit(i int, r R, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	in := t.batch[i]
	if t.ended || t.told[i] || in == t.late {
		return
	}
	t.told[i] = true
	if t.timer != nil && t.late == nil {
		t.timer.Reset(t.m.o.Timeout)
	}
	now := time.Now()
	o := Outcome[R]{Value: r, Err: err, Time: now.Sub(t.mark)}
	t.mark = now
	in.attempts++
	t.m.tell(in, o)
}

// end lets nothing more be told.
func (t *attempt[A, R]) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.timer != nil {
		t.timer.Stop()
	}
}

// left is what was worked on at the end, and what else has not been told of.
func (t *attempt[A, R]) left() (suspect *input[A], rest []*input[A]) {
	suspect = t.late
	for i, in := range t.batch {
		switch {
		case t.told[i]:
		case suspect == nil:
			suspect = in
		case in != suspect:
			rest = append(rest, in)
		}
	}
	return suspect, rest
}

// mostSpared is how often an input's worker may be lost for what the input has not done.
const mostSpared = 10

// judge is what becomes of the input that was worked on when the attempt ended with err: it is
// returned when a fresh worker is to try it. The others are done again.
func (t *attempt[A, R]) judge(suspect *input[A], rest []*input[A], err error) (again []*input[A]) {
	err, byLoss := t.reason(suspect, err)
	if !wasUnsent(err) {
		suspect.attempts++
	}
	switch {
	case byLoss && spares(err) && suspect.spared < mostSpared:
		suspect.spared++
		if suspect.losses == 0 {
			rest = append([]*input[A]{suspect}, rest...)
			break
		}
		again = []*input[A]{suspect}
	case byLoss && suspect.losses < t.m.o.Retries:
		suspect.losses++
		again = []*input[A]{suspect}
	default:
		t.m.tell(suspect, Outcome[R]{Err: err, Time: time.Since(t.mark)})
	}
	t.m.giveBack(rest)
	return again
}

var errUntold = errors.New("the function of the map has returned, and told nothing of it")

// reason is why the attempt has no value for suspect, and whether that is the worker's loss.
func (t *attempt[A, R]) reason(suspect *input[A], err error) (error, bool) {
	switch {
	case suspect == t.late:
		return fmt.Errorf("not within %v: %w", t.m.o.Timeout, context.DeadlineExceeded), false
	case err == nil:
		return errUntold, false
	case errors.Is(err, context.DeadlineExceeded):
		return err, false
	}
	if loss := t.w.lossBehind(err); loss != nil {
		return loss, true
	}
	return err, false
}

// lossBehind is err, or what it stands for, when it is because the worker was lost; nil: it is not.
func (w *Worker) lossBehind(err error) error {
	if loss, ok := errors.AsType[*LostError](err); ok && loss.Worker == w.name {
		return err
	}
	if broke, ok := errors.AsType[*ProtocolError](err); ok && broke.Worker == w.name {
		return err
	}
	if _, answered := errors.AsType[*RemoteError](err); answered || w.link.Err() == nil {
		return nil
	}
	<-w.done // soon
	return w.Err()
}

// spares reports whether a worker's loss is nothing that its input has done.
func spares(loss error) bool {
	return errors.Is(loss, ErrClosed) || errors.Is(loss, lost.Host) || wasUnsent(loss) || wasKilled(loss)
}

// wasUnsent reports whether a call came to nothing because its worker was lost before.
func wasUnsent(loss error) bool {
	e, ok := errors.AsType[*LostError](loss)
	return ok && e.Function != "" && !e.MayHaveRun
}

// wasKilled reports whether a worker was killed by nobody here.
func wasKilled(loss error) bool { return errors.Is(loss, lost.Killed) }
