package supervise

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// closeLimit is how long Close waits for processes to die of SIGKILL.
	closeLimit = 5 * time.Second

	// recheck is how often the dead are looked for without a signal, in case
	// something in this process took SIGCHLD away from us.
	recheck = time.Second
)

// supervised is true while this process has a supervisor: it owns all children.
var supervised atomic.Bool

// Supervisor starts processes and answers for them to the end. Its methods may be
// called by any goroutine.
type Supervisor struct {
	token string // random: tells this supervisor's marks from others'
	outer string // what marks begin with when this process is supervised itself
	null  *os.File
	proc  procfs

	sigchld chan os.Signal
	dirty   chan struct{} // of one: a sweep is due
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once
	err     error // of Close; written before closed is closed

	sweeper sync.WaitGroup
	groups  groups

	// birth is held from a fork until the child is in leaders, and while
	// reaping: no child is reaped before it is known. It comes before mu.
	birth  sync.Mutex
	proven bool // guarded by birth: the last start into a user namespace went well

	mu      sync.Mutex
	last    uint64              // guarded by mu: the number given last
	live    map[uint64]struct{} // guarded by mu: numbers being started or not yet reaped
	leaders map[int]*Child      // guarded by mu: started and not yet reaped, by pid
	ids     map[int]struct{}    // guarded by mu: of processes that run under one of their own
}

// New makes this process a supervisor: the child subreaper, for good, with no
// inherited descriptor that a child could inherit in turn. There is at most one at
// a time in a process; it must be closed.
func New() (*Supervisor, error) {
	s := &Supervisor{
		token:   rand.Text(),
		outer:   outerMark(),
		proc:    procfs{root: "/proc", self: os.Getpid()},
		sigchld: make(chan os.Signal, 1), // one is enough: reap takes all there are
		dirty:   make(chan struct{}, 1),
		closing: make(chan struct{}),
		closed:  make(chan struct{}),
		live:    map[uint64]struct{}{},
		leaders: map[int]*Child{},
		ids:     map[int]struct{}{},
		groups:  groups{proc: "/proc"},
	}
	if !supervised.CompareAndSwap(false, true) {
		return nil, errors.New("this process has a supervisor already")
	}
	if err := s.prepare(); err != nil {
		supervised.Store(false)
		return nil, fmt.Errorf("supervise processes: %w", err)
	}
	signal.Notify(s.sigchld, unix.SIGCHLD)
	s.sweeper.Go(s.sweepLoop)
	go s.loop()
	return s, nil
}

func (s *Supervisor) prepare() (err error) {
	if err := canSupervise(s.proc); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become child subreaper: %w", err)
	}
	if err := closeOnExec(); err != nil {
		return fmt.Errorf("keep descriptors from children: %w", err)
	}
	s.null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0)
	return err
}

// canSupervise asks for everything that would otherwise be missed only when
// something has to be killed.
func canSupervise(proc procfs) error {
	fd, err := unix.PidfdOpen(proc.self, 0)
	if err != nil {
		return fmt.Errorf("pidfd_open (Linux 5.4 or later): %w", err)
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, 0, nil, 0); err != nil {
		return fmt.Errorf("pidfd_send_signal: %w", err)
	}
	if _, err := peek(); err != nil && !errors.Is(err, unix.ECHILD) {
		return fmt.Errorf("waitid: %w", err)
	}
	if _, err := proc.stat(proc.self); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	return nil
}

// Start starts a process. The error names the path and the stage: chdir, exec or
// fork; errors.Is finds fs.ErrNotExist, fs.ErrPermission and the errno in it.
//
// The kernel kills the child when the thread that Start ran on ends, not just the
// process. Go ends a thread only when a goroutine ends that is locked to it: no
// goroutine of this process may, unless those that call Start are locked for good
// to threads of their own. (To hand each start to such a thread from here would
// cost a tenth of the time that it takes a small process to run.)
func (s *Supervisor) Start(spec Spec) (*Child, error) {
	h, err := s.hold(spec.Confine)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	c, err := s.bear(spec, h)
	if err != nil {
		s.release(h)
	}
	return c, err
}

func (s *Supervisor) bear(spec Spec, h *hold) (*Child, error) {
	s.birth.Lock()
	defer s.birth.Unlock()
	select {
	case <-s.closing:
		return nil, fmt.Errorf("start %s: %w", spec.Path, ErrClosed)
	default:
		return s.spawn(spec, h)
	}
}

// Close kills every group and every other process that is or becomes a child of
// this process, reaps them all, and returns when none is left; all Done channels
// are closed by then. After 5 seconds it gives up on what does not die and says
// what that is. It may be called more than once, by several goroutines.
func (s *Supervisor) Close() error {
	s.once.Do(func() { close(s.closing) })
	<-s.closed
	return s.err
}

// loop alone reaps.
func (s *Supervisor) loop() {
	for s.turn() {
		s.reap()
	}
	s.err = s.shutDown()
	supervised.Store(false)
	close(s.closed)
}

// turn waits for a reason to reap; false means that Close was called.
func (s *Supervisor) turn() bool {
	select {
	case <-s.sigchld:
		return true
	case <-time.After(recheck):
		return true
	case <-s.closing:
		return false
	}
}

func (s *Supervisor) shutDown() error {
	s.sweeper.Wait()
	defer s.null.Close()
	defer signal.Stop(s.sigchld)
	for begin := time.Now(); s.reap(); {
		if time.Since(begin) > closeLimit {
			return s.survivors()
		}
		s.killGroups()
		s.sweep(everyone)
		select {
		case <-s.sigchld:
		case <-time.After(sweepPause):
		}
	}
	return s.groups.close()
}

func (s *Supervisor) survivors() error {
	pids, err := s.proc.children()
	return errors.Join(fmt.Errorf("processes %d survive SIGKILL after %v", pids, closeLimit), err)
}
