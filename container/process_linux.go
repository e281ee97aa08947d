package container

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// mapsFresh is how long a search goes by what is known of a process's
	// maps, and a read of what is in them.
	mapsFresh = time.Second

	// maxMaps is how many bytes of /proc/PID/maps are read: some 600,000
	// lines, nine times what Linux allows a process at first.
	maxMaps = 64 << 20
)

// FromProcess is a container of the memory of a process, a live source: an offset is an
// address. Its size is the end of the highest map that the process has now. What is not
// mapped, or what the process itself may not read, is a hole: an error that matches
// ErrHole, as the kernel's own pages are that it lets nobody read. So are pages that are mapped
// and turn out to have nothing behind them, as those of a file that was truncated.
//
// The process runs on: what is read at different times may not fit together, and a search
// goes around what is unmapped meanwhile; stop the process first. It is told
// by its memory, not by its number: when it has ended or runs another program, reads fail
// with an error that matches ErrProcessGone, whoever has the number by then.
//
// It takes the right to trace the process: the same user, and what the system
// (kernel.yama.ptrace_scope) asks beyond that; or CAP_SYS_PTRACE.
func FromProcess(pid int) (Container, error) {
	c, err := fromProcess(pid)
	if err != nil {
		return nil, fmt.Errorf("container from process %d: %w", pid, err)
	}
	return c, nil
}

func fromProcess(pid int) (Container, error) {
	if pid <= 0 {
		return nil, errors.New("a process has a number above 0")
	}
	p, err := openProcess(pid)
	if err != nil {
		return nil, processError(err)
	}
	all, err := p.read()
	if err == nil && len(all) == 0 {
		err = errors.New("it has no memory of its own: it is the kernel's, or has ended")
	}
	if err != nil {
		p.close()
		return nil, processError(err)
	}
	name := fmt.Sprintf("process %d", pid)
	return FromReaderAt(p, p.end, Live{Name: name, Extents: p.extents, Close: p.close, refresh: p.refresh, page: int64(os.Getpagesize())}), nil
}

// process is the memory of one, and what is mapped in it. Both files belong to that
// memory: once it is gone they yield nothing, and never another process's.
type process struct {
	mem, maps *os.File
	end       int64 // of the highest map at first; set once

	mu    sync.Mutex // guards what follows
	known []span     // that can be read, in order
	at    time.Time  // when that was
}

func openProcess(pid int) (*process, error) {
	dir, err := os.OpenRoot("/proc/" + strconv.Itoa(pid))
	if err != nil {
		return nil, err
	}
	defer dir.Close() // one process, also when its number is another's meanwhile
	mem, err := dir.Open("mem")
	if err != nil {
		return nil, err
	}
	maps, err := dir.Open("maps")
	if err != nil {
		mem.Close()
		return nil, err
	}
	return &process{mem: mem, maps: maps}, nil
}

func (p *process) close() error { return errors.Join(p.mem.Close(), p.maps.Close()) }

// processError says what is to be done about err.
func processError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
		return noProcess{err}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: reading another process takes its user's rights%s, or CAP_SYS_PTRACE, as root has it", err, ptraceScope())
	}
	return err
}

// noProcess is that there is none of that number, however the system says that of a file in /proc.
type noProcess struct{ error }

func (noProcess) Error() string { return "there is no such process" }

func (e noProcess) Unwrap() error { return e.error }

// ptraceScope tells what Yama, where it is, asks beyond that.
func ptraceScope() string {
	b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if scope := string(bytes.TrimSpace(b)); err == nil && scope != "0" {
		return " and, as kernel.yama.ptrace_scope is " + scope + ", that this is its parent"
	}
	return ""
}

// ReadAt is of io.ReaderAt.
func (p *process) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.mem.ReadAt(b, off)
	switch {
	case err == io.EOF:
		err = ErrProcessGone // the end of a memory that is there is beyond all offsets
	case errors.Is(err, unix.EIO):
		err = fmt.Errorf("at %d %w: %w", off+int64(n), ErrHole, unix.EIO)
	}
	return n, err
}

// extents is for Live.
func (p *process) extents(off int64) (start, end int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || time.Since(p.at) > mapsFresh {
		all, err := p.read()
		if err == nil && len(all) == 0 {
			err = ErrProcessGone
		}
		if err != nil {
			return 0, 0, err
		}
		p.known, p.at = all, time.Now()
	}
	w := covering(p.known, off)
	return w.off, w.off + w.n, nil
}

func (p *process) refresh() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = nil
}

// covering is the first range that ends behind off; none is empty.
func covering(all []span, off int64) span {
	i, _ := slices.BinarySearchFunc(all, off, func(w span, off int64) int {
		if w.off+w.n <= off {
			return -1
		}
		return 1
	})
	if i == len(all) {
		return span{}
	}
	return all[i]
}

// read is what of the memory can be read; none: it is gone. It sets end at first.
func (p *process) read() (all []span, err error) {
	b, err := io.ReadAll(io.NewSectionReader(p.maps, 0, maxMaps))
	if err != nil {
		return nil, err
	}
	first := p.end == 0
	for line := range strings.Lines(string(b)) {
		w, ok, err := parseMap(line)
		if err != nil {
			return nil, err
		}
		if first && w.n > 0 {
			p.end = w.off + w.n
		}
		if !ok {
			continue
		}
		if last := len(all) - 1; last >= 0 && all[last].off+all[last].n == w.off {
			all[last].n += w.n
		} else {
			all = append(all, w)
		}
	}
	return all, nil
}

// parseMap is the range of a line of /proc/PID/maps. ok tells whether it can be read.
// What lies above all offsets, the kernel's own page for old system calls, is empty.
func parseMap(line string) (w span, ok bool, err error) {
	fields := strings.Fields(line)
	if len(fields) < 5 {
		return w, false, fmt.Errorf("a line of its maps: %.100q", line)
	}
	from, to, _ := strings.Cut(fields[0], "-")
	start, err1 := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	if err := errors.Join(err1, err2); err != nil || start > end {
		return w, false, fmt.Errorf("a line of its maps: %.100q", line)
	}
	if end > math.MaxInt64 {
		return w, false, nil
	}
	w = span{int64(start), int64(end - start)}
	name := "" // of a file it begins with a slash, and may have spaces
	if len(fields) > 5 {
		name = fields[5]
	}
	return w, fields[1][0] == 'r' && !strings.HasPrefix(name, "[vvar"), nil
}
