package supervise

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxEnviron bounds in bytes what is read of a process's environment; the kernel's
// own limit is 2 MiB with the usual stack.
const maxEnviron = 2 << 20

// statBytes is enough of /proc/PID/stat for the fields up to ppid.
const statBytes = 256

var errNotStat = errors.New("not in the format of /proc/PID/stat")

// procfs reads a /proc that is mounted at root on behalf of process self.
type procfs struct {
	root string
	self int
}

// children lists the children of self, dead and alive. One that comes or goes
// meanwhile may be missing, and any may be gone when the list is read.
func (p procfs) children() ([]int, error) {
	lists, _ := filepath.Glob(filepath.Join(p.root, strconv.Itoa(p.self), "task/*/children"))
	if len(lists) == 0 {
		return p.scan() // a kernel without CONFIG_PROC_CHILDREN
	}
	var pids []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended
		}
		if err != nil {
			return nil, fmt.Errorf("list children: %w", err)
		}
		pids = append(pids, numbers(bytes.Fields(text))...)
	}
	return pids, nil
}

// scan finds the children of self among all processes.
func (p procfs) scan() ([]int, error) {
	dir, err := os.Open(p.root)
	if err != nil {
		return nil, fmt.Errorf("list children: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list children: %w", err)
	}
	var pids []int
	for _, pid := range numbers(names) {
		if st, err := p.stat(pid); err == nil && st.ppid == p.self {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// numbers keeps those words that are positive decimal numbers.
func numbers[T string | []byte](words []T) []int {
	var ns []int
	for _, word := range words {
		if n, err := strconv.Atoi(string(word)); err == nil && n > 0 {
			ns = append(ns, n)
		}
	}
	return ns
}

// procStat is what is needed of /proc/PID/stat.
type procStat struct {
	state byte // 'Z' and 'X' are dead
	ppid  int
}

func (st procStat) dead() bool { return st.state == 'Z' || st.state == 'X' }

// stat reads with bare system calls: a scan does it for every process there is.
func (p procfs) stat(pid int) (procStat, error) {
	fd, err := unix.Open(p.path(pid, "stat"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return procStat{}, err
	}
	defer unix.Close(fd)
	var buf [statBytes]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return procStat{}, err
	}
	return parseStat(buf[:n])
}

// parseStat reads "PID (COMM) STATE PPID …". COMM is the process's own choice and
// may hold spaces and parentheses; nothing behind it can hold a parenthesis.
func parseStat(line []byte) (procStat, error) {
	name := bytes.LastIndexByte(line, ')') // the command's name may have any bytes
	fields := bytes.Fields(line[name+1:])
	if name < 0 || len(fields) < 3 || len(fields[0]) != 1 || fields[0][0] < 'A' || fields[0][0] > 'z' {
		return procStat{}, errNotStat
	}
	ppid, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return procStat{}, errNotStat
	}
	return procStat{state: fields[0][0], ppid: ppid}, nil
}

func (p procfs) environ(pid int) ([]byte, error) {
	f, err := os.Open(p.path(pid, "environ"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxEnviron))
}

func (p procfs) path(pid int, name string) string {
	return p.root + "/" + strconv.Itoa(pid) + "/" + name
}

// defaults reports whether a process does with a signal what the kernel does by default.
func defaults(pid int, sig unix.Signal) bool {
	for line := range fileLines("/proc/" + strconv.Itoa(pid) + "/status") {
		name, mask, _ := strings.Cut(line, ":")
		if name != "SigCgt" && name != "SigIgn" {
			continue
		}
		if bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64); err != nil || bits>>(sig-1)&1 == 1 {
			return false
		}
	}
	return true
}
