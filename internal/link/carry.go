package link

import (
	"context"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// A container in a result, or in the argument of a call back, is carried where no file
// descriptor crosses: all of its bytes travel on a BULK stream.

// carries reports whether a container may arrive here as its bytes, in an argument or
// else a result.
func (c *Config) carries(argument bool) bool {
	return c.NoFiles && !c.Service && (!argument || c.Side == mux.ManagerSide)
}

// carry makes cont what up sends.
func (up *lifted) carry(ctx context.Context, cont container.Container) (*part, *os.File, error) {
	size := cont.Size()
	switch {
	case !cont.Immutable() && up.l.cfg.Side == mux.WorkerSide:
		return nil, nil, errMutable
	case !cont.Immutable():
		return nil, nil, fmt.Errorf("a container that may change stays here as an argument, but not as a result (container.FromReader makes a sealed copy): %w", container.ErrMutable)
	case size < 0 || size > MaxCarried:
		return nil, nil, fmt.Errorf("a container of %d bytes, more than the %d of one that travels as its bytes: %w", size, MaxCarried, errNoFiles)
	}
	view, err := cont.Slice(0, size)
	if err != nil {
		return nil, nil, err
	}
	up.reader, up.carried = &carrier{c: view, size: size}, true
	if err := up.open(ctx); err != nil {
		view.Close()
		return nil, nil, err
	}
	return &part{Kind: partCarried, Size: size, Immutable: true, Inline: []byte{}}, nil, nil
}

// carrier reads a container: all of its bytes, or an error. Close may be called while
// Read runs.
type carrier struct {
	c        container.Container
	at, size int64
}

func (r *carrier) Read(p []byte) (int, error) {
	left := r.size - r.at
	if left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), left)]
	if err := readAll(r.c, p, r.at); err != nil {
		return 0, err
	}
	r.at += int64(len(p))
	return len(p), nil
}

func (r *carrier) Close() error { return r.c.Close() }

// unload takes up a container whose bytes come on a stream.
func (ls *landings) unload(c *codec.Crossing, p *part) error {
	if p.Size < 0 || p.Size > MaxCarried || p.Offset != 0 || !p.Immutable || len(p.Inline) > 0 {
		return frame.Violated("reply", "container %s of %d bytes comes as its bytes, and does not", c.Name, p.Size)
	}
	return ls.stream(c, p)
}

// unloaded sets the container at c, all of whose bytes are there.
func (ls *landings) unloaded(c *codec.Crossing, b []byte) {
	cont := container.FromBytes(b)
	c.Of(ls.value).Set(reflect.ValueOf(cont))
	ls.keep(func() { ls.containers = append(ls.containers, cont) }, cont)
}
