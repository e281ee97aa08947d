package supervise

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/confine"
)

// spawn is for a caller that holds birth.
func (s *Supervisor) spawn(spec Spec, h *hold) (*Child, error) {
	if !filepath.IsAbs(spec.Path) {
		return nil, fmt.Errorf("start %q: the path is not absolute", spec.Path)
	}
	files, err := s.descriptors(spec.Files)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	c := &Child{number: s.number(), hold: h, done: make(chan struct{})}
	if err := s.tryExec(c, h.spec(spec), files); err != nil {
		s.forget(c)
		return nil, err
	}
	s.mu.Lock()
	s.leaders[c.pid] = c
	s.mu.Unlock()
	return c, nil
}

// tryExec tries again with less to hold the process where that is allowed, and needed.
func (s *Supervisor) tryExec(c *Child, spec Spec, files []uintptr) error {
	for {
		err := s.attempt(c, spec, files)
		if err == nil {
			return nil
		}
		if err = s.reduce(c.hold, err); err != nil {
			return err
		}
	}
}

// attempt makes sure, once, that user namespaces are to be had: where clone fails that was to make
// one, Go (1.26) leaves open the pipe on which the process was to wait for its ids.
func (s *Supervisor) attempt(c *Child, spec Spec, files []uintptr) error {
	user := c.hold.has("user")
	if user && !s.proven {
		if err := probe(c.hold.kinds, c.hold.group); err != nil {
			return explain(spec, err)
		}
	}
	err := s.forkExec(c, spec, files)
	if user {
		s.proven = err == nil
	}
	return err
}

func (s *Supervisor) forkExec(c *Child, spec Spec, files []uintptr) error {
	args := spec.Args
	if len(args) == 0 {
		args = []string{spec.Path}
	}
	own, err := c.hold.variables()
	if err != nil {
		return fmt.Errorf("start %s: %w", spec.Path, err)
	}
	pid, pidfd := 0, -1
	attr := &syscall.ProcAttr{
		Dir: spec.Dir, Env: s.environ(spec.Env, c.number, own), Files: files,
		Sys: c.hold.attributes(spec, &pidfd),
	}
	c.hold.where().do(func() { pid, err = syscall.ForkExec(spec.Path, args, attr) })
	runtime.KeepAlive(spec.Files)
	if err != nil {
		return explain(spec, err)
	}
	c.pid = pid
	c.pidfd, err = NewPidfd(uintptr(pidfd))
	return err
}

// descriptors are the child's, in order, never fewer than the standard three. They
// block, as programs expect: a pipe of Go's does not, and that would go along.
func (s *Supervisor) descriptors(files []*os.File) ([]uintptr, error) {
	fds := make([]uintptr, max(len(files), 3))
	for i := range fds {
		if i >= len(files) || files[i] == nil {
			fds[i] = s.null.Fd()
			continue
		}
		fds[i] = files[i].Fd()
		if int(fds[i]) < 0 {
			return nil, fmt.Errorf("descriptor %d: %w", i, os.ErrClosed)
		}
		syscall.SetNonblock(int(fds[i]), false) // what it cannot be it need not be
	}
	return fds, nil
}

// environ puts the mark first, where it is found soonest, and then the process's own variables. A
// policy is never inherited.
func (s *Supervisor) environ(env []string, number uint64, own []string) []string {
	marked := append(make([]string, 0, len(env)+1+len(own)), markVar+s.mark(number))
	marked = append(marked, own...)
	for _, entry := range env {
		if !strings.HasPrefix(entry, markVar) && !strings.HasPrefix(entry, confine.PolicyVariable+"=") && !strings.HasPrefix(entry, confine.HeldVariable+"=") {
			marked = append(marked, entry)
		}
	}
	return marked
}

// explain finds the stage at which starting went wrong: the kernel's answer is
// one number for all of them.
func explain(spec Spec, err error) error {
	if dirErr := enterable(spec.Dir); dirErr != nil {
		return &os.PathError{Op: "chdir", Path: spec.Dir, Err: dirErr}
	}
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return &os.PathError{Op: "fork for", Path: spec.Path, Err: err}
	case errors.Is(err, unix.ENOENT) && unix.Access(spec.Path, unix.F_OK) == nil:
		return fmt.Errorf("exec %s: its interpreter or loader: %w", spec.Path, err)
	}
	return &os.PathError{Op: "exec", Path: spec.Path, Err: err}
}

func enterable(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return errors.Unwrap(err)
	case !info.IsDir():
		return unix.ENOTDIR
	}
	return unix.Access(dir, unix.X_OK)
}
