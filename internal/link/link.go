// Package link is one conversation between a manager and a worker: the
// handshake, then calls, logs, modules and containers on the streams of package
// mux, as PROTOCOL.md says.
//
// Both ends are a Link. It promises that a call ends exactly once, by a result,
// a Failure, its context or the end of the link (Down); that the log records,
// progress and output of a call are delivered before its result is; and that
// whatever the peer sends is checked before it has an effect: what breaks a
// rule ends the link with a *frame.Violation. It starts no process and owns no
// pipe: it is given functions that do.
package link

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// Link is one end of a conversation. It is safe for concurrent use.
type Link struct {
	conn *mux.Conn
	cfg  Config
	made sync.WaitGroup // New: the first frame may come before it is through

	hello    Hello // the peer's
	greeted  atomic.Bool
	greeting mux.Waiter
	patience *time.Timer // ends a link whose peer does not say HELLO
	overdue  bool        // it rang, and there was no excuse; its own

	// positional reports that both ends have the same functions of the same types.
	positional atomic.Bool

	drained  uint64 // the read after which output was last delivered; the reader's
	requests atomic.Int32
	lifting  turn
	asking   chan struct{} // holds a token for each request that is worked on

	mu       sync.Mutex             // guards what follows
	ended    bool                   // Closed has run: what begins now is cancelled
	bulk     map[uint32]*mux.Stream // BULK streams that no message has named yet
	incoming map[uint32]*Incoming   // calls that run here
	idle     chan struct{}          // closed when incoming is empty, made by Idle
	early    [][]byte               // log records from before the handshake
	earlyLen int                    // and their bytes
	decoded  int64                  // of a service: memory of the arguments of the calls that run

	dropped atomic.Uint64
	shares  shares
	paged   paged
	far     far
	kept    sync.Map
}

// Keep is what belongs to the link under key: made once, by create.
func (l *Link) Keep(key any, create func() any) any {
	if v, ok := l.kept.Load(key); ok {
		return v
	}
	v, _ := l.kept.LoadOrStore(key, create())
	return v
}

// New starts a link over t, which it owns from then on. A manager says HELLO at
// once, a worker after the manager's.
func New(t mux.Transport, cfg Config) *Link {
	cfg = cfg.limited()
	l := &Link{cfg: cfg, bulk: map[uint32]*mux.Stream{}, incoming: map[uint32]*Incoming{}, asking: make(chan struct{}, askers)}
	l.positional.Store(cfg.Same) // until the peer has greeted: a call may be made before
	s := mux.NewState(cfg.Side, cfg.Streams)
	s.Record, s.Holes, s.Met = cfg.Record, cfg.Holes, cfg.Met
	switch {
	case cfg.serves():
		s.Limit(cfg.Limits.mux())
	case cfg.Service:
		s.Client()
		l.lifting = make(turn, 1)
	}
	if !cfg.Met {
		s.Raw(frame.Preamble())
	}
	if cfg.Side == mux.ManagerSide {
		s.Control(frame.Hello, l.ownHello(nil))
	}
	l.made.Add(1)
	l.conn = mux.NewConn(t, s, (*handler)(l), cfg.Serving)
	l.patience = time.AfterFunc(HandshakeTimeout, l.ungreeted)
	if cfg.Patient {
		l.patience.Stop()
	}
	l.made.Done()
	l.conn.Flush()
	return l
}

// Done is closed when the link has ended; Err is why.
func (l *Link) Done() <-chan struct{} { return l.conn.Done() }

// Err is why the link has ended, or nil.
func (l *Link) Err() error { return l.conn.Err() }

// Fail ends the link.
func (l *Link) Fail(err error) { l.conn.Fail(err) }

// Close ends the link and waits for its goroutines. Functions of this side that
// still run, and what their results stream, are among them. A reader or stream
// in an argument of a call is not: the goroutine that reads it ends after the
// read that is under way, which nobody but its owner can end.
func (l *Link) Close() error { return l.conn.Close() }

// Gaps is how often nothing came for so long that the peer was cut off, on a link with
// Config.Alive; and whether nothing comes just now.
func (l *Link) Gaps() (n uint64, now bool) { return l.conn.Gaps() }

// Reads is how many reads there have been, and whether nobody reads, as what has come is not done with.
func (l *Link) Reads() (n uint64, deaf bool) { return l.conn.Reads() }

// Outlast changes Config.Alive, of a link whose sides have greeted.
func (l *Link) Outlast(silence time.Duration) { l.conn.Watch(silence) }

// Owner is the Config's.
func (l *Link) Owner() any { return l.cfg.Owner }

// Peer is what the peer told in its HELLO.
func (l *Link) Peer() Hello { return l.hello }

// handler is the Link as mux sees it.
type handler Link

func (h *handler) Closed(err error) {
	l := (*Link)(h)
	l.made.Wait()
	l.patience.Stop()
	l.mu.Lock()
	l.ended = true
	calls := slices.Collect(maps.Values(l.incoming))
	l.mu.Unlock()
	for _, in := range calls {
		in.lost()
	}
	l.shares.close()
	l.paged.close()
	l.far.close(&Down{Err: err})
	if l.cfg.Closed != nil {
		l.cfg.Closed(err)
	}
}

// Handle is what every frame comes to.
func (h *handler) Handle(ev mux.Event) error {
	err := (*Link)(h).handle(ev)
	if err != nil {
		(*Link)(h).discard(ev.Files)
	}
	return err
}

func (l *Link) handle(ev mux.Event) error {
	if !l.greeted.Load() {
		return l.greet(ev)
	}
	if ev.Stream == nil {
		return l.onControl(ev)
	}
	if ev.Kind == frame.Open {
		return l.onOpen(ev)
	}
	switch u := ev.Stream.User.(type) {
	case *Call:
		return u.on(ev)
	case *Incoming:
		return u.on(ev)
	case *landing:
		return u.on(ev)
	case *lifted:
		return u.on(ev)
	case *asked:
		return u.on(ev)
	case *Relay:
		return u.on(ev)
	case *Relayed:
		return u.on(ev)
	case *fetching:
		return u.on(ev)
	}
	if ev.Kind == frame.Reset {
		// A BULK stream that no message had named, a request that is given up,
		// or a call that never came whole.
		l.forget(ev.Stream.ID)
		l.conn.Reset(ev.Stream, mux.Cancelled, "")
		return nil
	}
	return frame.Violated("handle", "%s on stream %d", ev.Handle, ev.Stream.ID)
}

func (l *Link) onOpen(ev mux.Event) error {
	manager := l.cfg.Side == mux.ManagerSide
	switch ev.Handle {
	case frame.CallFunction:
		return l.onCall(ev)
	case frame.Bulk:
		if len(ev.Payload) > 0 || ev.End || len(ev.Files) > 0 {
			return frame.Violated("message", "BULK opened with more than nothing")
		}
		return l.unnamed(ev.Stream)
	case frame.GetModule:
		if manager && l.cfg.Modules != nil {
			return l.onGetModule(ev)
		}
	case frame.GetContainer:
		if manager && l.cfg.Container != nil {
			return l.onGetContainer(ev)
		}
	case frame.ReadContainer, frame.SearchContainer, frame.HashContainer, frame.CompareContainer, frame.ExtentContainer:
		if manager && (l.cfg.Container != nil || l.paged.haveLent()) {
			return l.onPaged(ev)
		}
	case frame.Relay:
		if !manager && l.cfg.Relay != nil {
			return l.onRelay(ev)
		}
	}
	return frame.Violated("handle", "%s from this side", ev.Handle)
}

// unnamed keeps a BULK stream until a message names it. There are no more than
// the peer may have open: one that has ended counts too, for what it brought is
// kept.
func (l *Link) unnamed(st *mux.Stream) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.bulk) >= l.cfg.Streams {
		return frame.Violated("quota", "more than %d BULK streams that no message names", l.cfg.Streams)
	}
	l.bulk[st.ID] = st
	return nil
}

// claim takes the BULK stream that a message names.
func (l *Link) claim(id uint32) (*mux.Stream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.bulk[id]
	if st == nil {
		return nil, frame.Violated("reply", "a part names stream %d, which is no unnamed BULK stream", id)
	}
	delete(l.bulk, id)
	return st, nil
}

func (l *Link) forget(id uint32) {
	l.mu.Lock()
	delete(l.bulk, id)
	l.mu.Unlock()
}

// Down is the end of the link as a call sees it.
type Down struct {
	Err        error // why the link ended
	MayHaveRun bool  // the call may have begun on the other side
}

func (d *Down) Error() string { return fmt.Sprintf("the link ended: %v", d.Err) }

// Unwrap is why the link ended.
func (d *Down) Unwrap() error { return d.Err }

// downed is err, or a *Down if it is because the link has ended. What the other side has answered,
// which may be how links end too (io.EOF), is no such error.
func (l *Link) downed(err error, mayHaveRun bool) error {
	down := l.conn.Err()
	if _, answered := errors.AsType[*Failure](err); err == nil || down == nil || answered {
		return err
	}
	if errors.Is(err, down) || errors.Is(err, errGone) {
		return &Down{down, mayHaveRun}
	}
	return err
}
