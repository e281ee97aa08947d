package boot

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Program is a binary to get running on hosts of one platform. It is read, hashed and
// compressed once, each when that is first needed. It is safe for concurrent use.
type Program struct {
	os, arch string
	open     func() (io.ReadCloser, error)

	hash func(context.Context) (content, error)
	pack func(context.Context) ([]byte, error)
}

// content tells a program from every other.
type content struct {
	hash string // SHA-256 in hex
	size int64  // bytes
}

// NewProgram is what open reads, for a platform as Go names it. open may be called
// more than once, and gives the same bytes each time.
func NewProgram(goos, goarch string, open func() (io.ReadCloser, error)) *Program {
	p := &Program{os: goos, arch: goarch, open: open}
	p.hash = once(p.sum)
	p.pack = once(p.compress)
	return p
}

// once does the work when it is first needed. Who begins does it, and the others wait; work
// that was given up with its context is begun anew by the next.
func once[T any](work func(context.Context) (T, error)) func(context.Context) (T, error) {
	var mu sync.Mutex // guards the others
	var done bool
	var value T
	var err error
	var under chan struct{} // closed when the work is over; nil: none is under way
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		for under != nil {
			over := under
			mu.Unlock()
			select {
			case <-over:
			case <-ctx.Done():
			}
			mu.Lock()
			if ctx.Err() != nil {
				var none T
				return none, ctx.Err()
			}
		}
		if done {
			return value, err
		}
		under = make(chan struct{}) // not before: it is of the test's bubble that it is made in
		mu.Unlock()
		v, failed := work(ctx)
		mu.Lock()
		close(under)
		under = nil
		if done = failed == nil || ctx.Err() == nil; done {
			value, err = v, failed
		}
		return v, failed
	}
}

// Self is the program that runs here. All managers of a process share it, and so what was
// hashed and compressed.
var Self = sync.OnceValue(func() *Program {
	return NewProgram(runtime.GOOS, runtime.GOARCH, func() (io.ReadCloser, error) {
		path, err := executable()
		if err != nil {
			return nil, err
		}
		return os.Open(path)
	})
})

// executable is this program, also if its file was replaced.
func executable() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// read hands a reader of the program to use, which fails when ctx has ended.
func (p *Program) read(ctx context.Context, use func(io.Reader) error) error {
	r, err := p.open()
	if err != nil {
		return err
	}
	return errors.Join(use(heeding{ctx, r}), r.Close())
}

// heeding is a reader until its context ends.
type heeding struct {
	ctx context.Context
	r   io.Reader
}

// Read is of io.Reader.
func (h heeding) Read(b []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	return h.r.Read(b)
}

func (p *Program) sum(ctx context.Context) (c content, err error) {
	h := sha256.New()
	err = p.read(ctx, func(r io.Reader) error {
		c.size, err = io.Copy(h, r)
		return err
	})
	c.hash = hex.EncodeToString(h.Sum(nil))
	return c, err
}

// compress makes what is uploaded. Of the levels, the fastest is a tenth larger than
// the usual one, and takes a quarter of its time.
func (p *Program) compress(ctx context.Context) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	err = p.read(ctx, func(r io.Reader) error {
		_, err := io.Copy(z, r)
		return err
	})
	if err := errors.Join(err, z.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// plain is the program as it is.
func (p *Program) plain(ctx context.Context) (b []byte, err error) {
	err = p.read(ctx, func(r io.Reader) error {
		b, err = io.ReadAll(r)
		return err
	})
	return b, err
}

// Binaries are programs for other platforms, in files named outwork-GOOS-GOARCH. They
// are safe for concurrent use, and remember what they have read.
type Binaries struct {
	files fs.FS

	mu    sync.Mutex
	known map[string]*Program
}

// NewBinaries are the binaries among files.
func NewBinaries(files fs.FS) *Binaries { return &Binaries{files: files} }

// BinaryName is the name of the file for a platform.
func BinaryName(goos, goarch string) string { return "outwork-" + goos + "-" + goarch }

// find is the program for a platform; nil if there is none.
func (b *Binaries) find(goos, goarch string) (*Program, error) {
	if b == nil {
		return nil, nil
	}
	name := BinaryName(goos, goarch)
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.known[name]; p != nil {
		return p, nil
	}
	info, err := fs.Stat(b.files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	if err != nil {
		return nil, err
	}
	p := NewProgram(goos, goarch, func() (io.ReadCloser, error) { return b.files.Open(name) })
	if b.known == nil {
		b.known = map[string]*Program{}
	}
	b.known[name] = p
	return p, nil
}

// systems and machines are Go's names of what uname says.
var (
	systems = map[string]string{
		"Linux": "linux", "Darwin": "darwin", "FreeBSD": "freebsd", "NetBSD": "netbsd", "OpenBSD": "openbsd",
	}
	machines = map[string]string{
		"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "riscv64": "riscv64",
		"i386": "386", "i486": "386", "i586": "386", "i686": "386", "i86pc": "386",
		"armv5tel": "arm", "armv6l": "arm", "armv7l": "arm", "armv8l": "arm",
		"ppc64le": "ppc64le", "ppc64": "ppc64", "s390x": "s390x", "loongarch64": "loong64",
	}
)

// platform is what uname calls system and machine, as Go does. What Go does not know
// stays as it is.
func platform(system, machine string) (goos, goarch string) {
	goos, goarch = strings.ToLower(system), machine
	if s, ok := systems[system]; ok {
		goos = s
	}
	if m, ok := machines[machine]; ok {
		goarch = m
	}
	return goos, goarch
}

// program is the one for a platform.
func (o *Options) program(goos, goarch string) (*Program, error) {
	if o.Program != nil && o.Program.os == goos && o.Program.arch == goarch {
		return o.Program, nil
	}
	p, err := o.Binaries.find(goos, goarch)
	if err != nil {
		return nil, fmt.Errorf("the binary for %s/%s: %w", goos, goarch, err)
	}
	if p == nil {
		return nil, fmt.Errorf("it is %s/%s, and there is no %s: build one with: outwork build-agents --out DIR, and use it with: --binaries DIR", goos, goarch, BinaryName(goos, goarch))
	}
	return p, nil
}

// Touch is for an agent at its start, and does nothing in other processes: it marks the
// cached binary as used, so that it is not pruned.
func Touch() error {
	path, err := os.Executable()
	if err != nil || !cached(path) {
		return err
	}
	now := time.Now()
	return os.Chtimes(path, now, now)
}

// cached reports whether path is that of a program in a cache: …/outwork/outwork-HASH
// or …/outwork-UID/outwork-HASH.
func cached(path string) bool {
	dir, file := filepath.Split(path)
	hash, ok := strings.CutPrefix(file, "outwork-")
	if sum, err := hex.DecodeString(hash); !ok || err != nil || len(sum) != sha256.Size {
		return false
	}
	dir = filepath.Base(dir)
	return dir == "outwork" || strings.HasPrefix(dir, "outwork-")
}
