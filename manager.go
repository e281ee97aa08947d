package outwork

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
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

// DefaultGrace is how long a worker that is asked to end has, before it is
// killed.
const DefaultGrace = 2 * time.Second

// Manager hands out work: it starts workers, shares containers with them,
// serves them modules, and receives their logs and output. The zero value is
// ready. The fields must not change after the first Start; the methods are safe
// for concurrent use. Close or Shutdown must be called after a Start.
type Manager struct {
	Log     *slog.Logger // receives the workers' records; nil: slog.Default()
	Output  OutputMode
	Modules fs.FS         // serves scripts' imports; nil: there are none. os.Root's FS keeps links inside
	Grace   time.Duration // 0: DefaultGrace

	// Stdout and Stderr receive the workers' output; nil: os.Stdout, os.Stderr.
	// They need not be safe for concurrent use. One that blocks holds up the
	// results of those who print, and Close.
	Stdout, Stderr io.Writer

	// Record, when set, receives what crosses each link, for `outwork wire`.
	// Its errors are ignored.
	Record io.Writer

	noBarrier bool // tests show what the barrier is for

	mu        sync.Mutex // guards what follows
	started   bool
	closing   bool
	sink      *output.Sink
	recorder  *recorder
	modules   *module.Server
	memory    module.Memory
	level     slog.Level // least level that workers send
	starter   *starter.Starter
	launching bool // the starter is being started
	beginning int  // how many calls of Start are under way
	workers   map[*Worker]bool
	names     map[string]bool
	count     int
	shares    map[string]*share
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
	return DefaultGrace
}

func (m *Manager) logger() *slog.Logger {
	if m.Log != nil {
		return m.Log
	}
	return slog.Default()
}
