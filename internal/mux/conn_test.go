package mux_test

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// upper is a layer above a Conn. It answers calls, and ends waits for answers.
type upper struct {
	conn   *mux.Conn
	handle func(mux.Event) error // instead, when set

	mu     sync.Mutex
	events []mux.Event
	closed []error
}

func (u *upper) Handle(ev mux.Event) error {
	u.mu.Lock()
	ev.Payload = slices.Clone(ev.Payload)
	u.events = append(u.events, ev)
	u.mu.Unlock()
	if u.handle != nil {
		return u.handle(ev)
	}
	return u.standard(ev)
}

func (u *upper) standard(ev mux.Event) error {
	switch {
	case ev.Stream == nil:
	case ev.Kind == frame.Open && ev.Handle == frame.CallFunction:
		return u.conn.Queue(ev.Stream, frame.Reply, ev.Payload, true, nil)
	case ev.End || ev.Kind == frame.Reset:
		if w, ok := ev.Stream.User.(*mux.Waiter); ok {
			u.conn.Signal(w)
		}
	}
	return nil
}

func (u *upper) Closed(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = append(u.closed, err)
}

func (u *upper) seen() []mux.Event {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.events)
}

// newConn is one end over t, after the greeting.
func newConn(t mux.Transport, side mux.Side, serving bool, streams int) (*mux.Conn, *upper) {
	s := mux.NewState(side, 64)
	s.Peer(mux.Window, streams)
	s.Raw(frame.Preamble())
	u := &upper{}
	u.conn = mux.NewConn(t, s, u, serving)
	u.conn.Flush()
	return u.conn, u
}

// bubble runs f with a manager's and a worker's end, and ends both.
func bubble(t *testing.T, f func(t *testing.T, m, w *mux.Conn, um, uw *upper)) {
	synctest.Test(t, func(t *testing.T) {
		a, b := transport.Pair()
		m, um := newConn(a, mux.ManagerSide, false, 4)
		w, uw := newConn(b, mux.WorkerSide, true, 4)
		f(t, m, w, um, uw)
		m.Close()
		w.Close()
		synctest.Wait()
		for _, u := range []*upper{um, uw} {
			if len(u.closed) != 1 {
				t.Errorf("Closed was called %d times", len(u.closed))
			}
		}
	})
}

// rest lets everything come to rest: also what somebody idle takes over after
// ticks.
func rest() {
	time.Sleep(5 * mux.Tick) // of the bubble
	synctest.Wait()
}

func call(ctx context.Context, c *mux.Conn, payload string) error {
	var w mux.Waiter
	st, err := c.Open(ctx, frame.CallFunction, []byte(payload), true, nil, &w)
	if err != nil {
		return err
	}
	if err = c.Wait(ctx, &w); err != nil {
		c.Reset(st, mux.Cancelled, "")
	}
	return err
}

func TestCallers(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		var wg sync.WaitGroup
		for i := range 32 { // 4 streams: most wait for one
			wg.Go(func() {
				for range 20 {
					if err := call(t.Context(), m, strings.Repeat("x", 1+i*1000)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if err := m.Quiet(t.Context()); err != nil || m.Live() != 0 {
			t.Errorf("%d streams are left, %v", m.Live(), err)
		}
	})
}

// A waiter that reads is cancelled, one that is parked is, and the last one still
// gets its answer: the right to read goes from hand to hand.
func TestCancel(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		var streams []*mux.Stream
		uw.handle = func(ev mux.Event) error {
			if ev.Kind == frame.Open {
				streams = append(streams, ev.Stream)
			}
			return nil
		}
		var ends [3]error
		var cancels [3]context.CancelFunc
		for i := range ends {
			ctx, cancel := context.WithCancel(t.Context())
			cancels[i] = cancel
			go func() { ends[i] = call(ctx, m, "x") }()
			rest()
		}
		cancels[1]()
		rest()
		if ends != [3]error{nil, context.Canceled, nil} {
			t.Fatal("the parked waiter:", ends)
		}
		cancels[0]()
		rest()
		if ends != [3]error{context.Canceled, context.Canceled, nil} {
			t.Fatal("the reader:", ends)
		}
		w.Message(streams[2], frame.Reply, []byte("late"), true, nil)
		rest()
		cancels[2]() // too late to matter
		rest()
		if ends[2] != nil {
			t.Fatal("the last one:", ends[2])
		}
	})
}

// A function that runs long loses the right to read after a tick: what comes
// meanwhile is handled, and replies that waited behind it leave.
func TestStolen(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		release := make(chan struct{})
		uw.handle = func(ev mux.Event) error {
			if ev.Kind != frame.Open {
				return nil
			}
			text := string(ev.Payload)
			w.Lend(func() {
				if text == "slow" {
					<-release
				}
				w.Queue(ev.Stream, frame.Reply, []byte(text), true, nil)
			})
			return nil
		}
		var slow, quick error = io.EOF, io.EOF
		go func() { slow = call(t.Context(), m, "slow") }()
		rest()
		go func() { quick = call(t.Context(), m, "quick") }()
		rest()
		if quick != nil || slow != io.EOF {
			t.Fatalf("behind the slow one: %v; it: %v", quick, slow)
		}
		close(release)
		rest()
		if slow != nil {
			t.Fatal("the slow one's reply was not flushed:", slow)
		}
	})
}

// A function that waits for a call of its own reads meanwhile, and gives the right
// back; when it returns while another still reads for it, that one goes on.
func TestNested(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		uw.handle = func(ev mux.Event) error {
			if ev.Kind == frame.Open {
				w.Lend(func() {
					if err := call(t.Context(), w, "back"); err != nil {
						t.Error("the call back:", err)
					}
					w.Queue(ev.Stream, frame.Reply, nil, true, nil)
				})
				return nil
			}
			return uw.standard(ev)
		}
		for range 10 {
			if err := call(t.Context(), m, "there"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Nobody waits: the idle goroutine handles what comes, then a caller takes over
// from it, again and again.
func TestIdle(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		for i := range 5 {
			rest()
			w.Update(func(s *mux.State) { s.Control(frame.ForwardLog, []byte{byte(i)}) })
			rest()
			if n := len(um.seen()); n != 2*i+1 {
				t.Fatalf("%d events after %d log records", n, i+1)
			}
			if err := call(t.Context(), m, "x"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Who waits for a stream goes on when the peer allows more of them: nothing else may happen then.
func TestMoreStreamsAreAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, raw := transport.Pair()
		m, _ := newConn(a, mux.ManagerSide, false, 1)
		if _, err := m.OpenBulk(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		opened := make(chan error)
		go func() {
			_, err := m.OpenBulk(t.Context(), nil)
			opened <- err
		}()
		synctest.Wait()
		select {
		case err := <-opened:
			t.Fatalf("there was one stream, and the second was opened: %v", err)
		default:
		}
		m.Update(func(s *mux.State) { s.Peer(mux.Window, 8) })
		if err := <-opened; err != nil {
			t.Error(err)
		}
		m.Close()
		raw.Close()
	})
}

// What a handler queued leaves also when the read that brought it ended the
// wait of its reader.
func TestFlushAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, raw := transport.Pair()
		m, um := newConn(a, mux.ManagerSide, false, 4)
		um.handle = um.standard
		done := make(chan error)
		go func() { done <- call(t.Context(), m, "x") }()
		rest()
		drain(t, raw)
		b := frame.Preamble() // a call back and the answer in one write
		b = frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End}.Append(b)
		b = frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End}.Append(b)
		raw.Send([][]byte{b}, nil)
		if err := <-done; err != nil {
			t.Error(err)
		}
		rest()
		if got := drain(t, raw); len(got) != frame.HeaderSize {
			t.Errorf("the answer to the call back was not flushed: % x", got)
		}
		m.Close()
		raw.Close()
	})
}

// drain is what has come to raw.
func drain(t *testing.T, raw mux.Transport) (all []byte) {
	buf := make([]byte, 1<<20)
	for {
		n, _, err := raw.Recv([][]byte{buf})
		all = append(all, buf[:n]...)
		if err != nil {
			return all
		}
	}
}

// A peer that does not read holds the writer, not those who read; Close ends all.
func TestStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, raw := transport.Pair()
		m, _ := newConn(a, mux.ManagerSide, false, 64)
		var ends [8]error
		for i := range ends {
			st, err := m.OpenBulk(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			go func() { ends[i] = m.Send(t.Context(), st, 0, make([]byte, 200<<10), true) }()
		}
		rest()
		read, buf := 0, make([]byte, 1<<20)
		for range 3 {
			n, _, err := raw.Recv([][]byte{buf})
			if err != nil {
				t.Fatal(err)
			}
			read += n
			rest()
		}
		if want := 3 * transport.PairBuffer; read != want {
			t.Errorf("the peer read %d bytes in three turns, not %d", read, want)
		}
		m.Close()
		rest()
		stalled := 0
		for _, err := range ends {
			if err != nil && err != mux.ErrClosed {
				t.Error(err)
			}
			if err != nil {
				stalled++
			}
		}
		if stalled < 4 {
			t.Errorf("only %d of 8 senders were held", stalled)
		}
		raw.Close()
	})
}

// Close returns with a reader, a parked waiter, an Open without a free stream, a
// function and a Read under way.
func TestCloseUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		uw.handle = func(ev mux.Event) error { return nil }
		var ends [7]error
		for i := range ends {
			go func() { ends[i] = call(t.Context(), m, "x") }()
		}
		rest()
		m.Close()
		rest()
		for i, err := range ends {
			if err != mux.ErrClosed {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if err := w.Err(); err != io.EOF {
			t.Errorf("the other end: %v", err)
		}
	})
}

// Fail while a handler is about to lend the right: Close still returns.
func TestFailBeforeLend(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		ran := false
		uw.handle = func(ev mux.Event) error {
			w.Fail(io.ErrNoProgress)
			w.Lend(func() { ran = true })
			return nil
		}
		if err := call(t.Context(), m, "x"); err != io.EOF {
			t.Errorf("the caller: %v", err)
		}
		w.Close()
		if !ran {
			t.Error("the function did not run")
		}
	})
}

// What a peer said before it closed is read, also by one that finds it closed
// when it writes.
func TestLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, raw := transport.Pair()
		m, um := newConn(a, mux.ManagerSide, false, 4)
		b := frame.Header{Kind: frame.Message, Handle: frame.ForwardLog}.Append(frame.Preamble())
		raw.Send([][]byte{b}, nil)
		raw.Close()
		err := call(t.Context(), m, "x")
		if _, sent := errors.AsType[*mux.SendError](err); err != io.EOF && !sent {
			t.Errorf("the caller: %v", err)
		}
		if n := len(um.seen()); n != 1 {
			t.Errorf("%d events", n)
		}
		<-m.Done()
		m.Close()
	})
}

// Garbage ends the link with the name of its rule; an input that ends anywhere
// is a loss.
func TestBadInput(t *testing.T) {
	good := frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.CallFunction, Length: 5}.Append(frame.Preamble())
	good = append(good, "12345"...)
	for _, c := range []struct {
		name, rule string
		bytes      []byte
	}{
		{"banner", "preamble", []byte("Welcome to db1, friend")},
		{"length", "length", frame.Header{Length: 1 << 30, Stream: 2, Kind: frame.Open, Handle: frame.CallFunction}.Append(frame.Preamble())},
		{"credit", "credit", frame.Header{Length: 1 << 20, Stream: 2, Kind: frame.Open, Handle: frame.CallFunction}.Append(frame.Preamble())},
		{"fds", "fds", frame.Header{Stream: 2, Kind: frame.Open, Handle: frame.CallFunction, FDs: 1}.Append(frame.Preamble())},
		{"nothing", "", nil},
		{"half a preamble", "", good[:7]},
		{"half a header", "", good[:17]},
		{"half a payload", "", good[:27]},
		{"a frame", "", good},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, raw := transport.Pair()
				m, _ := newConn(a, mux.ManagerSide, true, 4)
				for i := range c.bytes { // byte by byte
					raw.Send([][]byte{c.bytes[i : i+1]}, nil)
					rest()
				}
				if c.rule == "" {
					raw.Close()
				}
				<-m.Done()
				v, ok := errors.AsType[*frame.Violation](m.Err())
				if c.rule == "" && m.Err() != io.EOF || c.rule != "" && (!ok || v.Rule != c.rule) {
					t.Errorf("the link ended by %v", m.Err())
				}
				m.Close()
				raw.Close()
			})
		})
	}
}

// A BULK stream is read at the reader's pace, long items too, and nothing is given
// credit twice: what a slow reader has not taken stays within its window.
func TestBulkBounded(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		uw.handle = func(ev mux.Event) error { return nil }
		st, err := m.OpenBulk(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		const items, size = 40, 300 << 10
		sent := 0
		done := make(chan error, 1)
		go func() {
			for i := range items {
				if err := m.Send(t.Context(), st, frame.Item, slices.Repeat([]byte{byte(i)}, size), i == items-1); err != nil {
					done <- err
					return
				}
				sent++
			}
			done <- nil
		}()
		rest()
		in := uw.seen()[0].Stream
		for i := range items {
			if ahead := sent - i; ahead*size > mux.MaxWindow+size {
				t.Fatalf("%d items are ahead of a reader that read %d", ahead, i)
			}
			h, b, err := w.Receive(t.Context(), in)
			if err != nil || h != frame.Item || len(b) != size || b[0] != byte(i) || b[size-1] != byte(i) {
				t.Fatalf("item %d: %s of %d, %v", i, h, len(b), err)
			}
			rest()
		}
		if _, _, err := w.Receive(t.Context(), in); err != io.EOF {
			t.Errorf("after the last one: %v", err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Read takes data, says when a message is next, and ends with its context,
// RESET and the stream's end.
func TestRead(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		uw.handle = func(ev mux.Event) error { return nil }
		open := func() (*mux.Stream, *mux.Stream) {
			st, err := m.OpenBulk(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			rest()
			seen := uw.seen()
			return st, seen[len(seen)-1].Stream
		}
		st, in := open()
		m.Send(t.Context(), st, 0, []byte("hello"), false)
		m.Send(t.Context(), st, frame.Item, []byte("item"), false)
		buf := make([]byte, 3)
		for _, want := range []string{"hel", "lo"} {
			if n, err := w.Read(t.Context(), in, buf); err != nil || string(buf[:n]) != want {
				t.Errorf("read %q, %v", buf[:n], err)
			}
		}
		if _, err := w.Read(t.Context(), in, buf); err != mux.ErrMessage {
			t.Errorf("before the item: %v", err)
		}
		if _, b, err := w.Receive(t.Context(), in); err != nil || string(b) != "item" {
			t.Errorf("the item: %q, %v", b, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Read(ctx, in, buf); err != context.DeadlineExceeded {
			t.Errorf("nothing there: %v", err)
		}
		m.Reset(st, mux.Failed, "disk on fire")
		if _, err := w.Read(t.Context(), in, buf); err == nil || !strings.Contains(err.Error(), "disk on fire") {
			t.Errorf("after its RESET: %v", err)
		}
		st, in = open()
		w.Reset(in, mux.Unwanted, "")
		if _, err := w.Read(t.Context(), in, buf); err != os.ErrClosed {
			t.Errorf("after the reader's RESET: %v", err)
		}
		rest()
		if err := m.Send(t.Context(), st, 0, []byte("x"), false); err != mux.ErrUnwanted || !m.Stopped(st) {
			t.Errorf("the sender: %v", err)
		}
		m.Reset(st, mux.Unwanted, "")
	})
}

// Collect has all of a stream in one slice, whatever was there before it was
// asked for.
func TestCollect(t *testing.T) {
	for _, size := range []int{0, 5, 1 << 20, 5<<20 + 3} {
		bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
			ended := make(chan struct{}, 1)
			uw.handle = func(ev mux.Event) error {
				if ev.Kind != frame.Open {
					ended <- struct{}{}
				}
				return nil
			}
			st, err := m.OpenBulk(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			data := slices.Repeat([]byte("abcdefg"), size/7+1)[:size]
			given := false
			if err := m.SendBytes(st, data, func() { given = true }); err != nil {
				t.Fatal(err)
			}
			rest()
			in := uw.seen()[0].Stream
			done, err := w.Collect(in, int64(size), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !done {
				w.Flush() // the credit of what was there
				<-ended
			}
			b, err := w.Collected(in)
			if err != nil || string(b) != string(data) {
				t.Errorf("%d bytes of %d, %v", len(b), size, err)
			}
			rest()
			if !given {
				t.Error("the bytes were not given back")
			}
		})
	}
}

// The sender of a stream waits for its slot, which the end of another's writing
// frees.
func TestSlotFreedByWriting(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		uw.handle = func(ev mux.Event) error { return nil }
		for range 12 { // 4 at once
			st, err := m.OpenBulk(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			go m.Send(t.Context(), st, 0, []byte("x"), true)
		}
		if err := m.Quiet(t.Context()); err != nil {
			t.Error(err)
		}
		m.Flushed()
		if !m.Drained(time.Second) {
			t.Error("not drained")
		}
	})
}

// A manager's link that nobody waits on holds no read buffer: there may be thousands.
func TestRestingManagerIsSlim(t *testing.T) {
	const links = 100
	heap := func() int {
		for range 3 { // pools take two
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	synctest.Test(t, func(t *testing.T) {
		before := heap()
		var conns []*mux.Conn
		var far []mux.Transport
		for range links {
			a, b := transport.Pair()
			m, _ := newConn(a, mux.ManagerSide, false, 4)
			conns, far = append(conns, m), append(far, b)
		}
		rest()
		if each := (heap() - before) / links; each > 20<<10 {
			t.Errorf("a link at rest holds %d bytes", each)
		}
		for i, m := range conns {
			m.Close()
			far[i].Close()
		}
	})
}

// A short message that has to wait is copied: its sender may use the memory again.
func TestQueuedIsCopied(t *testing.T) {
	bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
		uw.handle = func(ev mux.Event) error {
			if ev.Kind != frame.Open {
				return nil
			}
			w.Message(ev.Stream, frame.Progress, make([]byte, mux.UrgentMessage+1), false, nil)
			b := []byte("the answer")
			defer copy(b, "another's!")
			return w.Queue(ev.Stream, frame.Reply, b, true, nil)
		}
		if err := call(t.Context(), m, "x"); err != nil {
			t.Fatal(err)
		}
		events := um.seen()
		if last := events[len(events)-1]; last.Handle != frame.Reply || string(last.Payload) != "the answer" {
			t.Errorf("%s %q", last.Handle, last.Payload)
		}
	})
}

// A handler that blocks keeps nothing from leaving: neither what others queue meanwhile,
// nor what was queued before it.
func TestWritingBehindAHandlerThatBlocks(t *testing.T) {
	for name, waits := range map[string]bool{"of who waits": true, "of the idle goroutine": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m, w *mux.Conn, um, uw *upper) {
				uw.handle = func(mux.Event) error { return nil }
				st, err := m.Open(t.Context(), frame.CallFunction, nil, false, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				rest()
				release := make(chan struct{})
				um.handle = func(ev mux.Event) error {
					if ev.Handle == frame.Progress {
						m.Queue(st, frame.Item, []byte("queued before"), false, nil)
					} else {
						<-release
					}
					return nil
				}
				ctx, cancel := context.WithCancel(t.Context())
				if waits {
					var never mux.Waiter
					go m.Wait(ctx, &never)
					rest()
				}
				theirs := uw.seen()[0].Stream
				w.Queue(theirs, frame.Progress, nil, false, nil)
				w.Queue(theirs, frame.Item, nil, false, nil)
				w.Flush() // both in one write, and so in one read
				rest()
				check := func(what string) {
					t.Helper()
					events := uw.seen()
					if last := events[len(events)-1]; string(last.Payload) != what {
						t.Errorf("%q is not there, %q is", what, last.Payload)
					}
				}
				check("queued before")
				for _, what := range []string{"meanwhile", "and then"} {
					m.Message(st, frame.Item, []byte(what), false, nil)
					rest()
					check(what)
				}
				m.Reset(st, mux.Cancelled, "given up")
				rest()
				check("given up")
				cancel()
				close(release)
				rest()
			})
		})
	}
}
