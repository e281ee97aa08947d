package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/sandbox"
)

// containersLoad shares containers, mapped and paged ones, and gives some as arguments.
type containersLoad struct{}

func (containersLoad) name() string          { return "containers" }
func (containersLoad) length() time.Duration { return 5 * time.Second }

// LookArgs are the arguments of Look.
type LookArgs struct {
	Runs, ID string
	Name     string              // of a shared container; empty: Data
	Data     container.Container // always given, as one that is not cannot cross
	Off, N   int64
	Pattern  []byte
}

// LookReply is what Look returns.
type LookReply struct {
	Part  [sha256.Size]byte // of the N bytes at Off
	All   [sha256.Size]byte
	First int64 // where the pattern is
}

// Look reads a container in all ways.
var Look = outwork.Func("chaos.look", func(ctx context.Context, a LookArgs) (r LookReply, err error) {
	if err := noted(ctx, a.Runs, a.ID); err != nil {
		return r, err
	}
	c := a.Data
	if a.Name != "" {
		if c, err = outwork.Shared(ctx, a.Name); err != nil {
			return r, err
		}
		defer c.Close()
	}
	return look(ctx, c, a)
})

func look(ctx context.Context, c container.Container, a LookArgs) (r LookReply, err error) {
	b := make([]byte, a.N)
	if _, err := container.ReadAt(ctx, c, b, a.Off); err != nil {
		return r, err
	}
	r.Part = sha256.Sum256(b)
	if r.First, err = container.Find(ctx, c, a.Pattern, 0); err != nil {
		return r, err
	}
	r.All, err = container.SHA256(ctx, c)
	return r, err
}

func (l containersLoad) round(ctx context.Context, e *env) error {
	const size = 2 << 20
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(e.rand.Uint32())
	}
	m := &outwork.Manager{Stdout: io.Discard, Stderr: io.Discard, Hops: near, Grace: time.Second}
	defer m.Close()
	spooled, err := container.FromReader(bytes.NewReader(b))
	if err != nil {
		return nil // there is no file descriptor
	}
	defer spooled.Close()
	live := container.FromReaderAt(bytes.NewReader(b), size, container.Live{})
	defer live.Close()
	for name, c := range map[string]container.Container{"mapped": spooled, "live": live} {
		if err := m.Share(name, c); err != nil {
			return err
		}
	}
	sum := sha256.Sum256(b)
	seats := []*seat{
		{m: m, target: outwork.Target{Limits: sandbox.Limits{Grace: time.Second}}},
		{m: m, target: outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}}, marked: true},
		{m: m, target: outwork.Target{Host: "near://", Limits: sandbox.Limits{Grace: time.Second}}},
	}
	held := container.FromBytes(b)
	defer held.Close() // what it was passed as is sealed memory, which stays open
	given := []container.Container{spooled, live, held}
	return e.crowd(ctx, m, 4, func(ctx context.Context, r *rand.Rand) {
		s := seats[r.IntN(len(seats))]
		w, err := s.worker(ctx, e, r)
		if err != nil {
			return
		}
		a := LookArgs{Runs: s.runsNote(e), Name: []string{"", "mapped", "live"}[r.IntN(3)], Data: given[r.IntN(len(given))]}
		a.Off = r.Int64N(size)
		a.N = r.Int64N(min(size-a.Off, 256<<10) + 1)
		at := r.Int64N(size - 64)
		a.Pattern = b[at : at+16]
		l.look(ctx, e, r, w, a, LookReply{sha256.Sum256(b[a.Off : a.Off+a.N]), sum, int64(bytes.Index(b, a.Pattern))})
	})
}

func (containersLoad) look(ctx context.Context, e *env, r *rand.Rand, w *outwork.Worker, a LookArgs, want LookReply) {
	try(ctx, e, r, entry{what: "look at " + a.Name}, func(id string) LookArgs {
		a.ID = id
		return a
	}, func(ctx context.Context, a LookArgs) (LookReply, error) {
		return Look.Call(ctx, w, a)
	}, func(_ string, got LookReply) error {
		if got != want {
			return fmt.Errorf("%x, want %x", got, want)
		}
		return nil
	})
}
