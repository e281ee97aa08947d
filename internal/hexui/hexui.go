package hexui

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/layout"
)

// leaveTime is how long Run waits for reads that were told to end.
const leaveTime = time.Second

// Size is that of the terminal, in cells.
type Size struct{ Columns, Rows int }

// Options are those of a view. The zero value is ready.
type Options struct {
	Title       string        // in the head line
	Offset      int64         // of the cursor at first, in bytes; the nearest there is
	Base        int64         // the address of the first byte: added to the offsets that are shown
	Structure   []layout.Node // colours the bytes, and is the tree
	Environment []string      // of the terminal's process: TERM, COLORTERM and NO_COLOR are looked at
	NoClipboard bool          // what is copied would get nowhere
}

// Picked is what was selected at the end.
type Picked struct {
	Chosen         bool  // by Enter
	Offset, Length int64 // bytes; where nothing was selected, the match at the cursor, or 1 byte
}

// Run shows c until its user leaves, in ends, or ctx does, whose error it returns. sizes
// tells the size, first of all, and whenever it changes; a size told again has everything
// drawn again. An error of in or out ends the view and is returned.
//
// A Read of in may be waiting when Run returns; it and its goroutine end when in does. Run
// waits for reads of c, which are told to end, and when ctx has ended for a Write to out, up
// to a second: those that go on are left behind as well.
func Run(ctx context.Context, in io.Reader, out io.Writer, sizes <-chan Size, c container.Container, o Options) (Picked, error) {
	size, err := firstSize(ctx, sizes)
	if err != nil {
		return Picked{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	m := newModel(ctx, c, o, size)
	profile := profileOf(o.Environment)
	m.plain = profile == colorprofile.ASCII
	screen := &screen{ctx: ctx, w: out, fail: cancel}
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(screen), tea.WithoutSignalHandler(),
		tea.WithEnvironment(environment(o.Environment)), tea.WithColorProfile(profile), tea.WithWindowSize(size.Columns, size.Rows))
	var feeding sync.WaitGroup
	feeding.Go(func() { feedKeys(ctx, cancel, in, term(o.Environment), p.Send) })
	feeding.Go(func() { feedSizes(ctx, sizes, p.Send) })
	_, err = p.Run()
	done := m.jobs.close()
	cause := context.Cause(ctx)
	cancel(context.Canceled)
	feeding.Wait()
	select {
	case <-done:
	case <-time.After(leaveTime):
	}
	switch {
	case m.picked.Chosen: // what came after that is of no matter
		return m.picked, nil
	case cause != nil:
		return Picked{}, cause
	case err != nil:
		return Picked{}, fmt.Errorf("hex view: %w", err)
	}
	return Picked{}, nil
}

// firstSize waits for a size. Without one it is that of a VT100.
func firstSize(ctx context.Context, sizes <-chan Size) (Size, error) {
	select {
	case <-ctx.Done():
		return Size{}, context.Cause(ctx)
	case s, ok := <-sizes:
		if !ok {
			return Size{80, 24}, nil
		}
		return s, nil
	}
}

func feedSizes(ctx context.Context, sizes <-chan Size, send func(tea.Msg)) {
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-sizes:
			if !ok {
				return
			}
			send(tea.WindowSizeMsg{Width: s.Columns, Height: s.Rows})
		}
	}
}

// profileOf is what colours the terminal has. One that has none, or no known name, is
// trusted with reverse and bold: otherwise there would be no cursor.
func profileOf(env []string) colorprofile.Profile {
	if variable(env, "NO_COLOR") != "" {
		return colorprofile.ASCII
	}
	return max(colorprofile.Env(environment(env)), colorprofile.ASCII)
}

// environment is what Bubble Tea gets to see. With SSH_TTY it does not ask the terminal what
// it can do, but for a few whose TERM it knows.
func environment(env []string) []string {
	return []string{
		"TERM=" + term(env), "COLORTERM=" + variable(env, "COLORTERM"), "NO_COLOR=" + variable(env, "NO_COLOR"), "SSH_TTY=none",
	}
}

func term(env []string) string {
	if t := variable(env, "TERM"); t != "" {
		return t
	}
	return "xterm"
}

// variable is the last of that name, as with processes' environments.
func variable(env []string, name string) (value string) {
	for _, line := range env {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			value = v
		}
	}
	return value
}

// screen is what is drawn to. Bubble Tea takes what is no terminal of its own for one that
// makes \r\n of \n, which one in raw mode does not.
type screen struct {
	ctx  context.Context // when it ends, what is drawn has leaveTime left
	w    io.Writer
	fail func(error)
	err  error // of the last Write
}

// Write is of io.Writer. It does not wait for a writer that takes nothing longer than ctx:
// Bubble Tea would wait for it.
func (s *screen) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	done := make(chan error, 1)
	go func() {
		_, err := io.WriteString(s.w, strings.ReplaceAll(string(p), "\n", "\r\n"))
		done <- err
	}()
	select {
	case s.err = <-done:
	case <-s.ctx.Done():
		select {
		case s.err = <-done:
		case <-time.After(leaveTime):
			s.err = context.Cause(s.ctx)
		}
	}
	if s.err != nil {
		s.fail(fmt.Errorf("draw: %w", s.err))
		return 0, s.err
	}
	return len(p), nil
}
