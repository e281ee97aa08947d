package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/confine"
)

// group is a set of control groups that hold one process, and what descends from it, from its
// first instruction on. None is moved into them: that takes the kernel 10 to 20 ms, and would
// leave behind what it has started.
//
// A process begins in the groups of the thread that starts it. So a group with parts of version
// 1 has a thread that lives in it, starts what it is to hold, and stays for the next. (The
// kernel charges memory to a process's first thread, which this never is, and for want of it
// kills those alone whose first thread is in the group.) In version 2 all threads of a process
// are in one group, but one can be started into another.
type group struct {
	parts []controller // of which dir is the group's
	jobs  chan func()  // for the thread; nil: there is none
	ended chan struct{}
	fd    *os.File // of version 2; nil: it has no part of that
	kills int64    // for want of memory, when it was taken
}

// newGroup makes control groups of that name below those of version 1 or 2. Where it needs a
// thread, that takes as long as moving one.
func newGroup(name string, below []controller) (*group, error) {
	g := &group{}
	err := g.make(name, below)
	if err == nil {
		err = g.enter()
	}
	if err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

func (g *group) make(name string, below []controller) error {
	for _, c := range below {
		c.dir = filepath.Join(c.dir, name)
		if err := os.Mkdir(c.dir, 0o755); err != nil && !slices.Contains(g.dirs(0), c.dir) {
			return err
		}
		g.parts = append(g.parts, c)
	}
	return nil
}

// dirs are the directories of the parts of that version, or of both.
func (g *group) dirs(version int) (dirs []string) {
	for _, p := range g.parts {
		if (version == 0 || p.version == version) && !slices.Contains(dirs, p.dir) {
			dirs = append(dirs, p.dir)
		}
	}
	return dirs
}

// enter makes it possible to start something in the group.
func (g *group) enter() (err error) {
	for _, dir := range g.dirs(2) {
		if g.fd, err = os.Open(dir); err != nil {
			return err
		}
	}
	if len(g.dirs(1)) == 0 {
		return nil
	}
	g.jobs, g.ended = make(chan func()), make(chan struct{})
	entered := make(chan error)
	ownThread(func() {
		defer close(g.ended)
		entered <- g.move()
		for job := range g.jobs {
			job()
		}
	})
	return <-entered
}

// move moves the thread that calls it into the group.
func (g *group) move() error {
	for _, dir := range g.dirs(1) {
		if err := os.WriteFile(dir+"/tasks", []byte("0"), 0); err != nil {
			return err
		}
	}
	return nil
}

// ownThread runs f on a thread that ends when f returns. It is not the process's first, which
// would not end. (Go makes no thread a child of one that a goroutine is locked to.)
func ownThread(f func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		taken := make(chan struct{})
		ownThread(func() { close(taken); f() })
		<-taken
		runtime.UnlockOSThread()
	}()
}

// do runs f where what it starts is in the group. A group that is nil is this process's.
func (g *group) do(f func()) {
	if g == nil || g.jobs == nil {
		f()
		return
	}
	done := make(chan struct{})
	g.jobs <- func() { defer close(done); f() }
	<-done
}

// into has a process be started in the group, by do.
func (g *group) into(sys *syscall.SysProcAttr) {
	if g.started() {
		sys.UseCgroupFD, sys.CgroupFD = true, int(g.fd.Fd())
	}
}

// started reports whether a process has to be started into the group: it has a part of version 2.
func (g *group) started() bool { return g != nil && g.fd != nil }

// limit sets the group's limits; 0 is none.
func (g *group) limit(l confine.Limits) error {
	for _, p := range g.parts {
		var err error
		switch {
		case p.name == "pids" && p.version == 1 && l.Processes > 0:
			err = p.set("pids.max", strconv.Itoa(l.Processes+1)) // its thread counts
		case p.name == "pids":
			err = p.set("pids.max", most(int64(l.Processes), "max"))
		case p.version == 1:
			err = p.limitMemory(most(l.Memory, "-1"))
		default:
			err = errors.Join(p.set("memory.max", most(l.Memory, "max")), p.setIfThere("memory.swap.max", "0"))
		}
		if err != nil {
			return err
		}
	}
	g.kills = g.killed()
	return nil
}

// limitMemory is for version 1, where memory with what is swapped out has a limit that is never
// below the other, and the most that was used is set back.
func (c controller) limitMemory(limit string) error {
	const memory, both = "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"
	return errors.Join(
		c.setIfThere(both, "-1"), c.set(memory, limit), c.setIfThere(both, limit),
		c.set("memory.max_usage_in_bytes", "0"))
}

func most(limit int64, none string) string {
	if limit == 0 {
		return none
	}
	return strconv.FormatInt(limit, 10)
}

func (c controller) set(file, value string) error {
	return os.WriteFile(c.dir+"/"+file, []byte(value), 0)
}

// setIfThere is for what a kernel may have been built without.
func (c controller) setIfThere(file, value string) error {
	if err := c.set(file, value); !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

// names are the controllers that hold what is in the group.
func (g *group) names() (names []string) {
	if g == nil {
		return nil
	}
	for _, p := range g.parts {
		names = append(names, p.String())
	}
	return names
}

// usage completes what a process has used that was held by the group.
func (g *group) usage(e *Exit) {
	if g == nil {
		return
	}
	e.OutOfMemory = g.killed() > g.kills
	for _, p := range g.parts {
		if p.name == "memory" {
			e.PeakMemory = max(p.number("memory.peak"), p.number("memory.max_usage_in_bytes"))
		}
	}
}

// killed is how many processes were killed in the group, ever, for want of memory.
func (g *group) killed() (n int64) {
	for _, p := range g.parts {
		for _, file := range []string{"memory.events", "memory.oom_control"} {
			for line := range fileLines(p.dir + "/" + file) {
				if count, ok := strings.CutPrefix(line, "oom_kill "); ok && p.name == "memory" {
					k, _ := strconv.ParseInt(count, 10, 64) // the kernel writes a number
					n += k
				}
			}
		}
	}
	return n
}

// number is the number in a file, or 0.
func (c controller) number(file string) int64 {
	b, err := os.ReadFile(c.dir + "/" + file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}

const (
	// emptyLimit is how long what was killed in a group, or its thread, may take to be gone.
	emptyLimit = time.Second

	// emptyPause lies between two looks.
	emptyPause = time.Millisecond
)

// patiently calls f until it is true, for emptyLimit at most, and reports whether it was.
func patiently(f func() bool) bool {
	for begin := time.Now(); !f(); time.Sleep(emptyPause) {
		if time.Since(begin) > emptyLimit {
			return false
		}
	}
	return true
}

// empty kills what is left in the group of a process that has ended, and waits until it is gone.
func (g *group) empty() bool {
	return !slices.ContainsFunc(g.dirs(0), func(dir string) bool {
		return !patiently(func() bool { return killAll(dir) })
	})
}

// killAll kills the processes in a control group, but for this one, and reports whether there
// were none.
func killAll(dir string) (none bool) {
	none = true
	for _, pid := range processes(dir) {
		none = false
		pidfd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // gone
		}
		if slices.Contains(processes(dir), pid) { // so pidfd is not of another that has the number now
			_ = unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
		}
		unix.Close(pidfd)
	}
	return none
}

// processes are those in a control group, but for this one.
func processes(dir string) []int {
	b, _ := os.ReadFile(dir + "/cgroup.procs")
	return slices.DeleteFunc(numbers(strings.Fields(string(b))), func(pid int) bool { return pid == os.Getpid() })
}

// remove ends the group's thread, and removes what nothing is in.
func (g *group) remove() error {
	if g.jobs != nil {
		close(g.jobs)
		<-g.ended
	}
	if g.fd != nil {
		g.fd.Close()
	}
	var errs []error
	for _, dir := range g.dirs(0) {
		errs = append(errs, removeDir(dir))
	}
	return errors.Join(errs...)
}

// removeDir removes a control group. The last to leave it may take a moment.
func removeDir(dir string) (err error) {
	patiently(func() bool {
		err = unix.Rmdir(dir)
		return !errors.Is(err, unix.EBUSY)
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the control group %s: %w", dir, err)
	}
	return nil
}
