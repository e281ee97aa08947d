// Package each is a worker's side of "outwork map": it loads a script in Starlark, and calls its
// main once for each file. What becomes of a file is told as soon as it is known, so that it is
// known which one was the end of the worker.
package each

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/script/starlark"
)

var (
	// Load loads the worker's script. It comes before all else.
	Load = outwork.Func("outwork.map.load", loadHere)

	// Batch does files in their order, and streams an outcome of each.
	Batch = outwork.Func("outwork.map.batch", batchHere)

	// One does one file, for which the script may be granted Emit.
	One = outwork.Func("outwork.map.file", oneHere)
)

// Emit is granted to a script that may emit files.
var Emit = outwork.Declare[Emission, Nothing]("outwork.emit")

type (
	// Script is what all files need.
	Script struct {
		Name, Source string
		Steps        uint64        // 0: the default
		Memory       int64         // bytes that the heap may grow by; 0: the default
		Timeout      time.Duration // of one file; 0: none
		Out          bool          // it may emit files
	}

	// Files are files that are done one after the other. Of small ones Bytes has them all; of
	// one that stays where it is the size is below zero: -1 is A, -2 is B, and so on.
	Files struct {
		Bytes                  []byte
		Sizes                  []int64
		A, B, C, D, E, F, G, H container.Container
	}

	// Large is a file.
	Large struct{ File container.Container }

	// Outcome is what became of a file.
	Outcome struct {
		File   int    // in a batch
		Value  []byte // the CBOR of an outwork.Value; nil: there is a Fault
		Fault  *Fault
		Output []byte // what the script printed, at most MaxOutput
		Cut    bool   // it printed more
		Time   time.Duration
		Memory int64 // bytes: the most that was resident at once in this worker
	}

	// Fault is why a file has no value, where its worker lives on.
	Fault struct{ Kind, Cause, Message, Traceback string }

	// Emission is a file that a script gives away, or a part of one: More follow.
	Emission struct {
		Name  string
		Bytes []byte
		More  bool
	}
)

// Larges are the fields for files that stay where they are: only such can hold a container.
func (f *Files) Larges() [MaxLarge]*container.Container {
	return [...]*container.Container{&f.A, &f.B, &f.C, &f.D, &f.E, &f.F, &f.G, &f.H}
}

// MaxLarge is how many of them go together.
const MaxLarge = 8

// file takes the next file, of that size.
func (f *Files) file(size int64) (container.Container, error) {
	if size < 0 {
		if i := ^size; i < MaxLarge && *f.Larges()[i] != nil {
			return *f.Larges()[i], nil
		}
		return nil, errors.New("the batch lacks a file")
	}
	if size > int64(len(f.Bytes)) {
		return nil, errors.New("the batch is shorter than its files")
	}
	c := container.FromBytes(f.Bytes[:size:size])
	f.Bytes = f.Bytes[size:]
	return c, nil
}

// Nothing is no result.
type Nothing struct{}

// Kinds and causes of faults.
const (
	KindScript  = "script"
	KindLimit   = "limit"
	KindTimeout = "timeout"

	CauseScript = "script"
	CauseTime   = "time"
	CauseSteps  = "steps"
	CauseMemory = "memory"
	CauseOutput = "output"
)

// Bounds of what a script says of one file, in bytes.
const (
	MaxOutput  = 64 << 10 // that is kept of what it prints
	maxPrinted = 1 << 20  // that it may print
	maxValue   = 15 << 20 // of its value, as it crosses
	MaxText    = 16 << 10 // of its error, and of its traceback
)

// loaded is the script of this worker.
var loaded atomic.Pointer[program]

type program struct {
	*starlark.Program
	Script
}

func loadHere(ctx context.Context, s Script) (Nothing, error) {
	p, err := starlark.Load(ctx, loadHost(ctx), starlark.Script{Name: s.Name, Source: []byte(s.Source)}, s.limits())
	if e, ok := errors.AsType[*starlark.Error](err); ok {
		return Nothing{}, traced{e}
	}
	if err == nil {
		loaded.Store(&program{p, s})
	}
	return Nothing{}, err
}

// traced is a script's error that crosses with its traceback.
type traced struct{ err *starlark.Error }

func (t traced) Error() string { return t.err.Error() }

// Unwrap has the caller know the end of its own context.
func (t traced) Unwrap() error { return t.err }

// Traceback is what the caller gets as the error's Stack.
func (t traced) Traceback() string { return t.err.Traceback }

func (s *Script) limits() starlark.Limits {
	return starlark.Limits{Steps: s.Steps, Memory: s.Memory}
}

// loadHost is this worker as the script sees it when it is loaded.
func loadHost(ctx context.Context) starlark.Host {
	h := starlark.WorkerHost(ctx, nil)
	h.Emit = func(context.Context, string, []byte) error {
		return errors.New("there is no file yet: call it in main")
	}
	return h
}

// host is this worker as the script sees it when it is called with a file.
func (s *Script) host(ctx context.Context, out *printed) starlark.Host {
	h := starlark.WorkerHost(ctx, nil)
	h.Stdout = out
	h.Emit = func(ctx context.Context, name string, data []byte) error {
		if !s.Out {
			return errNowhere
		}
		_, err := Emit.Call(ctx, call.Back(ctx), Emission{Name: name, Bytes: data})
		if e, ok := errors.AsType[*outwork.RemoteError](err); ok {
			return errors.New(e.Message)
		}
		return err
	}
	return h
}

var errNowhere = errors.New("there is nowhere to put files: name a folder with --out")

// batchHere calls main with the files one after the other.
func batchHere(ctx context.Context, b Files) (*outwork.Stream[Outcome], error) {
	p := loaded.Load()
	if p == nil {
		return nil, errors.New("no script was loaded")
	}
	return outwork.StreamOf(func(yield func(Outcome, error) bool) {
		for i, size := range b.Sizes {
			c, err := b.file(size)
			if err != nil {
				yield(Outcome{}, err)
				return
			}
			if !yield(p.file(ctx, i, c), nil) {
				return
			}
		}
	}), nil
}

func oneHere(ctx context.Context, a Large) (Outcome, error) {
	p := loaded.Load()
	if p == nil {
		return Outcome{}, errors.New("no script was loaded")
	}
	return p.file(ctx, 0, a.File), nil
}

// file is what becomes of a file.
func (p *program) file(ctx context.Context, i int, c container.Container) Outcome {
	begun := time.Now() // before the deadline is set: what took too long has taken that long
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, begun.Add(p.Timeout))
		defer cancel()
	}
	var out printed
	v, err := p.Call(ctx, p.host(ctx, &out), p.limits(), c)
	m := Outcome{File: i, Time: time.Since(begun), Output: out.kept.Bytes(), Cut: out.all > out.kept.Len(), Memory: peakMemory()}
	if err == nil {
		m.Value, err = codec.EncodeValue(v)
	}
	if err == nil && len(m.Value) > maxValue {
		err = fmt.Errorf("what main returns takes %d bytes, more than %d MiB", len(m.Value), maxValue>>20)
	}
	if err != nil {
		m.Value, m.Fault = nil, p.fault(err)
	}
	return m
}

// fault is why a script has failed.
func (p *program) fault(err error) *Fault {
	f := &Fault{Kind: KindScript, Cause: CauseScript, Message: err.Error()}
	if e, ok := errors.AsType[*starlark.Error](err); ok {
		f.Traceback = e.Traceback
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		*f = Fault{Kind: KindTimeout, Cause: CauseTime, Message: Overdue(p.Timeout)}
	case errors.Is(err, starlark.ErrSteps):
		f.Kind, f.Cause = KindLimit, CauseSteps
	case errors.Is(err, starlark.ErrMemory):
		f.Kind, f.Cause = KindLimit, CauseMemory
	case errors.Is(err, errPrinted):
		f.Kind, f.Cause = KindLimit, CauseOutput
	}
	f.Message, f.Traceback = Cut(f.Message), Cut(f.Traceback)
	return f
}

// Overdue is that a file took too long.
func Overdue(limit time.Duration) string {
	return fmt.Sprintf("it took longer than %s: see --file-timeout", limit)
}

// Cut is the beginning of a text.
func Cut(s string) string { return legible.CutBytes(s, MaxText) }

// printed keeps the beginning of what a script prints.
type printed struct {
	kept bytes.Buffer
	all  int
}

var errPrinted = fmt.Errorf("the script printed more than %d MiB of one file", maxPrinted>>20)

func (p *printed) Write(b []byte) (int, error) {
	p.kept.Write(b[:min(len(b), MaxOutput-p.kept.Len())])
	if p.all += len(b); p.all > maxPrinted {
		return 0, errPrinted
	}
	return len(b), nil
}
