package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"github.com/outwork-go/outwork/cmd/outwork/internal/each"
	"github.com/outwork-go/outwork/container"
)

// What the script may emit for one file.
const (
	maxEmitted      = 1000     // files
	maxEmittedBytes = 64 << 20 // bytes in all of them
	maxEmittedName  = 200      // bytes of a name
)

// outFolder is where scripts' files go. It is safe for concurrent use.
type outFolder struct {
	root  *os.Root
	quota int64
	used  atomic.Int64 // bytes
}

func openOut(dir string, quota int64) (*outFolder, error) {
	err := os.MkdirAll(dir, 0o777)
	if err != nil {
		return nil, usage("--out %s: cannot make the folder: %v", dir, bare(err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, usage("--out %s: %v", dir, bare(err))
	}
	return &outFolder{root: root, quota: quota}, nil
}

// take counts n bytes against the quota.
func (o *outFolder) take(n int64) error {
	if o.used.Add(n) > o.quota {
		o.used.Add(-n)
		return fmt.Errorf("all files together have emitted the %s that --out-quota allows", size(float64(o.quota)))
	}
	return nil
}

// emitting is what one file has emitted in one attempt. It gets its names when the file is done:
// what an attempt leaves that was the end of its worker is taken away.
type emitting struct {
	mu     sync.Mutex // guards what follows
	out    *outFolder // nil: nothing may be emitted
	file   container.Container
	folder string          // "": nothing was emitted yet
	taken  map[string]bool // names, in lower case: some file systems know no other
	bytes  int64
	done   []*emittedPart
	part   *emittedPart

	unfinished int64 // of bytes, those of part
}

// emittedPart is a file that has no name yet, and of which more may be to come.
type emittedPart struct {
	said string // its name, as the script said it
	name string // its path below out
	tmp  string
	f    *os.File
}

var errEmitLate = errors.New("the file is done")

// begin lets c emit files to out.
func (t *emitting) begin(out *outFolder, c container.Container) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out, t.file = out, c
}

// take writes a file, or a part of one.
func (t *emitting) take(ctx context.Context, e *each.Emission) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out == nil {
		return errEmitLate
	}
	p := t.part
	if p != nil && p.said != e.Name {
		return fmt.Errorf("%q has begun and not ended", p.said)
	}
	err := t.room(int64(len(e.Bytes)))
	if err == nil && p == nil {
		p, err = t.create(ctx, e.Name)
		t.part = p
	}
	if err == nil {
		if _, err = p.f.Write(e.Bytes); err == nil && !e.More {
			err = t.finish()
		}
	}
	if err != nil {
		t.drop()
	}
	return emitError(err)
}

// room makes sure that n bytes more may be emitted, and counts them.
func (t *emitting) room(n int64) error {
	switch {
	case t.part == nil && len(t.done) >= maxEmitted:
		return fmt.Errorf("a file may emit %d files", maxEmitted)
	case t.bytes+n > maxEmittedBytes:
		return fmt.Errorf("a file may emit %d MiB", maxEmittedBytes>>20)
	}
	err := t.out.take(n)
	if err == nil {
		t.bytes, t.unfinished = t.bytes+n, t.unfinished+n
	}
	return err
}

// create makes a new file beside that which it is to be.
func (t *emitting) create(ctx context.Context, said string) (*emittedPart, error) {
	if t.folder == "" {
		sum, err := container.SHA256(ctx, t.file)
		if err != nil {
			return nil, err
		}
		folder := hex.EncodeToString(sum[:])
		if err := t.out.root.Mkdir(folder, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		t.folder, t.taken = folder, map[string]bool{}
	}
	p := &emittedPart{said: said, name: path.Join(t.folder, t.free(safeName(said))), tmp: path.Join(t.folder, ".outwork-"+rand.Text())}
	f, err := t.out.root.OpenFile(p.tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	p.f = f
	if err != nil {
		return nil, err
	}
	return p, nil
}

// free is name, or, if the attempt has a file of that, name with a number.
func (t *emitting) free(name string) string {
	ext := extension(name)
	for n := 1; ; n++ {
		try := name
		if n > 1 {
			try = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
		}
		if key := strings.ToLower(try); !t.taken[key] {
			t.taken[key] = true
			return try
		}
	}
}

// finish is for a file that is whole.
func (t *emitting) finish() error {
	if err := t.part.f.Close(); err != nil {
		return err
	}
	t.done = append(t.done, t.part)
	t.part, t.unfinished = nil, 0
	return nil
}

// drop takes away what was not finished, which does not count.
func (t *emitting) drop() {
	t.out.used.Add(-t.unfinished)
	t.bytes, t.unfinished = t.bytes-t.unfinished, 0
	if t.part != nil {
		t.part.f.Close()
		_ = t.out.root.Remove(t.part.tmp) // it may be there no more
		t.part = nil
	}
}

// end ends the attempt, and is what was emitted. When the file is not done, nothing was, and
// what lies there is taken away before another may have its room.
func (t *emitting) end(done bool) (list []string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out == nil {
		return nil, nil
	}
	t.drop()
	for _, p := range t.done {
		if done && err == nil {
			err = t.out.root.Rename(p.tmp, p.name)
		}
		if !done || err != nil {
			_ = t.out.root.Remove(p.tmp) // it may be there no more
			continue
		}
		list = append(list, p.name)
	}
	if !done {
		t.out.used.Add(-t.bytes)
	}
	t.out = nil
	return list, emitError(err)
}

// emitError is err without what the script need not know of this machine.
func emitError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("cannot write the file: %w", e.Err)
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("cannot write the file: %w", e.Err)
	}
	return err
}

// safeName is a name that a file can have everywhere, and that nobody mistakes: without
// separators, control and invisible characters, and a dot at its beginning.
func safeName(said string) string {
	var b strings.Builder
	for _, r := range said {
		if r == '/' || r == '\\' || r == ':' || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			r = '_'
		}
		b.WriteRune(r)
	}
	name := strings.TrimRight(b.String(), " .") // which Windows drops
	if strings.HasPrefix(name, ".") || name == "" {
		name = "_" + strings.TrimLeft(name, ".")
	}
	if len(name) <= maxEmittedName {
		return name
	}
	ext := extension(name)
	return strings.ToValidUTF8(name[:maxEmittedName-len(ext)], "") + ext
}

// extension is what a name ends with, if that is short.
func extension(name string) string {
	const longest = 16 // bytes
	if ext := path.Ext(name); len(ext) <= longest && ext != name {
		return ext
	}
	return ""
}
