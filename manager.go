package outwork

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/boot"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/tcp"
)

// OutputMode is how what workers print is delivered.
type OutputMode int

// The modes.
const (
	// OutputStream delivers each line when it is finished, tagged with the
	// worker's name as soon as there is more than one worker.
	OutputStream OutputMode = iota
	// OutputAtomic delivers all output of one call or script in one piece when
	// it ends. A worker then runs one call at a time.
	OutputAtomic
	// OutputLog makes each line a log record, at level Info.
	OutputLog
)

// defaultGrace is Manager.Grace where that is zero.
const defaultGrace = 2 * time.Second

// Manager hands out work: it starts workers, shares containers with them,
// serves them modules, and receives their logs and output. The zero value is
// ready. The fields must not change after the first Start; the methods are safe
// for concurrent use. Close or Shutdown must be called after a Start.
type Manager struct {
	Log     *slog.Logger // receives the workers' records; nil: slog.Default()
	Output  OutputMode
	Modules fs.FS         // serves scripts' imports; nil: there are none. os.Root's FS keeps links inside
	Grace   time.Duration // how long a worker that is asked to end has, before it is killed; 0: 2 s

	// Stdout and Stderr receive the workers' output; nil: os.Stdout, os.Stderr.
	// A worker's two come by two pipes: each is in order, and not one with the other.
	// They need not be safe for concurrent use. One that blocks holds up the
	// results of those who print, and Close.
	Stdout, Stderr io.Writer

	// SSH is the command by which this machine reaches an ssh:// host, with options; nil:
	// ssh. From one host to the next it is always ssh, as that host has it configured.
	SSH []string

	// Hops are further kinds of hop, by the scheme of their URLs; each makes one of what
	// follows "scheme://". They come before those that are known.
	Hops map[string]func(rest string) (host.Hop, error)

	// Binaries holds this program built for other platforms, as outwork-linux-arm64, for
	// hosts that are not like this machine; nil: there are none.
	Binaries fs.FS

	// Ask answers what ssh, sudo and others ask a person on the way to a host: passwords,
	// passphrases, whether a key is to be trusted. nil: nobody answers, and what would ask
	// fails. It may be called from several goroutines, and must return when ctx ends. An
	// error ends the way to the host, and is the reason that Start gives.
	Ask func(ctx context.Context, q host.Question) (string, error)

	// Redial is how long a host that has connected back or joined may be cut off: it dials
	// again meanwhile, and its calls go on. Then it is lost. An hour at most; 0: two
	// minutes.
	Redial time.Duration

	// Record, when set, receives what crosses each link, for `outwork wire`.
	// Its errors are ignored.
	Record io.Writer

	// Tag puts "[name] " before each line that a worker prints, also while it
	// is the only one.
	Tag bool

	noBarrier bool // tests show what the barrier is for

	following sync.WaitGroup // what listeners do about hosts that have joined

	mu        sync.Mutex // guards what follows
	started   bool
	closing   bool
	sink      *output.Sink
	recorder  *recorder
	modules   *module.Server
	memory    module.Memory
	level     slog.Level // least level that workers send
	starter   *starter.Starter
	starting  bool // the starter is being started
	beginning int  // how many calls of Start are under way
	workers   map[*Worker]bool
	pools     map[*Pool]bool
	hosts     map[string]*hostConn // to be used, by their keys
	allHosts  map[*hostConn]bool   // that are not gone: those that are lost or forsaken too
	bare      map[string]error     // why no agent can run on a host, by its hops
	program   *boot.Program        // this one, as agents are made of it
	doors     map[string]tcp.Door  // where agents connect back, by Target.ConnectBack
	listeners map[io.Closer]bool
	silencing bool // doors and listeners are being closed
	life      context.Context
	endLife   context.CancelFunc // when the manager is closed
	names     map[string]bool
	count     int
	shares    shares
	nextID    uint64
	closeErr  error         // of the starter
	changed   chan struct{} // closed, and made anew, when one of the above changes
}

// setup makes ready what the first Start needs. m.mu is held.
func (m *Manager) setup() {
	if m.started {
		return
	}
	m.started = true
	m.workers, m.names = map[*Worker]bool{}, map[string]bool{}
	m.hosts, m.allHosts = map[string]*hostConn{}, map[*hostConn]bool{}
	m.doors, m.listeners = map[string]tcp.Door{}, map[io.Closer]bool{}
	m.program = boot.Self()
	m.life, m.endLife = context.WithCancel(context.Background())
	m.changed = make(chan struct{})
	m.level = leastLevel(m.logger())
	cfg := output.Config{Stdout: m.Stdout, Stderr: m.Stderr, Line: m.logLine}
	if cfg.Stdout == nil {
		cfg.Stdout = os.Stdout
	}
	if cfg.Stderr == nil {
		cfg.Stderr = os.Stderr
	}
	switch m.Output {
	case OutputAtomic:
		cfg.Mode = output.Atomic
	case OutputLog:
		cfg.Mode = output.Log
	}
	cfg.Tag = m.Tag
	m.sink = output.NewSink(cfg)
	if m.Record != nil {
		m.recorder = newRecorder(m.Record)
	}
	if m.Modules != nil {
		m.modules = module.NewServer(m.Modules)
	}
}

// SetLogLevel sets the least level of log records that workers send, now and
// later. Until it is called, that is the least level that the manager's logger
// takes at the first Start. What workers do not send costs nothing on the way.
func (m *Manager) SetLogLevel(level slog.Level) {
	m.mu.Lock()
	m.setup()
	m.level = level
	workers := m.list()
	m.mu.Unlock()
	for _, w := range workers {
		w.link.SetLevel(level)
	}
}

// list is the workers; m.mu is held.
func (m *Manager) list() []*Worker {
	all := make([]*Worker, 0, len(m.workers))
	for w := range m.workers {
		all = append(all, w)
	}
	return all
}

func (m *Manager) snapshot() []*Worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list()
}

// Busy reports whether a call runs in any worker, also one that nobody waits
// for any more.
func (m *Manager) Busy() bool {
	for _, w := range m.snapshot() {
		if w.Busy() {
			return true
		}
	}
	return false
}

// Wait returns when no call runs in any worker, or with ctx's error.
func (m *Manager) Wait(ctx context.Context) error {
	for m.Busy() {
		for _, w := range m.snapshot() {
			if err := w.link.Quiet(ctx); err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

func (m *Manager) grace() time.Duration {
	if m.Grace > 0 {
		return m.Grace
	}
	return defaultGrace
}

func (m *Manager) logger() *slog.Logger {
	if m.Log != nil {
		return m.Log
	}
	return slog.Default()
}
