package link

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

const allSeals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// memory is a memfd of n bytes with these seals.
func memory(t testing.TB, n int, seals int) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "memory")
	if _, err := f.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return f
}

// hole is 1 MiB of nothing, sealed, with as many blocks as that behind its end.
func hole(t testing.TB) *os.File {
	t.Helper()
	f := memory(t, 0, 0)
	err := errors.Join(unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 1<<20, 1<<20), f.Truncate(1<<20))
	if _, errSeal := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, allSeals); err != nil || errSeal != nil {
		t.Fatal(err, errSeal)
	}
	return f
}

func pipeEnd(t testing.TB) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	return r
}

// TestHostileFiles: descriptors that a worker sends along, and what they claim
// to be.
func TestHostileFiles(t *testing.T) {
	container := func(size int64) []byte {
		return replyOf(part{Field: fieldC, Kind: partContainer, Size: size, Stream: 1, Immutable: true})
	}
	for _, c := range []struct {
		name    string
		payload []byte
		files   func() []*os.File
		rule    string
	}{
		{"sealed memory", container(5), func() []*os.File { return []*os.File{memory(t, 5, allSeals)} }, ""},
		{"memory without seals", container(5), func() []*os.File { return []*os.File{memory(t, 5, 0)} }, "reply"},
		{"memory that may shrink", container(5), func() []*os.File { return []*os.File{memory(t, 5, allSeals&^unix.F_SEAL_SHRINK)} }, "reply"},
		{"memory with a hole", container(1 << 20), func() []*os.File { return []*os.File{hole(t)} }, "reply"},
		{"memory that is smaller", container(1 << 40), func() []*os.File { return []*os.File{memory(t, 5, allSeals)} }, "reply"},
		{"a negative size", container(-1), func() []*os.File { return []*os.File{memory(t, 5, allSeals)} }, "reply"},
		{"an offset beyond the end", replyOf(part{Field: fieldC, Kind: partContainer, Size: 5, Offset: 1 << 62, Stream: 1, Immutable: true}), func() []*os.File { return []*os.File{memory(t, 5, allSeals)} }, "reply"},
		{"a file that may change", replyOf(part{Field: fieldC, Kind: partContainer, Size: 5, Stream: 1}), func() []*os.File { return []*os.File{memory(t, 5, allSeals)} }, "reply"},
		{"a pipe for a container", container(5), func() []*os.File { return []*os.File{pipeEnd(t)} }, "reply"},
		{"two files for one part", container(5), func() []*os.File { return []*os.File{memory(t, 5, allSeals), pipeEnd(t)} }, "fds"},
		{"a file that no part names", replyOf(), func() []*os.File { return []*os.File{pipeEnd(t)} }, "fds"},
		{"a file", replyOf(part{Field: fieldF, Kind: partFile}), func() []*os.File { return []*os.File{pipeEnd(t)} }, ""},
		{"a file and nonsense", append(replyOf(part{Field: fieldF, Kind: partFile}), 0), func() []*os.File { return []*os.File{pipeEnd(t)} }, "reply"},
		{"a file, then a part that is none", replyOf(part{Field: fieldF, Kind: partFile}, part{Field: fieldIn, Kind: partReader, Stream: 4}), func() []*os.File { return []*os.File{pipeEnd(t)} }, "reply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t)
			f := all(nil)
			l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{})
			done := make(chan error, 1)
			go func() {
				v, err := call[everything, everything](t.Context(), l, f, everything{}, nil)
				if v.C != nil {
					v.C.Close()
				}
				v.F.Close()
				done <- err
			}()
			r.until(frame.Open, frame.CallFunction)
			files := c.files()
			r.message(1, frame.Reply, c.payload, files...)
			closeAll(files)
			err := <-done
			if c.rule == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if rule := ends(t, l); rule != c.rule {
				t.Fatalf("rule %q: %v", rule, err)
			}
		})
	}
}

// TestFilesThatCannotBeOpened: what becomes of a file meanwhile, or does not fit into this process,
// is the failure of the call that it is an argument of. The link lives on.
func TestFilesThatCannotBeOpened(t *testing.T) {
	for name, c := range map[string]struct {
		size, claimed int64
		seals         int
		is            error // of the call; nil: it is read
		says          string
	}{
		"a file that shrank":              {5, 10, 0, container.ErrShrunk, "everything.C: open a container: the handle of 10 bytes at 0 is of a file of 5 bytes"},
		"a file beyond all addresses":     {1 << 62, 1 << 62, 0, nil, ""},
		"memory beyond all addresses":     {1 << 62, 1 << 62, allSeals, unix.ENOMEM, "everything.C: open a container: map 4611686018427387904 bytes"},
		"a file that is as large as said": {5, 5, 0, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			f := all(func(_ context.Context, a everything) (everything, error) {
				_, err := a.C.ReadAt(make([]byte, 1), c.claimed-1)
				return everything{}, err
			})
			l, r := greeted(t, mux.WorkerSide, []*Function{f}, Config{})
			file := memory(t, 0, 0)
			if err := file.Truncate(c.size); err != nil {
				t.Fatal(err)
			}
			if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, c.seals); err != nil {
				t.Fatal(err)
			}
			r.open(1, frame.CallFunction, callOf("all", 0, part{Field: fieldC, Kind: partContainer, Size: c.claimed, Stream: 1, Immutable: c.seals != 0}), file)
			file.Close()
			if c.is == nil {
				r.until(frame.Message, frame.Reply)
				return
			}
			_, payload := r.until(frame.Message, frame.Error)
			fail, err := l.decodeFailure(payload)
			if err != nil || fail.Code != CodeReturned || !errors.Is(fail, c.is) || !strings.Contains(fail.Message, c.says) {
				t.Errorf("%+v, %v", fail, err)
			}
			if l.Err() != nil {
				t.Error(l.Err())
			}
		})
	}
}

// TestFilesWhereNoneMayBe: they are closed, and the link ends.
func TestFilesWhereNoneMayBe(t *testing.T) {
	for name, send := range map[string]func(r *raw, f ...*os.File){
		"with ERROR": func(r *raw, f ...*os.File) { r.message(1, frame.Error, nil, f...) },
		"with BULK":  func(r *raw, f ...*os.File) { r.open(2, frame.Bulk, nil, f...) },
		"with a log record": func(r *raw, f ...*os.File) {
			r.frame(frame.Header{Kind: frame.Message, Handle: frame.ForwardLog}, mustBytes(&recordPlan, Record{Attrs: []Attr{}}), f...)
		},
		"with ITEM": func(r *raw, f ...*os.File) {
			r.open(2, frame.Bulk, nil)
			r.message(2, frame.Item, nil, f...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			f := all(nil)
			l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{Log: func(Record) {}})
			go call[everything, everything](t.Context(), l, f, everything{}, nil)
			r.until(frame.Open, frame.CallFunction)
			p := pipeEnd(t)
			send(r, p)
			p.Close()
			if rule := ends(t, l); rule != "fds" {
				t.Fatalf("rule %q: %v", rule, l.Err())
			}
		})
	}
	t.Run("more than may wait", func(t *testing.T) {
		nothingLeft(t)
		l, r := greeted(t, mux.ManagerSide, nil, Config{})
		var files []*os.File
		for range mux.MaxPendingFDs + 1 {
			files = append(files, pipeEnd(t))
		}
		r.write([]byte{0}, files...)
		closeAll(files)
		if rule := ends(t, l); rule != "fds" {
			t.Fatalf("rule %q: %v", rule, l.Err())
		}
	})
	t.Run("fewer than the header says", func(t *testing.T) {
		nothingLeft(t)
		f := all(nil)
		l, r := greeted(t, mux.ManagerSide, []*Function{f}, Config{})
		go call[everything, everything](t.Context(), l, f, everything{}, nil)
		r.until(frame.Open, frame.CallFunction)
		b := replyOf(part{Field: fieldF, Kind: partFile})
		h := frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End, Length: uint32(len(b)), FDs: 1}
		r.write(append(h.Append(nil), b...))
		if rule := ends(t, l); rule != "fds" {
			t.Fatalf("rule %q: %v", rule, l.Err())
		}
	})
}

// TestFilesOfCallsThatDoNotRun: what a function was not given is closed for it.
func TestFilesOfCallsThatDoNotRun(t *testing.T) {
	ran := make(chan *os.File, 1)
	f := all(func(ctx context.Context, a everything) (everything, error) { ran <- a.F; return everything{}, nil })
	filePart, bytesPart := part{Field: fieldF, Kind: partFile}, part{Field: fieldData, Kind: partBytes, Stream: 1, Size: 10}
	for name, do := range map[string]func(l *Link, r *raw, p *os.File){
		"unknown": func(_ *Link, r *raw, p *os.File) {
			r.open(1, frame.CallFunction, callOf("none", 0, filePart), p)
			r.until(frame.Message, frame.Error)
		},
		"a part that failed": func(_ *Link, r *raw, p *os.File) {
			r.open(1, frame.Bulk, nil)
			r.open(3, frame.CallFunction, callOf("all", 0, bytesPart, filePart), p)
			r.reset(1)
			r.until(frame.Message, frame.Error)
		},
		"cancelled before all was there": func(_ *Link, r *raw, p *os.File) {
			r.open(1, frame.Bulk, nil)
			r.open(3, frame.CallFunction, callOf("all", 0, bytesPart, filePart), p)
			r.reset(3)
			r.data(1, make([]byte, 10), frame.End)
			r.until(frame.Reset, 0)
		},
		"the end of the link": func(l *Link, r *raw, p *os.File) {
			r.open(1, frame.Bulk, nil)
			r.open(3, frame.CallFunction, callOf("all", 0, bytesPart, filePart), p)
			r.control(frame.Ping, nil)
			r.until(frame.Message, frame.Pong)
			l.Fail(errors.New("enough"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			l, r := greeted(t, mux.WorkerSide, []*Function{f}, Config{})
			p := pipeEnd(t)
			do(l, r, p)
			p.Close()
			l.Close()
			if len(ran) > 0 {
				(<-ran).Close()
				t.Error("the function ran")
			}
		})
	}
}
