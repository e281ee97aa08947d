package outwork

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

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
	Stdout  io.Writer    // receives the workers' output; nil: os.Stdout
	Stderr  io.Writer    // nil: os.Stderr
	Output  OutputMode
	Modules fs.FS         // serves scripts' imports; nil: there are none. os.Root's FS keeps links inside
	Grace   time.Duration // 0: DefaultGrace

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

// name makes t's name unique.
func (m *Manager) name(t *Target) (string, error) {
	if t.Name == "" {
		base := filepath.Base(os.Args[0])
		if t.Program != "" {
			base = filepath.Base(t.Program)
		}
		for {
			m.count++
			if name := fmt.Sprintf("%s-%d", base, m.count); !m.names[name] {
				m.names[name] = true
				return name, nil
			}
		}
	}
	if err := checkName(t.Name); err != nil {
		return "", err
	}
	if m.names[t.Name] {
		return "", fmt.Errorf("%s: the name is taken: %w", place(t.Name, ""), fs.ErrExist)
	}
	m.names[t.Name] = true
	return t.Name, nil
}

// maxName is the length of a worker's name, in bytes.
const maxName = 64

func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("a name of %d bytes, more than %d", len(name), maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("the name %q has characters that do not print", name)
	}
	return nil
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

// Shutdown starts no more workers, lets the calls that run finish, and ends all
// workers in peace: their last output and log records arrive. When ctx ends
// first, what still runs is ended as by Close, and ctx's error returned. Like
// Close it returns when no process, goroutine or file of the manager's is left.
func (m *Manager) Shutdown(ctx context.Context) error {
	var all sync.WaitGroup
	var cut atomic.Bool
	for _, w := range m.stop() {
		all.Go(func() {
			if w.shutdown(ctx) != nil {
				cut.Store(true)
			}
		})
	}
	all.Wait()
	err := m.Close()
	if cut.Load() {
		return ctx.Err()
	}
	return err
}

// stop lets nothing start any more.
func (m *Manager) stop() []*Worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closing = true
	return m.list()
}

// Close ends all workers now: calls that run end with a [*LostError]. A worker
// gets SIGTERM, and SIGKILL after the grace. It returns when no process,
// goroutine or file of the manager's is left, and may be called again. A Stdout
// or Stderr that blocks holds it up. Its error is the first of writing to them.
func (m *Manager) Close() error {
	var wg sync.WaitGroup
	for _, w := range m.stop() {
		wg.Go(func() { w.Close() })
	}
	wg.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.await(func() bool { return !m.launching })
	if s := m.starter; s != nil {
		m.starter, m.launching = nil, true // for others that close: not yet gone
		m.mu.Unlock()
		err := s.Close()
		m.mu.Lock()
		m.launching = false
		m.closeErr = err
		m.change()
	}
	m.await(func() bool { return m.beginning == 0 && len(m.workers) == 0 })
	if m.closeErr == nil && m.sink != nil {
		return m.sink.Err()
	}
	return m.closeErr
}

// change wakes those who await something. m.mu is held.
func (m *Manager) change() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// await returns when ok, which is asked with m.mu held, as it is before and
// after.
func (m *Manager) await(ok func() bool) {
	for !ok() {
		changed := m.changed
		m.mu.Unlock()
		<-changed
		m.mu.Lock()
	}
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
