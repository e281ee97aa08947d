package main

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// disks fills a small one: where a load has its files, the daemon its records, or a machine its users'
// homes.
type disks struct{}

func (disks) name() string { return "disks" }
func (disks) weight() int  { return 2 }

// fill is the file that fills a disk.
const fill = "chaos-fill"

func (disks) strike(ctx context.Context, r *rand.Rand, f *field, tell func(string)) error {
	dirs := []string{auditDir}
	for _, c := range f.children {
		if c.what != "daemon" {
			dirs = append(dirs, filepath.Join("/tmp", c.what))
		}
	}
	for _, m := range f.machines {
		dirs = append(dirs, m.Path("/home/deploy"))
	}
	dir := dirs[r.IntN(len(dirs))]
	name := filepath.Join(dir, fill)
	w, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil // it is full
	}
	tell(dir)
	io.Copy(w, zeros{})
	w.Close()
	hold(ctx, r, 100*time.Millisecond, 3*time.Second)
	return os.Remove(name)
}

// zeros never end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// caches empties that of a machine, from which agents are started.
type caches struct{}

func (caches) name() string { return "caches" }
func (caches) weight() int  { return 1 }

func (caches) strike(_ context.Context, r *rand.Rand, f *field, tell func(string)) error {
	m := f.machines[r.IntN(len(f.machines))]
	tell(m.Host)
	return os.RemoveAll(m.Path("/home/deploy/.cache"))
}
