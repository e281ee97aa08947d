package link

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// TestBackAgainstTheResult: what a function left behind calls back while the
// result leaves. That is refused, or comes before it; it never breaks a rule.
func TestBackAgainstTheResult(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		const calls = 500
		behind := make(chan bool, calls)
		ask := function("ask", func(context.Context, int) (int, error) { return 1, nil })
		f := function("leave", func(ctx context.Context, n int) (int, error) {
			go func() {
				for range n * 100 { // around the result, not after it
					runtime.Gosched()
				}
				n := 0
				From(ctx).Back(ctx, ask, &n)
				behind <- true
			}()
			return 0, nil
		})
		m, w := pair(t, by, []*Function{f}, Config{}, Config{})
		for i := range calls {
			if _, err := call[int, int](t.Context(), m, f, i%10, &Call{Grants: map[string]*Function{"ask": ask}}); err != nil {
				t.Fatal(err)
			}
		}
		for range calls {
			<-behind
		}
		rest(t, m, w)
		if m.Err() != nil || w.Err() != nil {
			t.Error(m.Err(), w.Err())
		}
	})
}

// TestBackAfterTheCall is refused by the worker's own side.
func TestBackAfterTheCall(t *testing.T) {
	ask := function("ask", func(context.Context, int) (int, error) { return 1, nil })
	left := make(chan context.Context, 1)
	f := function("leave", func(ctx context.Context, n int) (int, error) { left <- ctx; return 0, nil })
	m, w := pair(t, byMemory, []*Function{f}, Config{}, Config{})
	if _, err := call[int, int](t.Context(), m, f, 1, &Call{Grants: map[string]*Function{"ask": ask}}); err != nil {
		t.Fatal(err)
	}
	rest(t, m, w)
	n := 1
	ctx := <-left
	_, err := From(ctx).Back(t.Context(), ask, &n)
	if fail, ok := errors.AsType[*Failure](err); !ok || fail.Code != CodeRefused || !strings.Contains(fail.Message, "is over") {
		t.Error(err)
	}
	From(ctx).Progress(1, 2, "late") // nothing
	if m.Err() != nil {
		t.Error(m.Err())
	}
}

// TestBackForAGivenUpCall: the worker may not know yet. It is refused.
func TestBackForAGivenUpCall(t *testing.T) {
	nothingLeft(t)
	ran := make(chan bool, 1)
	ask := function("ask", func(context.Context, everything) (everything, error) { ran <- true; return everything{}, nil })
	f := all(nil)
	l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := call[everything, everything](ctx, l, f, everything{}, &Call{Grants: map[string]*Function{"ask": ask}})
		done <- err
	}()
	r.until(frame.Open, frame.CallFunction)
	cancel()
	<-done
	r.open(2, frame.CallFunction, callOf("ask", 1))
	_, payload := r.until(frame.Message, frame.Error)
	var m failure
	if err := failurePlan.only(payload, &m, "ERROR"); err != nil || m.Code != CodeRefused || !strings.Contains(m.Text, "given the call up") {
		t.Errorf("%+v, %v", m, err)
	}
	if len(ran) > 0 || l.Err() != nil {
		t.Error("it ran, or the link ended:", l.Err())
	}
}

// TestProgressHoldsNothing: whoever waits with the call's context asks it under the link's
// lock, so progress must not reach for that with the call's own.
func TestProgressHoldsNothing(t *testing.T) {
	var in *Incoming
	told := 0
	record := func(sent bool, h frame.Header, _ []byte) { // under the link's lock
		if !sent || h.Handle != frame.Progress {
			return
		}
		told++
		if !in.mu.TryLock() {
			t.Error("the call is locked while its progress is sent")
			return
		}
		in.mu.Unlock()
	}
	f := function("tell", func(ctx context.Context, _ int) (int, error) {
		in = From(ctx)
		in.Progress(1, 2, "half")
		return 0, nil
	})
	m, _ := pair(t, byMemory, []*Function{f}, Config{}, Config{Record: record})
	if _, err := call[int, int](t.Context(), m, f, 1, nil); err != nil || told != 1 {
		t.Error(told, err)
	}
}
