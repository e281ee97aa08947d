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
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/mux"
)

// Limits; each has its line in PROTOCOL.md.
const (
	HandshakeTimeout = 10 * time.Second
	ManagerStreams   = 65536                  // streams that a manager may have open on one link
	WorkerStreams    = 1024                   // streams that a worker may have open on one link
	LogQueue         = 1 << 20                // bytes of log records that wait to be written
	LogWait          = time.Second            // then the worker waits so long, then drops
	MaxName          = 1024                   // bytes of a function's, module's or container's name
	LiftBytes        = 32 << 10               // bytes: longer []byte and strings travel beside CBOR
	SlowFunction     = 100 * time.Microsecond // then the next calls leave the reader alone
	MaxRequests      = 2 * WorkerStreams      // modules, containers and parts of them that wait for their answer on one link
	MaxOutput        = 64 << 10               // bytes of one OUTPUT
	MaxPaged         = 65536                  // containers that stay at the manager, for one link
	MaxPage          = 1 << 20                // bytes that are read of one at a time
	MaxPattern       = 64 << 10               // bytes that are searched for in one
	MaxMatches       = 65536                  // offsets in one answer to a search
	slowCalls        = 64
	askers           = 16 // of those requests, how many are worked on at once
)

// Config is what a Link needs to know of the process around it. All functions
// may be called from several goroutines, unless said otherwise.
type Config struct {
	Side      mux.Side
	Hello     Hello     // what this side tells; digest, window and streams are filled in
	Functions *Registry // what this side implements, or calls
	Errors    *Errors
	Streams   int // how many streams the peer may open; 0: the named constant of its side; a service goes by Limits

	// Service says that the link is one between a client, on the manager's side,
	// and a service: see PROTOCOL.md, Services.
	Service bool

	// Limits are of a service: Service on the worker's side. Elsewhere they do
	// nothing.
	Limits Limits

	// Serving makes the link read all the time, and run short functions in the
	// reader. Workers and services set it.
	Serving bool

	// NoFiles says that file descriptors cannot cross the transport. A call or
	// result with an open file is an error then, and so is one with a container
	// that needs one. Shared containers that do are paged: their bytes stay at the
	// manager, which the worker asks for parts of them.
	NoFiles bool

	// Of a manager. They may be nil, and then the worker's asking breaks a rule.
	Drain     func()       // delivers what the worker has printed so far; called from one goroutine at a time
	Log       func(Record) // from one goroutine at a time, in order
	Modules   func(lang, name string) ([]module.Module, error)
	Container func(name string, have uint64) (share uint64, c container.Container, err error) // c is nil when share is have

	// Output takes what the worker has printed to fd, 1 or 2, and sends itself
	// because the manager does not hold its standard streams. It is called from one
	// goroutine at a time, in order, and must not keep p. While it blocks nothing of
	// the link is read.
	Output func(fd int, p []byte)

	// Of a worker.
	Level    func(slog.Level) // the manager's log level; from one goroutine at a time
	Shutdown func()           // the manager asks to finish

	// Owner is what Owner returns: whatever the link is for.
	Owner any

	// Closed is called once, when the link has ended.
	Closed func(error)

	// Record, when set, sees every frame, under a lock: it must be quick.
	Record func(sent bool, h frame.Header, payload []byte)
}

// Link is one end of a conversation. It is safe for concurrent use.
type Link struct {
	conn *mux.Conn
	cfg  Config
	made sync.WaitGroup // New: the first frame may come before it is through

	hello    Hello // the peer's
	greeted  atomic.Bool
	greeting mux.Waiter
	patience *time.Timer // ends a link whose peer does not say HELLO

	// Positional reports that both ends have the same functions of the same types.
	positional bool

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
	s := mux.NewState(cfg.Side, cfg.Streams)
	s.Record = cfg.Record
	switch {
	case cfg.serves():
		s.Limit(cfg.Limits.mux())
	case cfg.Service:
		s.Guest()
		l.lifting = make(turn, 1)
	}
	s.Raw(frame.Preamble())
	if cfg.Side == mux.ManagerSide {
		s.Control(frame.Hello, l.ownHello(nil))
	}
	l.made.Add(1)
	l.conn = mux.NewConn(t, s, (*handler)(l), cfg.Serving)
	l.patience = time.AfterFunc(HandshakeTimeout, l.ungreeted)
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
	case frame.ReadContainer, frame.SearchContainer, frame.HashContainer:
		if manager && l.cfg.Container != nil {
			return l.onPaged(ev)
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
