package inspect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/layout"
)

// DefaultTimeout is how long a parse in a worker may take where Options do not say it.
const DefaultTimeout = 30 * time.Second

// MaxReport bounds a Report that crosses, in bytes: what does not fit is left out, with a
// warning. It is below what a message may have, for this is an estimate.
const MaxReport = 12 << 20

// ErrTimeout says that a parse took longer than it may. It matches
// context.DeadlineExceeded too.
var ErrTimeout = fmt.Errorf("the parse took longer than it may: %w", context.DeadlineExceeded)

// callArgs is a container and how to read it.
type callArgs struct {
	Container container.Container
	Deep      bool
	Brief     bool
}

// function is what In calls. A program that has a worker call In of another program must
// import this package there too.
var function = outwork.Func("outwork.inspect", func(ctx context.Context, a callArgs) (Report, error) {
	r, err := Parse(ctx, a.Container, Options{Deep: a.Deep, Brief: a.Brief})
	if err != nil {
		return Report{}, err
	}
	r.fit(MaxReport)
	r.Stats = container.StatsOf(a.Container)
	return *r, nil
})

// In reads c in a worker, as Parse does here, within Options.Timeout. Its program must be
// this one, or import this package. Errors are those of a call; when the time is over,
// the error matches ErrTimeout.
//
// The worker is the caller's, and so is how it is held. Files that may be hostile are for one
// with a Target.Sandbox: sandbox.Strict is enough for every container, whose bytes come
// by descriptors that this process has opened, or by its answers.
//
// In returns when the time is over, and does not wait for the parse, which looks at its
// context at every read of the container. One that goes on all the same, as it may in what
// Options.Deep has others do, is the end of a worker with a Sandbox or Limits.Grace, when the
// grace is over: calls that it had at that time fail with lost.Overdue. In a plain one
// it keeps a processor and its memory busy ([outwork.Worker.Busy] tells) until that is closed:
// whoever reads hostile files there closes a worker whose parse timed out, and starts another.
func In(ctx context.Context, w outwork.Callee, c container.Container, o Options) (*Report, error) {
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := function.Call(limited, w, callArgs{c, o.Deep, o.Brief})
	switch {
	case err == nil:
		return &r, nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil, fmt.Errorf("inspect: %w (%v)", ErrTimeout, timeout)
	}
	return nil, fmt.Errorf("inspect: %w", err)
}

// What the parts of a report take as CBOR besides their text, in bytes: the names of
// fields, and numbers.
const (
	reportRoom = 512
	factRoom   = 32
	symbolRoom = 80
	partRoom   = 96 // a section, or a node
)

// fit leaves out of the report what does not fit into n bytes as CBOR, with a warning. What
// matters least to people is left out first.
func (r *Report) fit(n int) {
	n -= reportRoom + len(r.Format) + len(r.Kind) + len(r.Machine)
	whole := true
	r.Warnings = fitting(r.Warnings, &n, &whole, func(s string) int { return factRoom + len(s) })
	r.Facts = fitting(r.Facts, &n, &whole, func(f Fact) int { return factRoom + len(f.Name) + len(f.Value) })
	r.Sections = fitting(r.Sections, &n, &whole, func(s Section) int { return partRoom + len(s.Name) + len(s.Flags) })
	r.Imports = fitting(r.Imports, &n, &whole, func(l Library) int { return symbolRoom + len(l.Name) })
	for i := range r.Imports {
		l := &r.Imports[i]
		l.Symbols = fitting(l.Symbols, &n, &whole, Symbol.room)
	}
	r.Structure = fitting(r.Structure, &n, &whole, func(d layout.Node) int {
		return partRoom + len(d.Name) + len(d.Type) + len(d.Text) + len(d.Note)
	})
	r.Exports = fitting(r.Exports, &n, &whole, Symbol.room)
	r.Symbols = fitting(r.Symbols, &n, &whole, Symbol.room)
	if !whole {
		r.warn("the report would have more than %d MiB: the rest is left out", MaxReport>>20)
	}
}

func (s Symbol) room() int { return symbolRoom + len(s.Name) + len(s.Version) + len(s.Forward) }

// fitting is the beginning of list that fits into *left bytes, which it takes away. When
// that is not all, *whole becomes false.
func fitting[T any](list []T, left *int, whole *bool, size func(T) int) []T {
	for i, part := range list {
		if *left -= size(part); *left < 0 {
			*left, *whole = 0, false
			return list[:i]
		}
	}
	return list
}
