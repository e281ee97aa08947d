package confine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// linkFD is the descriptor that goes along.
const linkFD = 3

// again confines this thread and starts this program once more in it: Go does not reach the
// other threads of a program that is built with cgo. Its filter is put on there, on all threads:
// one that lets it be loaded would have to be loose. It returns only with an error.
func (h *holder) again() error {
	var err error
	if h.self, err = unix.Open("/proc/self/exe", unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	env, err := startEnvironment()
	if err != nil {
		return err
	}
	h.p.Data = dataSize()
	own, err := loadedFrom()
	if err != nil {
		return err
	}
	own = append(own, "/etc/localtime", "/usr/share/zoneinfo")
	if err := h.hold(own); err != nil {
		return err
	}
	h.p.Held = h.report.String()
	env = append(env, PolicyVariable+"="+string(h.p.Encode()))
	if _, err := unix.FcntlInt(linkFD, unix.F_SETFD, 0); err != nil && !isErrno(err, unix.EBADF) {
		return fmt.Errorf("hand descriptor %d on: %w", linkFD, err)
	}
	return fmt.Errorf("start this program again, confined: %w", execute(h.self, os.Args, env))
}

// startEnvironment is what this process was started with, but for the policy: what Main has taken
// out since, it finds again.
func startEnvironment() (env []string, err error) {
	b, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		return nil, fmt.Errorf("read what this process was started with: %w", err)
	}
	for v := range bytes.SplitSeq(bytes.TrimSuffix(b, []byte{0}), []byte{0}) {
		if !bytes.HasPrefix(v, []byte(PolicyVariable+"=")) {
			env = append(env, string(v))
		}
	}
	return env, nil
}

// loadedFrom are the files that this process was made of, and the folders of the usual libraries.
func loadedFrom() ([]string, error) {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, fmt.Errorf("find what this program is loaded from: %w", err)
	}
	own := slices.Clone(libraries)
	for line := range bytes.Lines(b) {
		fields := strings.Fields(string(line))
		if len(fields) != 6 || !strings.HasPrefix(fields[5], "/") || slices.Contains(own, fields[5]) || inLibraries(fields[5]) {
			continue
		}
		if _, err := os.Stat(fields[5]); err == nil { // else it was deleted, and is executed by its descriptor
			own = append(own, fields[5])
		}
	}
	return own, nil
}

func inLibraries(path string) bool {
	for dir := filepath.Dir(path); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if slices.Contains(libraries, dir) {
			return true
		}
	}
	return false
}

// execute replaces this program by the one that is open as fd.
func execute(fd int, args, env []string) error {
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return err
	}
	envp, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	var empty [1]byte
	_, _, e := syscall.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envp[0])), unix.AT_EMPTY_PATH, 0)
	runtime.KeepAlive(argv)
	runtime.KeepAlive(envp)
	return e
}

// finish is for the program that again has started: limits, filter, attempts.
func (h *holder) finish() (Report, error) {
	held, err := ParseReport(h.p.Held)
	if err != nil {
		return Report{}, err
	}
	if h.p.Given.UID != 0 && os.Geteuid() == 0 {
		return Report{}, errors.New("the confinement says that this process is held already, but it is root")
	}
	h.report = held
	zone()
	return h.last(h.p.Data)
}
