package outwork

import (
	"context"
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
)

// Shared, in a worker, is the container that the manager shares under name.
// Close it when it is no longer needed. The error for an unknown name lists
// those that there are, and matches fs.ErrNotExist.
//
// Where no file descriptor crosses, as to another machine, more than 32 KiB stay at
// the manager, and a live source (container.FromReaderAt) does everywhere: what is read
// of them is asked for, ahead of who reads on, and kept, 64 MiB in a process; searches,
// counts, hashes and comparisons run there (package container's functions that take a
// context end with it). Bytes and View read up to 64 MiB into memory. The bytes of a file
// or a live source may be up to a second older than what is in it, never older than this
// call of Shared. When the link ends, reads fail.
func Shared(ctx context.Context, name string) (container.Container, error) {
	in := link.From(ctx)
	if in == nil {
		return nil, fmt.Errorf("shared %q: %w", name, link.ErrOutside)
	}
	return in.Link().Shared(ctx, name)
}

// back is where a call came from, as call.Back returns it.
type back struct{ in *link.Incoming }

func init() { hook.Back = func(ctx context.Context) any { return back{link.From(ctx)} } }

func (b back) call(ctx context.Context, f *link.Function, args any) (any, error) {
	if b.in == nil {
		return nil, fmt.Errorf("%s: %w", f.Name, link.ErrOutside)
	}
	v, err := b.in.Back(ctx, f, args)
	if fail, ok := errors.AsType[*link.Failure](err); ok {
		return nil, remote(fail, f.Name, "", "")
	}
	if err != nil {
		return nil, &callError{f.Name, "", "", err}
	}
	return v, nil
}
