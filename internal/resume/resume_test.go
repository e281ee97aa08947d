package resume

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

var usual = Config{Silence: 15 * time.Second, Redial: 2 * time.Minute}

// cable is one end of a Pair that may be cut.
type cable struct {
	mux.Transport
	cut   *atomic.Bool  // both ends are at their end
	mute  *atomic.Bool  // what is sent is lost, and what comes
	left  *atomic.Int64 // bytes until cut
	piece int           // bytes that are taken at once; 0: all
	alone *alone
}

// alone counts who is in Send or PollSend of one end: one at a time, a Transport says.
type alone struct {
	here atomic.Int32
	many atomic.Bool // there were more at once
}

func (a *alone) enter() (leave func()) {
	if a.here.Add(1) > 1 {
		a.many.Store(true)
	}
	return func() { a.here.Add(-1) }
}

func (c cable) PollSend() error {
	defer c.alone.enter()()
	return c.Transport.PollSend()
}

func (c cable) Recv(bufs [][]byte) (int, []*os.File, error) {
	n, files, err := c.Transport.Recv(bufs)
	for c.mute.Load() && err == nil {
		n, files, err = c.Transport.Recv(bufs)
	}
	if c.cut.Load() && err == mux.ErrAgain {
		err = io.EOF
	}
	return n, files, err
}

func (c cable) Send(bufs [][]byte, files []*os.File) (int, error) {
	defer c.alone.enter()()
	switch {
	case c.cut.Load():
		return 0, errors.New("broken")
	case c.mute.Load():
		return len(bytes.Join(bufs, nil)), nil
	}
	if c.piece > 0 {
		bufs = [][]byte{bytes.Join(bufs, nil)}
		bufs[0] = bufs[0][:min(len(bufs[0]), c.piece)]
	}
	n, err := c.Transport.Send(bufs, files)
	if c.left.Add(-int64(n)) < 0 && !c.cut.Swap(true) {
		c.Transport.Stop() // whoever waits looks again
	}
	return n, err
}

// net joins two Conns.
type network struct {
	a, b  *Conn
	ends  [2]cable
	waits []*alone // of all ends that there were
}

func newNetwork(cfg Config) *network { return &network{a: New(cfg), b: New(cfg)} }

// cables are two new ends, which are cut after so many bytes.
func (n *network) cables(bytes int64, piece int) {
	ta, tb := transport.Pair()
	cut, mute, left := new(atomic.Bool), new(atomic.Bool), new(atomic.Int64)
	left.Store(bytes)
	n.waits = append(n.waits, &alone{}, &alone{})
	waits := n.waits[len(n.waits)-2:]
	n.ends = [2]cable{{ta, cut, mute, left, piece, waits[0]}, {tb, cut, mute, left, piece, waits[1]}}
}

const never = 1 << 60

// join is a JOIN and its ADMIT.
func (n *network) join(t *testing.T) {
	t.Helper()
	got := n.a.Freeze()
	theirs := n.b.Freeze()
	for _, err := range []error{n.b.Attach(n.ends[1], got), n.a.Attach(n.ends[0], theirs)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (n *network) close() {
	for _, c := range []*Conn{n.a, n.b} {
		c.Stop()
		c.Close()
	}
}

// send sends all of b in pieces.
func send(t mux.Transport, b []byte, rng *rand.Rand) error {
	for len(b) > 0 {
		n := min(len(b), 1+rng.IntN(300<<10))
		if err := transport.SendAll(t, [][]byte{b[:n/2], b[n/2 : n]}, nil); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// receive reads n bytes, or to an error.
func receive(t mux.Transport, n int) (got []byte, err error) {
	b := make([]byte, 64<<10)
	for len(got) < n {
		k, _, err := t.Recv([][]byte{b[:100], b[100:]})
		got = append(got, b[:k]...)
		if err == mux.ErrAgain {
			err = t.Poll()
		}
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// junk are n bytes that are not like others.
func junk(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// However often, wherever and however the connection is cut: each byte arrives once.
func TestCuts(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			n := newNetwork(usual)
			defer n.close()
			ab, ba := junk(rng, 3<<20), junk(rng, 1<<20)
			var all sync.WaitGroup
			var over atomic.Bool
			flow := func(from, to *Conn, b []byte) {
				seed2 := rng.Uint64()
				all.Go(func() {
					if err := send(from, b, rand.New(rand.NewPCG(seed2, 3))); err != nil {
						t.Error(err)
					}
				})
				all.Go(func() {
					got, err := receive(to, len(b))
					if err != nil || !bytes.Equal(got, b) {
						t.Errorf("seed %d: %d bytes of %d, equal: %v, %v", seed, len(got), len(b), bytes.Equal(got, b), err)
					}
				})
			}
			flow(n.a, n.b, ab)
			flow(n.b, n.a, ba)
			go func() {
				all.Wait()
				over.Store(true)
			}()
			cuts := 0
			for ; !over.Load(); cuts++ {
				n.cables(int64(rng.IntN(1<<20)), rng.IntN(2)*rng.IntN(100<<10))
				n.join(t)
				switch rng.IntN(3) {
				case 0:
					n.ends[0].mute.Store(true) // found by its silence
				case 1:
					time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond) // with nothing under way, most often
					continue
				}
				time.Sleep(time.Duration(rng.IntN(30)) * time.Second)
			}
			if cuts < 3 {
				t.Errorf("only %d connections", cuts)
			}
			for _, a := range n.waits {
				if a.many.Load() {
					t.Error("two waited to send over one connection")
				}
			}
		})
	}
}

// Who sends and who pushes what was kept do not wait for the same connection: a Transport
// bears one, and Stop would wake but one of them.
func TestOneWaitsToSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		defer n.close()
		go receive(n.a, never)
		n.cables(never, 0)
		n.join(t)
		n.a.Freeze()
		n.b.Freeze()
		rng := rand.New(rand.NewPCG(1, 1))
		var all sync.WaitGroup
		all.Go(func() { n.a.Send([][]byte{junk(rng, 256<<10)}, nil) }) // more than a connection takes: nobody reads it
		all.Wait()
		n.cables(never, 0)
		n.join(t)
		synctest.Wait() // what was kept is pushed, and the connection is full
		all.Go(func() { // as mux.Conn does, it waits behind what was taken in part
			for b := junk(rng, 20<<20); len(b) > 0; {
				k, err := n.a.Send([][]byte{b}, nil)
				if b = b[k:]; err != nil && err != mux.ErrAgain {
					return
				}
				n.a.PollSend()
			}
		})
		synctest.Wait()
		if n.ends[0].alone.many.Load() {
			t.Error("two wait for one connection")
		}
		n.a.Fail(io.EOF)
		all.Wait()
	})
}

// A stream that is read from at both ends, and of which what comes is thrown away.
func idle(c *Conn) {
	go receive(c, never)
}

// awaitCut waits until c has lost its connection, and returns why; over: it has ended.
func awaitCut(c *Conn) (why error, over bool) {
	for {
		joined, changed, why := c.State()
		if c.Err() != nil || !joined && why != nil {
			return why, c.Err() != nil
		}
		<-changed
	}
}

func TestRedialPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		n.b = New(Config{Redial: time.Hour}) // it does not find the silence first, and close
		defer n.close()
		idle(n.a)
		idle(n.b)
		n.cables(never, 0)
		n.join(t)
		begun := time.Now()
		n.ends[0].mute.Store(true)
		n.ends[1].mute.Store(true)
		why, over := awaitCut(n.a)
		if _, silent := errors.AsType[*mux.SilentError](why); !silent || over {
			t.Errorf("cut: %v, over %v", why, over)
		}
		if took := time.Since(begun); took < 12*time.Second || took > 15*time.Second {
			t.Errorf("silence was found after %v", took)
		}
		<-n.a.Done()
		if took := time.Since(begun); took < 132*time.Second || took > 135*time.Second {
			t.Errorf("it ended after %v", took)
		}
		lost, ok := errors.AsType[*LostError](n.a.Err())
		if !ok || lost.After != usual.Redial {
			t.Errorf("it ended with %v", n.a.Err())
		}
		if over := n.a.AwaitJoin(); !over {
			t.Error("not over")
		}
	})
}

// A silence is told of before the connection is given up for it, and stays counted when there is another one.
func TestGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		n.b = New(Config{Redial: time.Hour})
		defer n.close()
		idle(n.a)
		idle(n.b)
		n.cables(never, 0)
		n.join(t)
		time.Sleep(time.Hour)
		if gaps, now := n.a.Gaps(); gaps != 0 || now {
			t.Errorf("while all is well: %d gaps, silent %v", gaps, now)
		}
		n.ends[0].mute.Store(true)
		n.ends[1].mute.Store(true)
		time.Sleep(10 * time.Second)
		if gaps, now := n.a.Gaps(); gaps != 1 || !now || !n.a.Joined() {
			t.Errorf("while nothing comes: %d gaps, silent %v, joined %v", gaps, now, n.a.Joined())
		}
		awaitCut(n.a)
		n.cables(never, 0)
		n.join(t)
		time.Sleep(time.Minute)
		if gaps, now := n.a.Gaps(); gaps != 1 || now {
			t.Errorf("after the next connection: %d gaps, silent %v", gaps, now)
		}
	})
}

// stopper calls its function when it is closed.
type stopper struct {
	cable
	stop func()
}

func (s stopper) Close() error {
	s.stop()
	return s.cable.Close()
}

// A Stop that comes while another connection takes over stops that too.
func TestStopAtJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		n.cables(never, 0)
		if err := n.a.Attach(stopper{n.ends[0], n.a.Stop}, 0); err != nil {
			t.Fatal(err)
		}
		n.a.Freeze()
		n.cables(never, 0)
		if err := n.a.Attach(n.ends[0], 0); err != nil {
			t.Fatal(err)
		}
		n.ends[0].Poll() // returns, as all that was stopped does
		n.close()
	})
}

// asks is a connection on which ASK comes without end.
type asks struct{ cable }

func (asks) Recv(bufs [][]byte) (n int, _ []*os.File, _ error) {
	record := count(nil, ask, 0)
	if len(bufs[0]) == countSize {
		record = record[headSize:]
	}
	return copy(bufs[0], record), nil, nil
}

// A peer that has nothing to say, and says it all the time, does not keep a reader that was
// stopped.
func TestStopWhileAsked(t *testing.T) {
	n := newNetwork(usual)
	defer n.close()
	n.cables(never, 0)
	if err := n.a.Attach(asks{n.ends[0]}, 0); err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		_, _, err := n.a.Recv([][]byte{make([]byte, 1)})
		read <- err
	}()
	for n.a.arrivals.Load() < 10 {
		runtime.Gosched()
	}
	n.a.Stop()
	select {
	case err := <-read:
		if err != mux.ErrAgain {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it reads on")
		n.a.Fail(io.EOF)
		<-read
	}
}

// Signs of life keep it, for as long as nobody has anything to say; and all that was kept
// is given back.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		defer n.close()
		idle(n.a)
		idle(n.b)
		n.cables(never, 0)
		n.join(t)
		if err := transport.SendAll(n.a, [][]byte{make([]byte, 100)}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		n.a.mu.Lock()
		defer n.a.mu.Unlock()
		if n.a.err != nil || n.a.before != nil || n.a.out.log.chunks != nil {
			t.Errorf("%v, cut: %v, %d chunks kept", n.a.err, n.a.before != nil, len(n.a.out.log.chunks))
		}
	})
}

// Who says that it pauses is waited for; who only stops is not.
func TestPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		defer n.close()
		idle(n.a)
		idle(n.b)
		n.cables(never, 0)
		n.join(t)
		n.a.Hush(true)
		n.b.Paused()
		n.a.pulser.Stop() // as a process that is stopped
		time.Sleep(10 * time.Minute)
		if !n.b.Joined() {
			t.Error("cut while the other side had paused")
		}
		n.a.Hush(false)
		n.a.look()
		time.Sleep(10 * time.Minute)
		if !n.b.Joined() {
			t.Error("cut after the pause")
		}
		n.ends[0].mute.Store(true)
		if _, over := awaitCut(n.b); over {
			t.Error("over")
		}
	})
}

// What nobody takes holds the sender back, also while it is cut.
func TestUnackedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		defer n.close()
		sent := 0
		b := make([]byte, 100<<10)
		for {
			k, err := n.a.Send([][]byte{b}, nil)
			sent += k
			if err != nil {
				break
			}
		}
		if sent != MaxUnacked {
			t.Errorf("%d bytes were taken, want %d", sent, MaxUnacked)
		}
		room := make(chan bool)
		go func() {
			n.a.PollSend()
			close(room)
		}()
		synctest.Wait()
		select {
		case <-room:
			t.Error("room for more")
		default:
		}
		n.cables(never, 0)
		n.join(t)
		idle(n.a)
		idle(n.b)
		<-room
	})
}

func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		defer n.close()
		idle(n.a)
		n.cables(never, 0)
		n.join(t)
		read := make(chan error)
		go func() {
			got, err := receive(n.b, never)
			if len(got) != 1<<20 {
				t.Errorf("%d bytes before the end", len(got))
			}
			read <- err
		}()
		if err := transport.SendAll(n.a, [][]byte{make([]byte, 1<<20)}, nil); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		n.a.End("enough", time.Second)
		if d := time.Since(begun); d > 0 {
			t.Errorf("it took %v", d)
		}
		err := <-read
		if e, ok := errors.AsType[*EndError](err); !ok || e.Reason != "enough" || !errors.Is(err, io.EOF) {
			t.Errorf("the other side has %v", err)
		}
		if !errors.Is(n.a.Err(), mux.ErrClosed) {
			t.Errorf("this side has %v", n.a.Err())
		}
	})
}

// One that is closed when a pusher has been called, but has not come yet, tells the other side all
// the same: it would wait for another connection.
func TestCloseBeforeThePusher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		defer n.close()
		n.cables(never, 0)
		n.join(t)
		idle(n.b)
		synctest.Wait()
		n.a.mu.Lock()
		n.a.pushing = true
		n.a.mu.Unlock()
		n.a.Close()
		begun := time.Now()
		<-n.b.Done()
		if e, ok := errors.AsType[*EndError](n.b.Err()); !ok || e.Reason != closed || time.Since(begun) > 0 {
			t.Errorf("the other side has %v after %v", n.b.Err(), time.Since(begun))
		}
	})
}

// Nobody is there to be told.
func TestEndWhileCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		defer n.close()
		n.a.End("", time.Second)
		n.cables(never, 0)
		n.b.Attach(n.ends[1], 0)
		idle(n.b)
		begun := time.Now()
		n.b.End("", time.Second)
		if d := time.Since(begun); d != time.Second {
			t.Errorf("it took %v", d)
		}
	})
}

// One that ends while it moves to another connection tells the other side over that one.
func TestEndWhileFrozen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		defer n.close()
		idle(n.a)
		idle(n.b)
		n.cables(never, 0)
		n.join(t)
		got, theirs := n.a.Freeze(), n.b.Freeze()
		go n.a.End("enough", time.Second)
		synctest.Wait()
		n.cables(never, 0)
		if err := errors.Join(n.a.Attach(n.ends[0], theirs), n.b.Attach(n.ends[1], got)); err != nil {
			t.Fatal(err)
		}
		<-n.b.Done()
		if e, ok := errors.AsType[*EndError](n.b.Err()); !ok || e.Reason != "enough" {
			t.Errorf("the other side has %v", n.b.Err())
		}
		<-n.a.Done()
	})
}

// The first connection of an agent that may connect back: its cut is the end, until there
// is another.
func TestBegin(t *testing.T) {
	for _, moved := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(usual)
			defer n.close()
			n.cables(never, 0)
			n.a.Begin(n.ends[0])
			answer(t, n.b, n.ends[1])
			idle(n.b)
			if err := transport.SendAll(n.a, [][]byte{[]byte("hello")}, nil); err != nil {
				t.Fatal(err)
			}
			idle(n.a)
			time.Sleep(time.Minute)
			first := n.ends[0]
			if moved {
				n.cables(never, 0)
				n.join(t)
			}
			first.cut.Store(true)
			first.Transport.Close()
			time.Sleep(time.Minute)
			if over := n.a.Err() != nil; over == moved {
				t.Errorf("moved %v: %v", moved, n.a.Err())
			}
			if !moved && !errors.Is(n.a.Err(), io.EOF) {
				t.Errorf("it ended with %v", n.a.Err())
			}
		})
	}
}

// answer is what an agent does on its standard streams.
func answer(t *testing.T, c *Conn, end mux.Transport) {
	t.Helper()
	if err := transport.SendAll(end, [][]byte{frame.Preamble()}, nil); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, frame.PreambleSize)
	for n := 0; n < len(b); {
		k, _, err := end.Recv([][]byte{b[n:]})
		if err == mux.ErrAgain {
			err = end.Poll()
		}
		if n += k; err != nil {
			t.Fatal(err)
		}
	}
	if !frame.IsLasting(b) {
		t.Errorf("it began with %q", b)
	}
	c.Answer(end)
}

// A host may take its time to speak at all: somebody types a password.
func TestBeginIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(usual)
		defer n.close()
		n.cables(never, 0)
		n.a.Begin(n.ends[0])
		idle(n.a)
		time.Sleep(time.Hour)
		answer(t, n.b, n.ends[1])
		idle(n.b)
		time.Sleep(time.Minute)
		if n.a.Err() != nil {
			t.Fatal(n.a.Err())
		}
		n.ends[0].mute.Store(true)
		<-n.a.Done()
		<-n.b.Done() // one finds it first, and closes
		err := errors.Join(n.a.Err(), n.b.Err())
		if _, silent := errors.AsType[*mux.SilentError](err); !silent {
			t.Errorf("they ended with %v", err)
		}
	})
}

func TestViolations(t *testing.T) {
	link := string(frame.Preamble())
	for name, said := range map[string]string{
		"kind 0":                   "\x00\x00\x00\x00",
		"kind 5":                   "\x05\x00\x00\x01x",
		"empty DATA":               "\x01\x00\x00\x00",
		"long DATA":                "\x01\x10\x00\x01",
		"short ACK":                "\x02\x00\x00\x07aaaaaaa",
		"long ASK":                 "\x03\x00\x00\x09aaaaaaaaa",
		"ACK of what was not":      string(count(nil, ack, 6)),
		"ACK of less":              string(count(count(nil, ack, 5), ack, 4)),
		"ACK of all there is":      string(count(nil, ack, 1<<64-1)),
		"long END":                 "\x04\x00\x04\x01",
		"preamble of another kind": string(frame.LastingPreamble()),
		"preamble of nobody":       "GET / HTTP/1.1\r\n",
		"preamble, then kind 9":    link + "\x09\x00\x00\x00",
	} {
		synctest.Test(t, func(t *testing.T) {
			ta, tb := transport.Pair()
			c := New(usual)
			defer c.Close()
			if strings.HasPrefix(name, "pre") {
				c.Begin(ta)
			} else if err := c.Attach(ta, 0); err != nil {
				t.Fatal(err)
			}
			if err := transport.SendAll(c, [][]byte{[]byte("hello")}, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := tb.Send([][]byte{[]byte(said)}, nil); err != nil {
				t.Fatal(err)
			}
			got, err := receive(c, never)
			v, ok := errors.AsType[*frame.Violation](err)
			want := "resume"
			if strings.HasPrefix(name, "preamble of") {
				want = "preamble"
			}
			if !ok || v.Rule != want || len(got) > 0 {
				t.Errorf("%s: %q, then %v; want rule %s", name, got, err, want)
			}
			tb.Stop()
			tb.Close()
		})
	}
}

// What the next connection says that it has received cannot be anything.
func TestReceivedViolations(t *testing.T) {
	for _, received := range []uint64{3, 6, 1 << 63} {
		synctest.Test(t, func(t *testing.T) {
			ta, tb := transport.Pair()
			c := New(usual)
			defer c.Close()
			c.Attach(ta, 0)
			transport.SendAll(c, [][]byte{[]byte("hello")}, nil)
			tb.Send([][]byte{count(nil, ack, 4), count(nil, ack, 4)}, nil)
			go receive(c, never)
			synctest.Wait()
			c.Freeze()
			tc, td := transport.Pair()
			err := c.Attach(tc, received)
			if v, ok := errors.AsType[*frame.Violation](err); !ok || v.Rule != "resume" {
				t.Errorf("%d: %v", received, err)
			}
			if _, _, err := td.Recv([][]byte{make([]byte, 1)}); err != io.EOF {
				t.Errorf("%d: the connection is not closed: %v", received, err)
			}
			tb.Close()
			td.Close()
		})
	}
}

// Files go nowhere.
func TestFiles(t *testing.T) {
	c := New(usual)
	defer c.Close()
	if _, err := c.Send([][]byte{{1}}, []*os.File{os.Stdin}); err == nil {
		t.Error("a file was taken")
	}
}

// Records of any form do not break more than the stream.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x02hi"), []byte("\x02\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00"), uint8(3))
	f.Add([]byte("\x04\x00\x00\x03bye\x01\x00\x00\x01x"), []byte(""), uint8(1))
	f.Fuzz(func(t *testing.T, first, second []byte, piece uint8) {
		if len(first)+len(second) > 100<<10 {
			return
		}
		c := New(Config{Redial: time.Hour})
		defer c.Close()
		for _, said := range [][]byte{first, second} {
			ta, tb := transport.Pair()
			if c.Freeze(); c.Attach(ta, 0) != nil {
				break
			}
			c.Send([][]byte{[]byte("hello")}, nil)
			for len(said) > 0 {
				n, err := tb.Send([][]byte{said[:min(len(said), int(piece)+1)]}, nil)
				if said = said[n:]; err != nil {
					break
				}
				for err == nil {
					_, _, err = c.Recv([][]byte{make([]byte, 7)})
				}
			}
			tb.Close()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.out.acked > c.out.high || c.out.log.base > c.out.acked {
			t.Errorf("acked %d of %d, kept from %d", c.out.acked, c.out.high, c.out.log.base)
		}
	})
}

func ExampleEndError() {
	fmt.Println(&EndError{"the manager closes"})
	// Output: the other side ended it: "the manager closes"
}
