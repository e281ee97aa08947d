package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// underRace is set where memory is watched too closely to use much of it.
var underRace bool

func TestDeadlineTravelsAsRemainingTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		f := function("wait", func(ctx context.Context, _ int) (int, error) {
			dl, ok := ctx.Deadline()
			if left := time.Until(dl); !ok || left != 5*time.Second {
				t.Errorf("%v left, %v", left, ok)
			}
			<-ctx.Done()
			ended <- ctx.Err()
			return 0, ctx.Err()
		})
		m, w := pair(t, byMemory, []*Function{f}, Config{}, Config{})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := call[int, int](ctx, m, f, 1, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := <-ended; err != context.DeadlineExceeded && err != context.Canceled {
			t.Error(err)
		}
		if err := m.Quiet(t.Context()); err != nil {
			t.Error(err)
		}
		m.Close()
		w.Close()
	})
}

// TestContextOfACall: derived contexts, AfterFunc and Err work as package
// context's do.
func TestContextOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := function("derive", func(ctx context.Context, _ int) (int, error) {
			sub, cancel := context.WithCancel(ctx)
			defer cancel()
			called := make(chan bool, 1)
			stop := context.AfterFunc(ctx, func() { called <- true })
			stopped := context.AfterFunc(ctx, func() { t.Error("it was stopped") })
			if !stopped() || stopped() {
				t.Error("stop")
			}
			<-sub.Done()
			<-called
			if stop() || sub.Err() != context.DeadlineExceeded || ctx.Err() != context.DeadlineExceeded {
				t.Error(sub.Err(), ctx.Err())
			}
			late := make(chan bool)
			context.AfterFunc(ctx, func() { close(late) })
			<-late
			return 0, nil
		})
		m, w := pair(t, byMemory, []*Function{f}, Config{}, Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		call[int, int](ctx, m, f, 1, nil)
		m.Quiet(t.Context())
		m.Close()
		w.Close()
	})
}

// TestAbandonedCallEndsLater: its stream lives until its function has really
// returned.
func TestAbandonedCallEndsLater(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		began, release := make(chan bool), make(chan bool)
		f := function("stubborn", func(context.Context, int) (int, error) { began <- true; <-release; return 0, nil })
		m, _ := pair(t, by, []*Function{f}, Config{}, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-began; cancel() }()
		if _, err := call[int, int](ctx, m, f, 1, nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if m.Busy() != 1 {
			t.Errorf("%d streams are open", m.Busy())
		}
		close(release)
		if err := m.Quiet(t.Context()); err != nil || m.Busy() != 0 {
			t.Error(err, m.Busy())
		}
	})
}

// TestCancelBeforeSent: nothing of a call that could not be sent stays open.
func TestCancelBeforeSent(t *testing.T) {
	nothingLeft(t)
	f := all(nil)
	m, w := pair(t, byMemory, []*Function{f}, Config{}, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	args := everything{Data: make([]byte, 10<<20), In: strings.NewReader(strings.Repeat("x", 1<<20))}
	if _, err := m.Call(ctx, f, &args, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(args.Data) != 10<<20 {
		t.Error("the argument was not put back")
	}
	for _, c := range []container.Container{closed(), brokenContainer{container.FromBytes([]byte("x"))}} {
		// The bytes are lifted by the time that the container turns out not to
		// pass.
		args.C = c
		if _, err := m.Call(t.Context(), f, &args, nil); err == nil || !strings.Contains(err.Error(), "everything.C") {
			t.Error(err)
		}
		if len(args.Data) != 10<<20 {
			t.Error("the argument was not put back")
		}
	}
	if err := m.Quiet(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func closed() container.Container {
	c := container.FromBytes([]byte("x"))
	c.Close()
	return c
}

// brokenContainer cannot be read.
type brokenContainer struct{ container.Container }

func (brokenContainer) ReadAt([]byte, int64) (int, error) { return 0, errors.New("broken") }

// TestCancelOfALongCall: a call that is cut off while it is sent leaves nothing
// on the other side either.
func TestCancelOfALongCall(t *testing.T) {
	type args struct{ Lines []string }
	f := function("long", func(_ context.Context, a args) (int, error) { return len(a.Lines), nil })
	m, w := pair(t, byMemory, []*Function{f}, Config{}, Config{})
	a := args{Lines: []string{strings.Repeat("x", 8<<20)}}
	for i := range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
		call[args, int](ctx, m, f, a, nil)
		cancel()
	}
	if n, err := call[args, int](t.Context(), m, f, a, nil); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if err := m.Quiet(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestTooLargeToSend: it is refused before anything is sent, with what it was.
func TestTooLargeToSend(t *testing.T) {
	type big struct{ Lines []string }
	type boxes struct {
		Lines   []string
		A, B, C container.Container
	}
	lines := make([]string, 17)
	for i := range lines {
		lines[i] = strings.Repeat("x", 1<<20)
	}
	f := function("big", func(_ context.Context, n int) (big, error) { return big{lines[:n]}, nil })
	g := function("take", func(context.Context, big) (int, error) { return 0, nil })
	h := function("boxes", func(context.Context, boxes) (int, error) { return 0, nil })
	m, _ := pair(t, bySocket, []*Function{f, g, h}, Config{}, Config{})
	if _, err := call[big, int](t.Context(), m, g, big{lines}, nil); err == nil || !strings.Contains(err.Error(), "Lines has") || !strings.Contains(err.Error(), "of a message") {
		t.Errorf("%.300v", err)
	}
	_, err := call[int, big](t.Context(), m, f, 17, nil)
	if fail, ok := errors.AsType[*Failure](err); !ok || fail.Code != CodeResult || !strings.Contains(fail.Message, "Lines has") {
		t.Errorf("%.300v", err)
	}
	box := container.FromBytes(make([]byte, container.InlineMax))
	almost := append(lines[:15:15], strings.Repeat("x", 1<<20-1000))
	if _, err := call[boxes, int](t.Context(), m, h, boxes{almost, box, box, box}, nil); err == nil || !strings.Contains(err.Error(), "with its containers") {
		t.Errorf("%.300v", err)
	}
	if _, err := call[big, int](t.Context(), m, g, big{lines[:15]}, nil); err != nil {
		t.Error(err)
	}
	if m.Err() != nil {
		t.Error(m.Err())
	}
}

// TestOtherDigests: two programs that know different functions, and one in another
// type.
func TestOtherDigests(t *testing.T) {
	mine := []*Function{echo(), function("gone", func(context.Context, int) (int, error) { return 0, nil }), function("twice", func(_ context.Context, n int) (int, error) { return 0, nil })}
	var reg Registry
	for _, f := range []*Function{echo(), function("twice", func(_ context.Context, s string) (string, error) { return s + s, nil })} {
		if err := reg.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	m, _ := pair(t, byMemory, mine, Config{}, Config{Functions: &reg})
	if r, err := call[echoArgs, echoReply](t.Context(), m, mine[0], echoArgs{[]byte("x")}, nil); err != nil || string(r.Data) != "x" {
		t.Error(r, err)
	}
	_, err := call[int, int](t.Context(), m, mine[1], 1, nil)
	if fail, ok := errors.AsType[*Failure](err); !ok || fail.Code != CodeUnknown || !strings.Contains(fail.Message, "echo, twice") {
		t.Error(err)
	}
	_, err = call[int, int](t.Context(), m, mine[2], 1, nil)
	if fail, ok := errors.AsType[*Failure](err); !ok || fail.Code != CodeMismatch || !strings.Contains(fail.Message, "func(string) string in the worker") {
		t.Error(err)
	}
	if m.Err() != nil {
		t.Error(m.Err())
	}
}

// TestCallsOnALinkThatEnds: every one of them returns, with Down.
func TestCallsOnALinkThatEnds(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		began := make(chan bool)
		f := function("hang", func(ctx context.Context, _ int) (int, error) { began <- true; <-ctx.Done(); return 0, ctx.Err() })
		m, w := pair(t, by, []*Function{f}, Config{}, Config{})
		errs := make(chan error)
		for range 10 {
			go func() {
				_, err := call[int, int](t.Context(), m, f, 1, nil)
				errs <- err
			}()
			<-began
		}
		w.Close()
		for range 10 {
			if down, ok := errors.AsType[*Down](<-errs); !ok || !down.MayHaveRun {
				t.Error(down)
			}
		}
		_, err := call[int, int](t.Context(), m, f, 1, nil)
		if down, ok := errors.AsType[*Down](err); !ok || down.MayHaveRun {
			t.Error(err)
		}
		if !errors.Is(w.Err(), mux.ErrClosed) {
			t.Error(w.Err())
		}
	})
}

// TestAnswerIsNoEnd: a function may answer with the error that links end with too, and its link end
// before its caller has looked.
func TestAnswerIsNoEnd(t *testing.T) {
	m, _ := pair(t, byMemory, nil, Config{}, Config{})
	m.Fail(io.EOF)
	answer := &Failure{Message: "no more lines", Errs: []error{io.EOF}}
	if err := m.downed(answer, true); err != answer {
		t.Errorf("the answer is told as %T %v", err, err)
	}
	for _, may := range []bool{false, true} {
		if down, ok := errors.AsType[*Down](m.downed(fmt.Errorf("send: %w", io.EOF), may)); !ok || down.MayHaveRun != may || down.Err != io.EOF {
			t.Errorf("the end is told as %v", down)
		}
	}
}

// TestCancelCalls: all calls of this side end as on a link that does, which lives on, and the others
// hear of it.
func TestCancelCalls(t *testing.T) {
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		began, ended := make(chan bool), make(chan error)
		f := function("hang", func(ctx context.Context, _ int) (int, error) {
			began <- true
			<-ctx.Done()
			ended <- ctx.Err()
			return 0, nil
		})
		m, _ := pair(t, by, []*Function{f}, Config{}, Config{})
		errs := make(chan error)
		go func() {
			_, err := call[int, int](t.Context(), m, f, 1, nil)
			errs <- err
		}()
		<-began
		why := errors.New("enough")
		m.CancelCalls(why)
		err := <-errs
		if down, ok := errors.AsType[*Down](err); !ok || !down.MayHaveRun || !errors.Is(err, why) {
			t.Errorf("got %T %v", err, err)
		}
		if err := <-ended; err != context.Canceled {
			t.Errorf("the function heard %v", err)
		}
		if err := m.Quiet(t.Context()); err != nil || m.Err() != nil {
			t.Errorf("the link: %v, %v", err, m.Err())
		}
	})
}

// TestResetTellsWhy: a call that its caller's deadline ended has a context that says so,
// though its own clock is not there yet; any other is cancelled.
func TestResetTellsWhy(t *testing.T) {
	for code, want := range map[mux.Code]error{mux.Expired: context.DeadlineExceeded, mux.Cancelled: context.Canceled, 99: context.Canceled} {
		in := &Incoming{deadline: time.Now().Add(time.Hour)}
		if err := in.on(mux.Event{Kind: frame.Reset, Code: code}); err != nil || in.Err() != want {
			t.Errorf("code %d: %v, %v", code, in.Err(), err)
		}
	}
}

// TestProgressBeforeTheEnd: a call that is given up returns when no progress of it is
// being told any more. Its worker hears at once.
func TestProgressBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, heard, told := make(chan bool), make(chan bool, 1), make(chan bool)
		block := function("block", func(context.Context, int) (int, error) { <-release; return 0, nil })
		f := function("tell", func(ctx context.Context, _ int) (int, error) {
			From(ctx).Progress(1, 2, "half")
			<-ctx.Done()
			heard <- true
			From(ctx).Progress(2, 2, "late")
			return 0, ctx.Err()
		})
		m, w := pair(t, byMemory, []*Function{block, f}, Config{}, Config{})
		rest := func() { time.Sleep(5 * mux.Tick); synctest.Wait() }
		go call[int, int](t.Context(), m, block, 1, nil) // it reads
		rest()
		ctx, cancel := context.WithCancel(t.Context())
		var labels []string
		ended := make(chan error, 1)
		go func() {
			_, err := call[int, int](ctx, m, f, 1, &Call{Progress: func(_, _ int64, label string) {
				<-told
				labels = append(labels, label)
			}})
			ended <- err
		}()
		rest()
		cancel()
		rest()
		if len(heard) != 1 || len(ended) != 0 {
			t.Errorf("%d heard of it, %d ended", len(heard), len(ended))
		}
		close(told)
		if err := <-ended; !errors.Is(err, context.Canceled) || len(labels) != 1 || labels[0] != "half" {
			t.Errorf("%v, %q", err, labels)
		}
		close(release)
		if err := m.Quiet(t.Context()); err != nil || len(labels) != 1 {
			t.Error(err, labels)
		}
		m.Close()
		w.Close()
	})
}
