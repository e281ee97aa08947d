package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
	"github.com/outwork-go/outwork/container"
)

// sourceHelp is for the help of verbs that take sources.
const sourceHelp = `A file is a path; - for standard input; a file on a host by its URL, ssh://db1/var/log/syslog
(ssh://db1/~/x below the home folder); pid:N, the memory of a process, whose offsets are
its addresses; and PATH@OFFSET or PATH@OFFSET+LENGTH, a part of any of these, in bytes,
decimal or 0x; offsets within a part, those that are printed too, begin at 0. Pipes and
other character devices are read to their end; files and disks are not: only what is looked
at. To name a file that looks like one of these, write ./pid:1; a file whose name ends like
a part is found by that name.`

// input is standard input, which can be read once.
type input struct {
	f *os.File

	mu    sync.Mutex
	taken bool
}

// take is the file, for the first who asks.
func (in *input) take() (*os.File, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.taken {
		return nil, usage("standard input can be read only once, and - is there twice")
	}
	in.taken = true
	return in.f, nil
}

// openSource is the bytes that text names on the command line, as sourceHelp says. The
// container is to be closed before far. Its errors are failures, each a whole sentence.
func (a *app) openSource(ctx context.Context, text string, far *files) (container.Container, error) {
	whole, part, cut := cutRange(text)
	if !cut {
		return a.openWhole(ctx, text, far)
	}
	c, err := a.openWhole(ctx, whole, far)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return part.of(c, whole, text)
}

// openWhole is openSource without parts.
func (a *app) openWhole(ctx context.Context, text string, far *files) (container.Container, error) {
	pid, isProcess := strings.CutPrefix(text, "pid:")
	switch {
	case text == standardInput:
		f, err := a.in.take()
		if err != nil {
			return nil, err
		}
		return spool(ctx, "standard input", func() (*os.File, error) { return f, nil })
	case isProcess:
		return openMemory(text, pid)
	case place.IsURL(text):
		return far.open(ctx, text)
	}
	return openPath(ctx, text)
}

// openMemory is the memory of the process with that number.
func openMemory(text, pid string) (container.Container, error) {
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 0 {
		return nil, usage("cannot read %s: write the number of a process, as in pid:1234; a file of that name is ./%[1]s", text)
	}
	c, err := container.FromProcess(n)
	if err != nil {
		return nil, usage("cannot read %s: %v", text, inner(err))
	}
	return c, nil
}

// openPath is the file at a path of this machine.
func openPath(ctx context.Context, path string) (container.Container, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, noFile(path, err)
	}
	open := func() (*os.File, error) { return os.Open(path) }
	var c container.Container
	switch mode := info.Mode(); {
	case mode.IsDir():
		return nil, unreadable(path, syscall.EISDIR)
	case mode&fs.ModeSocket != 0:
		return nil, usage("cannot read %s: it is a socket, which has no bytes of its own", path)
	case mode&fs.ModeCharDevice != 0, mode&fs.ModeNamedPipe != 0, mode.IsRegular() && info.Size() == 0: // as those of /proc say
		return spool(ctx, path, open)
	case mode&fs.ModeDevice != 0:
		c, err = container.FromDevice(path)
	default:
		c, err = container.FromFile(path)
	}
	if err != nil {
		return nil, noFile(path, inner(err))
	}
	return c, nil
}

// openBelow is the regular file at a path of this machine. A small one is read at once.
func openBelow(_ context.Context, path string, _ *files) (container.Container, error) {
	c, err := readSmall(path)
	if c == nil && err == nil {
		c, err = container.FromFile(path)
		err = inner(err)
	}
	if err != nil {
		return nil, noFile(path, err)
	}
	return c, nil
}

// readSmall is the bytes of a small file; nil: it is not one.
func readSmall(path string) (container.Container, error) {
	b, err := smallBytes(path)
	if b == nil || err != nil {
		return nil, err
	}
	return container.FromBytes(b), nil
}

// spool reads all of a file into a container, until ctx ends: then what opens or reads it
// still ends with the process.
func spool(ctx context.Context, name string, open func() (*os.File, error)) (container.Container, error) {
	type result struct {
		c   container.Container
		err error
	}
	done := make(chan result, 1)
	go func() {
		f, err := open()
		if err != nil {
			done <- result{nil, err}
			return
		}
		defer f.Close()
		c, err := container.FromReader(f)
		done <- result{c, inner(err)}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, noFile(name, r.err)
		}
		return r.c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inner is err without what package container was about.
func inner(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return cause
	}
	return err
}

// noFile is that the file of that name cannot be read.
func noFile(name string, err error) error {
	whole, rest, cut := lastCut(name)
	if errors.Is(err, fs.ErrNotExist) && cut && exists(whole) {
		return usage("cannot read %s: there is no such file, and %q is no part of %s: write @OFFSET or @OFFSET+LENGTH, as in %[3]s@0x200+64", name, "@"+rest, whole)
	}
	return unreadable(name, err)
}

// part is a part of a source, in bytes.
type part struct {
	offset, length int64
	open           bool // to the end
}

// cutRange cuts a part off a source, if text has one, and is neither a file of that name.
func cutRange(text string) (whole string, p part, ok bool) {
	whole, rest, ok := lastCut(text)
	if !ok || whole == "" || exists(text) {
		return text, part{}, false
	}
	if place.IsURL(text) {
		if _, err := place.ParseFile(whole); err != nil { // the @ is behind a user
			return text, part{}, false
		}
	}
	offset, length, bounded := strings.Cut(rest, "+")
	if p.offset, ok = parseBytes(offset); !ok {
		return text, part{}, false
	}
	p.open = !bounded
	if bounded {
		if p.length, ok = parseBytes(length); !ok {
			return text, part{}, false
		}
	}
	return whole, p, true
}

// lastCut is text before and behind its last @.
func lastCut(text string) (before, behind string, ok bool) {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+1:], true
}

// parseBytes is a number of bytes, decimal or 0x.
func parseBytes(text string) (int64, bool) {
	digits, base := text, 10
	if hex, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 63)
	return int64(n), err == nil
}

// of is the part of c, which is the source whole; text is the part's own name.
func (p part) of(c container.Container, whole, text string) (container.Container, error) {
	size := c.Size()
	switch {
	case p.offset > size:
		return nil, usage("cannot read %s: %s has %s, and the part begins at %d", text, whole, count64(size, "byte"), p.offset)
	case p.open:
		p.length = size - p.offset
	case p.length > size-p.offset:
		return nil, usage("cannot read %s: %s has %s, and the part ends behind that", text, whole, count64(size, "byte"))
	}
	s, err := c.Slice(p.offset, p.length)
	if err != nil {
		return nil, usage("cannot read %s: %v", text, err)
	}
	return s, nil
}

// count64 is a number of things.
func count64(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// offset is a flag that takes a place or a length in bytes.
type offset int64

func (o *offset) Type() string { return "bytes" }

func (o *offset) String() string {
	if *o == 0 {
		return ""
	}
	return strconv.FormatInt(int64(*o), 10)
}

func (o *offset) Set(s string) error {
	n, ok := parseBytes(s)
	if !ok {
		return errors.New("it is a number of bytes, as in 512 or 0x200")
	}
	*o = offset(n)
	return nil
}
