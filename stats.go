package outwork

import (
	"context"
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/link"
)

// Stats is what was done so far with each container that the worker has asked for. It asks
// the worker, and when that does not answer it returns what this process knows, with the
// error: a worker in Python, or whose program has an older version of this module, does not
// count (errors.ErrUnsupported).
func (w *Worker) Stats(ctx context.Context) ([]container.Use, error) {
	uses, err := w.link.Uses(ctx)
	if f, ok := errors.AsType[*link.Failure](err); ok && f.Code == link.CodeUnknown {
		err = fmt.Errorf("statistics of %s: it does not count: %w", w.place(), errors.ErrUnsupported)
	} else if err != nil {
		err = callFailure(ctx, w, "outwork.stats", err)
	}
	var all []container.Use
	index := map[uint64]int{}
	for _, u := range uses {
		index[u.Share] = len(all)
		all = append(all, container.Use{Name: u.Name, Paged: u.Paged, Worker: u.Stats})
	}
	for _, s := range w.link.Served() {
		i, ok := index[s.Share]
		if !ok {
			i = len(all)
			all = append(all, container.Use{Name: s.Name, Paged: true})
		}
		all[i].Manager = container.Served{
			Reads: s.Reads, Bytes: s.Bytes, Searches: s.Searches, Searched: s.Searched,
			Hashes: s.Hashes, Hashed: s.Hashed, Refused: s.Refused,
		}
	}
	return all, err
}
