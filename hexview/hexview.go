// Package hexview shows a container on a terminal, as bytes and as text, with its
// structures: drawn by a worker, which gets neither the terminal nor anything else of it
// but what its user types and how large it is. What it draws is held to text, colours and
// the moves of a cursor; the terminal is as it was when the view ends, also when the worker
// is killed in the middle, or this process is stopped or told to end by a signal.
//
// A program that imports this package links what the view is drawn with, also where it
// never shows one.
package hexview

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/hexui"
	"github.com/outwork-go/outwork/internal/terminal"
	"github.com/outwork-go/outwork/layout"
)

// maxClipboard bounds what a view may put into the clipboard at once, in bytes of base64.
const maxClipboard = 128 << 10

// ErrNoTerminal is that something is to be shown on what is no terminal.
var ErrNoTerminal = terminal.ErrNoTerminal

// Signaled is that a view was ended by a signal that would have ended this process. What
// follows from that is the caller's to decide.
type Signaled = terminal.Signaled

// Options say what is shown. The zero value is ready.
type Options struct {
	Title     string        // the file's name, in the head line
	Offset    int64         // where the cursor is at first, in bytes
	Base      int64         // the address of the first byte: added to each offset that is shown
	Structure []layout.Node // at most about 12 MiB of it
}

// Selection is what the user had selected when leaving.
type Selection struct {
	Picked         bool  // by Enter; otherwise the user left without
	Offset, Length int64 // bytes; where nothing was selected, those of the match at the cursor, or of 1 byte
}

// Terminal is one of this process.
type Terminal struct {
	In, Out *os.File // may be the same. They stay the caller's

	// Clipboard lets the view put what its user copies into the terminal's clipboard, at
	// most 128 KiB of base64. A worker that was taken over could put something else there.
	Clipboard bool

	// Stop stops this process at a Ctrl-Z, and returns when it goes on; nil: its group is
	// stopped by SIGSTOP.
	Stop func()
}

// Stop stops this process's group, as Ctrl-Z does, and returns when it is continued: what a
// Terminal's Stop does when it has done what there is to do before.
func Stop() { terminal.Stop() }

// canvas is what a worker draws, and for whom.
type canvas struct {
	Container   container.Container
	Keys        io.Reader
	Sizes       *outwork.Stream[hexui.Size]
	Options     Options
	Environment []string
	Clipboard   bool // may be used
}

// picture is what it draws, and then what was selected.
type picture struct {
	Screen io.ReadCloser
	Picked *outwork.Stream[Selection]
}

var draw = outwork.Func("outwork.hexview", func(ctx context.Context, a canvas) (picture, error) {
	r, w := io.Pipe()
	type leaving struct {
		Selection
		err error
	}
	left := make(chan leaving, 1)
	go func() {
		p, err := run(ctx, &a, w)
		left <- leaving{Selection{p.Chosen, p.Offset, p.Length}, err}
		w.Close()
	}()
	return picture{r, outwork.StreamOf(func(yield func(Selection, error) bool) {
		l := <-left
		yield(l.Selection, l.err)
	})}, nil
})

// run is the view, in a worker.
func run(ctx context.Context, a *canvas, w io.Writer) (hexui.Picked, error) {
	sizes := make(chan hexui.Size)
	over := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() {
		for size, err := range a.Sizes.All() {
			if err != nil {
				return
			}
			select {
			case sizes <- size:
			case <-over:
				return
			}
		}
	})
	defer following.Wait()
	defer a.Sizes.Close()
	defer close(over)
	return hexui.Run(ctx, a.Keys, w, sizes, a.Container, hexui.Options{
		Title: a.Options.Title, Offset: a.Options.Offset, Base: a.Options.Base,
		Structure: a.Options.Structure, Environment: a.Environment, NoClipboard: !a.Clipboard,
	})
}

// Show shows c on t, drawn at on, and returns when its user leaves, or ctx ends, or the
// worker does, whose error it is then. It fails with an error that matches ErrNoTerminal
// when t is none, and is a *Signaled when a signal that would have ended this process ended
// the view. Containers of every kind can be shown: what is drawn is all that is read.
//
// While it is shown nothing else should be written to the terminal, and one Show at a time
// can have it.
//
// A worker with a Target.Sandbox draws as any other: it needs nothing but its link, so that
// sandbox.Strict suits, and is what hostile bytes are for.
func Show(ctx context.Context, on outwork.Callee, t Terminal, c container.Container, o Options) (Selection, error) {
	return showBy(ctx, on, t, draw, canvas{Container: c, Options: o})
}

// showBy is Show, drawn by that function.
func showBy(ctx context.Context, on outwork.Callee, t Terminal, draw *outwork.Function[canvas, picture], a canvas) (Selection, error) {
	lending := terminal.Options{Stop: t.Stop}
	if t.Clipboard {
		lending.Clipboard = maxClipboard
	}
	loan, err := terminal.Lend(t.In, t.Out, lending)
	if err != nil {
		return Selection{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keys := newKeys()
	a.Keys, a.Clipboard = keys, t.Clipboard
	var watching sync.WaitGroup
	watching.Go(func() {
		<-loan.Over()
		cancel()
	})
	watching.Go(func() { keys.follow(loan) })
	defer watching.Wait()
	defer loan.Close()
	s, err := show(ctx, on, loan, draw, a)
	switch torn := loan.Close(); {
	case loan.Err() != nil:
		return Selection{}, loan.Err()
	case err != nil:
		return Selection{}, lost(on, err)
	case torn != nil:
		return s, torn
	}
	return s, nil
}

// show is the view on a terminal that is lent.
func show(ctx context.Context, on outwork.Callee, loan *terminal.Loan, draw *outwork.Function[canvas, picture], a canvas) (Selection, error) {
	a.Sizes = outwork.StreamOf(sizesOf(ctx, loan))
	for _, name := range []string{"TERM", "COLORTERM", "NO_COLOR"} {
		if v, ok := os.LookupEnv(name); ok {
			a.Environment = append(a.Environment, name+"="+v)
		}
	}
	if os.Getenv("CLICOLOR") == "0" {
		a.Environment = append(a.Environment, "NO_COLOR=1") // says the same, and is known to all
	}
	p, err := draw.Call(ctx, on, a)
	if err != nil {
		return Selection{}, err
	}
	defer p.Picked.Close()
	_, err = io.Copy(loan, p.Screen)
	p.Screen.Close()
	if err != nil {
		return Selection{}, err
	}
	for s, err := range p.Picked.All() {
		if err == nil && !s.within(a.Container.Size()) {
			break
		}
		return s, err
	}
	return Selection{}, errNoSelection
}

var errNoSelection = errors.New("the view ended without telling what was selected")

// within reports whether s is of size bytes, as a worker that is not trusted must show.
func (s Selection) within(size int64) bool {
	return s.Offset >= 0 && s.Length >= 0 && s.Offset <= size && s.Length <= size-s.Offset
}

// sizesOf are the terminal's, until the loan or ctx ends.
func sizesOf(ctx context.Context, loan *terminal.Loan) iter.Seq2[hexui.Size, error] {
	return func(yield func(hexui.Size, error) bool) {
		for {
			select {
			case s := <-loan.Sizes():
				if !yield(hexui.Size(s), nil) {
					return
				}
			case <-loan.Over():
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// soon is how long a worker whose stream broke has to be known as lost.
const soon = time.Second

// lost is err, or how the worker ended if that is why.
func lost(on outwork.Callee, err error) error {
	w, ok := on.(*outwork.Worker)
	if !ok {
		return err
	}
	if _, ran := errors.AsType[*outwork.RemoteError](err); ran || errors.Is(err, context.Canceled) {
		return err
	}
	select {
	case <-w.Done():
		return w.Err()
	case <-time.After(soon):
		return err
	}
}
