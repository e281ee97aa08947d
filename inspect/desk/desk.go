// Package desk is where scripts' workers that cannot parse files themselves have that done
// by their manager, if it lets them: outwork.inspect of Python asks here. The parse runs in
// a worker of the manager's own, within a time limit (inspect.In).
package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
)

// back is what a worker calls, where it is granted ([Desk.Grant]), to have a container
// parsed.
var back = outwork.Declare[question, reply]("outwork.inspect.back")

// question is what a worker wants to be parsed: a part of a container that its manager shares,
// or bytes of its own.
type question struct {
	Name      string // that the container is shared under; empty: Bytes are parsed
	Bytes     []byte
	Offset    int64 // of the part, in the container or Bytes
	Length    int64 // bytes of the part
	Deep      bool  // as inspect.Options have it
	Structure bool  // the report is to have its structure
}

// reply is an inspect.Report as JSON.
type reply struct{ Report []byte }

// Desk has containers parsed for workers, in a worker of its own, one after another. Its
// fields are not changed once it grants. It ends with its manager.
type Desk struct {
	Manager *outwork.Manager // starts the worker that parses, on this machine
	Timeout time.Duration    // of a parse; 0: inspect.DefaultTimeout

	// Find is what is shared under a name with the workers that are granted. It stays
	// the finder's to close. An error is what the worker gets.
	Find func(name string) (container.Container, error)

	once   sync.Once
	turn   chan struct{}   // holds a token while a container is parsed
	worker *outwork.Worker // of who has the token; nil: none is there
}

// Grant is for call.WithGrants: what a worker then calls is outwork.inspect.back.
func (d *Desk) Grant() outwork.AnyFunction { return back.Bind(d.answer) }

func (d *Desk) answer(ctx context.Context, a question) (reply, error) {
	c, err := d.part(a)
	if err != nil {
		return reply{}, err
	}
	defer c.Close()
	r, err := d.parse(ctx, c, inspect.Options{Deep: a.Deep, Timeout: d.Timeout})
	if err != nil {
		return reply{}, err
	}
	if !a.Structure {
		r.Structure = nil
	}
	text, err := json.Marshal(r)
	if len(text) > inspect.MaxReport {
		return reply{}, fmt.Errorf("the report has %d bytes as JSON, and %d at most", len(text), inspect.MaxReport)
	}
	return reply{text}, err
}

// part is what is to be parsed. It must be closed.
func (d *Desk) part(a question) (container.Container, error) {
	if a.Name == "" {
		c := container.FromBytes(a.Bytes)
		defer c.Close()
		return c.Slice(a.Offset, a.Length)
	}
	if len(a.Bytes) > 0 {
		return nil, errors.New("parse a shared container or bytes, not both")
	}
	c, err := d.Find(a.Name)
	if err != nil {
		return nil, err
	}
	return c.Slice(a.Offset, a.Length)
}

// parse parses c in the worker, when it is its turn. A worker that does not answer well is
// not asked again.
func (d *Desk) parse(ctx context.Context, c container.Container, o inspect.Options) (*inspect.Report, error) {
	d.once.Do(func() { d.turn = make(chan struct{}, 1) })
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-d.turn }()
	if d.worker == nil {
		w, err := d.Manager.Start(ctx, outwork.Target{Name: "inspect"})
		if err != nil {
			return nil, err
		}
		d.worker = w
	}
	r, err := inspect.In(ctx, d.worker, c, o)
	if err != nil {
		d.worker.Close()
		d.worker = nil
	}
	return r, err
}
