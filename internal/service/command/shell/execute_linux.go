package shell

import (
	"os"
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
	syscall.ForkLock.Lock() // nobody else makes fds of those numbers meanwhile
	defer syscall.ForkLock.Unlock()
	if err := place(files); err != nil {
		return Failf(Failed, "%s cannot be executed: %v", argv[0], err)
	}
	err := syscall.Exec(program, argv, env)
	return Failf(Failed, "%s cannot be executed: %v", argv[0], err)
}

// place makes files the fds from firstFD on, which stay open in what is
// executed. What was there is closed: this process does nothing more but that.
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
