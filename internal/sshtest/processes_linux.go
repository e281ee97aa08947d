package sshtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a process of a machine.
type Process struct {
	PID     int    // as this machine has it, for signals from here
	Name    string // as the kernel has it: at most 15 bytes
	Command string // its arguments, with spaces between; empty for a zombie
	State   string // a letter, as ps shows it: Z for a zombie
}

func (p Process) String() string {
	return fmt.Sprintf("%d %s %s (%s)", p.PID, p.State, p.Name, p.Command)
}

// Processes returns the processes that run in the machine, zombies and those in pid
// namespaces below its own with them, but not sshd and its children of that name.
func (m *Machine) Processes() []Process {
	var found []Process
	for _, p := range inNamespace(fmt.Sprintf("/proc/%d/ns/pid", m.pid())) {
		if p.Name != "sshd" {
			found = append(found, p)
		}
	}
	return found
}

// AwaitIdle waits until [Machine.Processes] finds nothing, for so long at most. The
// error names what is left then.
func (m *Machine) AwaitIdle(within time.Duration) error {
	deadline := time.Now().Add(within)
	for {
		left := m.Processes()
		if len(left) == 0 {
			return nil
		}
		if err := left[0].await(deadline); err != nil {
			return fmt.Errorf("machine %s still has %v after %v: %w", m.Host, m.Processes(), within, err)
		}
	}
}

// await waits until a process has ended and, being a zombie, was waited for.
func (p Process) await(deadline time.Time) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := waitPidfd(fd, deadline); err != nil {
		return err
	}
	// Nothing tells when a zombie goes, but it goes soon, or never.
	for unix.PidfdSendSignal(fd, 0, nil, 0) == nil {
		if time.Now().After(deadline) {
			return errors.New("nobody waits for a zombie")
		}
		runtime.Gosched()
	}
	return nil
}

// waitPidfd waits until the process has ended.
func waitPidfd(fd int, deadline time.Time) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(max(0, time.Until(deadline)).Milliseconds()))
		switch {
		case n == 1:
			return nil
		case err == nil:
			return os.ErrDeadlineExceeded
		case !errors.Is(err, unix.EINTR):
			return err
		}
	}
}

// inNamespace returns the processes of a pid namespace and of those below it.
func inNamespace(link string) []Process {
	want, err := inode(link)
	if err != nil {
		return nil // it is gone, and they with it
	}
	own, err := inode("/proc/self/ns/pid")
	if err != nil {
		return nil
	}
	var found []Process
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if !within(dir+"/ns/pid", want, own) {
			continue
		}
		if p, err := readProcess(dir); err == nil { // or it has just ended
			found = append(found, p)
		}
	}
	return found
}

func inode(name string) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Stat(name, &stat)
	return stat.Ino, err
}

// within reports whether the pid namespace of link is want or below it. Looking ends at
// own, which is above all that can be seen.
func within(link string, want, own uint64) bool {
	fd, err := unix.Open(link, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for err == nil {
		var stat unix.Stat_t
		err = unix.Fstat(fd, &stat)
		if err != nil || stat.Ino == own || stat.Ino == want {
			unix.Close(fd)
			return err == nil && stat.Ino == want
		}
		var parent int
		parent, err = unix.IoctlRetInt(fd, unix.NS_GET_PARENT)
		unix.Close(fd)
		fd = parent
	}
	return false
}

// readProcess reads what /proc has about a process.
func readProcess(dir string) (Process, error) {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Process{}, err
	}
	args, err := os.ReadFile(dir + "/cmdline")
	if err != nil {
		return Process{}, err
	}
	pid, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return Process{}, err
	}
	// The name is in parentheses, and may have some of its own.
	begin, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if begin < 0 || end < begin || end+3 > len(stat) {
		return Process{}, fmt.Errorf("%s/stat: %q", dir, stat)
	}
	return Process{
		PID: pid, Name: string(stat[begin+1 : end]), State: string(stat[end+2 : end+3]),
		Command: strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " ")),
	}, nil
}
