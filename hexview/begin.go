package hexview

import (
	"context"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/layout"
)

// structureTime is how long Begin waits for the structures of a file.
const structureTime = 5 * time.Second

// Begin starts a worker for Show, at t, and has it read the structures of c, for
// Options.Structure. What is no PE or ELF, cannot be read as one, or takes longer than
// five seconds has none, which is no error. How the worker is confined is what t says. The
// caller closes it.
func Begin(ctx context.Context, m *outwork.Manager, t outwork.Target, c container.Container) (*outwork.Worker, []layout.Node, error) {
	w, err := m.Begin(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	if err := w.Ready(ctx); err != nil { // a worker that cannot be had is not the file's doing
		w.Close()
		return nil, nil, err
	}
	r, err := inspect.In(ctx, w, c, inspect.Options{Timeout: structureTime})
	if err == nil {
		return w, r.Structure, nil
	}
	w.Close() // what goes on in it ends
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	w, err = m.Begin(ctx, t)
	return w, nil, err
}
