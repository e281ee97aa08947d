package shell

import (
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstFD is the first fd that systemd's convention passes.
const firstFD = 3

// execute replaces this process by program, with files as fds 3 and up, told by
// LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES as systemd tells them. It returns
// only when it cannot.
func execute(program string, argv []string, files []*os.File, names []string) error {
	env := listenEnv(os.Environ(), os.Getpid(), names)
	runtime.LockOSThread() // which alone has the fds that are made now
	err := ownFDs()
	if err == nil {
		err = place(files)
	}
	if err == nil {
		err = syscall.Exec(program, argv, env)
	}
	return Failf(Failed, "%s cannot be executed: %v", argv[0], err)
}

// ownFDs gives the thread a table of fds of its own, a copy. The other threads go on
// with theirs: the runtime polls one that may have a number which place needs.
func ownFDs() error {
	if unix.Unshare(unix.CLONE_FILES) == nil {
		return nil
	}
	// A container's filter may refuse that, and let this pass, which closes nothing.
	return os.NewSyscallError("close_range", unix.CloseRange(math.MaxUint32, math.MaxUint32, unix.CLOSE_RANGE_UNSHARE))
}

// place makes files the thread's fds from firstFD on, which stay open in what is
// executed. What was there is closed: this thread does nothing more but that.
func place(files []*os.File) error {
	above := firstFD + len(files)
	fds := make([]int, len(files))
	for i, f := range files {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, above)
		if err != nil {
			return err
		}
		fds[i] = fd
	}
	for i, fd := range fds {
		if err := unix.Dup3(fd, firstFD+i, 0); err != nil {
			return err
		}
	}
	return nil
}

// listenEnv is env with what systemd would say of files of those names.
func listenEnv(env []string, pid int, names []string) []string {
	out := make([]string, 0, len(env)+3)
	for _, e := range env {
		if !strings.HasPrefix(e, "LISTEN_") {
			out = append(out, e)
		}
	}
	safe := make([]string, len(names))
	for i, name := range names {
		safe[i] = strings.ReplaceAll(name, ":", "-")
	}
	return append(out,
		"LISTEN_FDS="+strconv.Itoa(len(names)),
		"LISTEN_PID="+strconv.Itoa(pid),
		"LISTEN_FDNAMES="+strings.Join(safe, ":"))
}
