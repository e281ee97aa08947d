package supervise

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/confine"
)

// maxIdle bounds the groups that are kept to be used again.
const maxIdle = 16

// groups are a supervisor's control groups. They lie below its own, and are named after it, so
// that the next supervisor there finds those of one that was killed.
type groups struct {
	proc string // where proc is mounted

	once   sync.Once
	found  []controller // set by once
	prefix string       // of names; set by once

	busy sync.WaitGroup // groups that are in use, or being given back; Add is under mu

	mu     sync.Mutex // guards what follows
	last   int
	idle   []*group
	stuck  []*group // they could not be emptied
	closed bool
}

// take is a group with those limits, of those controllers that there are; nil where there is
// none of use, or no limit. It must be given back.
func (s *groups) take(l confine.Limits) *group {
	if !l.Any() {
		return nil
	}
	s.once.Do(s.find)
	of := slices.DeleteFunc(slices.Clone(s.found), func(c controller) bool {
		return c.name == "memory" && l.Memory == 0 || c.name == "pids" && l.Processes == 0
	})
	if len(of) == 0 || !s.begin() {
		return nil
	}
	if g := s.reuse(of); g != nil {
		if g.limit(l) == nil {
			return g
		}
		s.drop(g) // it is too full of what its last process has left
	}
	g, err := newGroup(s.name(), of)
	if err == nil {
		if err = g.limit(l); err == nil {
			return g
		}
		s.drop(g)
	}
	s.busy.Done()
	return nil // those of rlimits are left
}

// begin is false when the groups are closed.
func (s *groups) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.busy.Add(1)
	}
	return !s.closed
}

func (s *groups) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	return s.prefix + strconv.Itoa(s.last)
}

// reuse is an idle group of those controllers, or nil.
func (s *groups) reuse(of []controller) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := func(a, b controller) bool { return a.name == b.name }
	i := slices.IndexFunc(s.idle, func(g *group) bool { return slices.EqualFunc(g.parts, of, same) })
	if i < 0 {
		return nil
	}
	g := s.idle[i]
	s.idle = slices.Delete(s.idle, i, i+1)
	return g
}

// give takes a group back whose process has ended. It does not wait until it is empty.
func (s *groups) give(g *group) {
	if g == nil {
		return
	}
	go func() {
		defer s.busy.Done()
		if !g.empty() || !s.keep(g) {
			s.drop(g)
		}
	}()
}

// keep reports whether a group will be used again.
func (s *groups) keep(g *group) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || g.jobs == nil || len(s.idle) == maxIdle {
		return false
	}
	s.idle = append(s.idle, g)
	return true
}

// drop removes a group, now or at the end.
func (s *groups) drop(g *group) {
	if g.remove() != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stuck = append(s.stuck, g)
	}
}

// close removes all groups. Nothing that was started in them may be left.
func (s *groups) close() error {
	s.mu.Lock()
	s.closed = true
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	var errs []error
	for _, g := range idle {
		errs = append(errs, g.remove())
	}
	s.busy.Wait()
	for _, g := range s.stuck {
		for _, dir := range g.dirs(0) {
			errs = append(errs, removeDir(dir))
		}
	}
	return errors.Join(errs...)
}

// find looks for the controllers that can be used here.
func (s *groups) find() {
	pidns, _ := namespace{name: "pid"}.outside() // without it none of use is found either
	pid := os.Getpid()
	start, _ := startTime(s.proc, pid)
	space := fmt.Sprintf("outwork-%d-", pidns)
	s.prefix = fmt.Sprintf("%s%d-%s-", space, pid, start)
	for _, c := range controllers(s.proc) {
		if c, ok := c.usable(); ok && s.together(c) {
			s.found = append(s.found, c)
			prune(s.proc, c.dir, space)
		}
	}
}

// together reports whether a process can be in groups below c's and of what was found: of version 2
// it is in one.
func (s *groups) together(c controller) bool {
	return !slices.ContainsFunc(s.found, func(d controller) bool { return c.version == 2 && d.version == 2 && c.dir != d.dir })
}

// usable is the controller where groups can be made that it limits, if they can. In version 2 that
// is hardly below this process's own group: the kernel lets no group with processes have groups
// below it that are limited. It can be beside it, where whoever runs this process has left the group
// above to its user, as systemd does to a session's programs, and to a service with Delegate=yes
// and DelegateSubgroup.
func (c controller) usable() (controller, bool) {
	// The root of version 2 has no type. In any other group "+pids" would be taken, and spoil it.
	if _, err := os.Stat(c.dir + "/cgroup.type"); (c.version == 1 || errors.Is(err, fs.ErrNotExist)) && c.limits() {
		return c, true
	}
	above := filepath.Dir(c.dir)
	if c.version == 1 || !delegated(above) {
		return c, false
	}
	c.dir = above
	return c, c.limits()
}

// limits reports whether groups can be made below c's that it limits.
func (c controller) limits() bool {
	if unix.Access(c.dir, unix.W_OK) != nil || unix.Access(c.dir+"/cgroup.procs", unix.W_OK) != nil {
		return false
	}
	const enabled = "cgroup.subtree_control"
	return c.version == 1 || listed(c.dir+"/"+enabled, c.name) || c.set(enabled, "+"+c.name) == nil
}

// delegated reports whether a control group is for its user to divide. Root may write to all,
// and so must be told, by the attributes that systemd sets.
func delegated(dir string) bool {
	if os.Geteuid() != 0 {
		return true
	}
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		value := make([]byte, 8)
		if n, err := unix.Getxattr(dir, name, value); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return false
}

// prune removes the groups of supervisors that are dead, and kills what is still in them. They
// were in the pid namespace that space tells, as this one is.
func prune(proc, dir, space string) {
	all, _ := filepath.Glob(filepath.Join(dir, space+"*"))
	for _, group := range all {
		words := strings.Split(strings.TrimPrefix(filepath.Base(group), space), "-")
		pid, err := strconv.Atoi(words[0])
		if err != nil || len(words) != 3 {
			continue
		}
		if start, err := startTime(proc, pid); err == nil && start == words[1] {
			continue // it lives
		}
		killAll(group)
		_ = unix.Rmdir(group) // or the next one does
	}
}

// startTime tells a process from others that have had its number: the 22nd field of its stat.
func startTime(proc string, pid int) (string, error) {
	b, err := os.ReadFile(procfs{root: proc}.path(pid, "stat"))
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const start = 22 - 3
	if err != nil || len(f) <= start {
		return "", cmp.Or(err, errNotStat)
	}
	return string(f[start]), nil
}
