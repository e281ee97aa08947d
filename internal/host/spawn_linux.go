package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// spawn is for a caller that holds birth.
func (s *Supervisor) spawn(spec Spec) (*Child, error) {
	if !filepath.IsAbs(spec.Path) {
		return nil, fmt.Errorf("start %q: the path is not absolute", spec.Path)
	}
	files, err := s.descriptors(spec.Files)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	c := &Child{number: s.number(), done: make(chan struct{})}
	if err := s.forkExec(c, spec, files); err != nil {
		s.forget(c)
		return nil, err
	}
	s.mu.Lock()
	s.leaders[c.pid] = c
	s.mu.Unlock()
	return c, nil
}

func (s *Supervisor) forkExec(c *Child, spec Spec, files []uintptr) error {
	args := spec.Args
	if len(args) == 0 {
		args = []string{spec.Path}
	}
	pidfd := -1
	pid, err := syscall.ForkExec(spec.Path, args, &syscall.ProcAttr{
		Dir:   spec.Dir,
		Env:   s.environ(spec.Env, c.number),
		Files: files,
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: &pidfd},
	})
	runtime.KeepAlive(spec.Files)
	if err != nil {
		return explain(spec, err)
	}
	c.pid = pid
	c.pidfd, err = NewPidfd(uintptr(pidfd))
	return err
}

// descriptors are the child's, in order, never fewer than the standard three.
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
	}
	return fds, nil
}

// environ puts the mark first, where it is found soonest.
func (s *Supervisor) environ(env []string, number uint64) []string {
	marked := append(make([]string, 0, len(env)+1), markVar+s.mark(number))
	for _, entry := range env {
		if !strings.HasPrefix(entry, markVar) {
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
