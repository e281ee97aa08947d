package hexview

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/hexui"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/ptytest"
	"github.com/outwork-go/outwork/internal/terminal"
	"github.com/outwork-go/outwork/layout"
)

func TestMain(m *testing.M) {
	outwork.Main()
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

// viewing is a view under way, on a terminal of its own.
type viewing struct {
	*ptytest.Terminal
	t      *testing.T
	w      *outwork.Worker
	before unix.Termios
	done   chan struct{}
	got    Selection
	err    error
}

type starter func(m *outwork.Manager) (*outwork.Worker, error)

func plain(m *outwork.Manager) (*outwork.Worker, error) {
	return m.Start(context.Background(), outwork.Target{})
}

func paged(m *outwork.Manager) (*outwork.Worker, error) {
	w, err := hook.StartPaged(context.Background(), m, outwork.Target{})
	if err != nil {
		return nil, err
	}
	return w.(*outwork.Worker), nil
}

// view begins one.
func view(ctx context.Context, t *testing.T, start starter, c container.Container, o Options) *viewing {
	t.Helper()
	t.Setenv("TERM", "xterm-256color")
	v := &viewing{Terminal: ptytest.Open(t, 80, 24), t: t, done: make(chan struct{})}
	v.before = v.Mode()
	m := &outwork.Manager{Stdout: io.Discard, Stderr: io.Discard}
	t.Cleanup(func() { m.Close() })
	w, err := start(m)
	if err != nil {
		t.Fatal(err)
	}
	v.w = w
	go func() {
		defer close(v.done)
		v.got, v.err = Show(ctx, w, Terminal{In: v.TTY, Out: v.TTY}, c, o)
	}()
	return v
}

// end waits for the end of the view, behind which the terminal must be as it was.
func (v *viewing) end() (Selection, error) {
	v.t.Helper()
	<-v.done
	v.Wait("the terminal is as it was", func(s *ptytest.Screen) bool {
		return !s.Alternate && s.Modes[25] && s.Modes[7] && !s.Modes[1000] && !s.Modes[1002] && !s.Modes[2004]
	})
	if now := v.Mode(); now != v.before {
		v.t.Errorf("the mode is %+v, was %+v", now, v.before)
	}
	v.Look(func(s *ptytest.Screen) {
		if len(s.Odd) > 0 {
			v.t.Errorf("the terminal does not know %q", s.Odd)
		}
	})
	return v.got, v.err
}

// numbers are bytes of which each row of 16 begins with its number.
func numbers(rows int) []byte {
	var b bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&b, "row %-11d\n", i)
	}
	return b.Bytes()
}

func TestShow(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, numbers(10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() (container.Container, error){
		"bytes": func() (container.Container, error) { return container.FromBytes(numbers(10_000)), nil },
		"file":  func() (container.Container, error) { return container.FromFile(file) },
	} {
		for way, start := range map[string]starter{"mapped": plain, "paged": paged} {
			t.Run(name+" "+way, func(t *testing.T) {
				c, err := open()
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				v := view(t.Context(), t, start, c, Options{Title: "some.bin"})
				v.WaitText("row 3")
				v.WaitText("some.bin")
				v.Type(":0x1f40\r")
				v.WaitText("row 500")
				v.Resize(100, 40)
				syscall.Kill(os.Getpid(), syscall.SIGWINCH) // it is not this process's own terminal
				v.WaitText("row 519")
				v.Type("\r")
				if s, err := v.end(); err != nil || s != (Selection{true, 0x1f40, 1}) {
					t.Errorf("got %+v, %v", s, err)
				}
			})
		}
	}
}

func TestLeave(t *testing.T) {
	v := view(t.Context(), t, plain, container.FromBytes(numbers(10)), Options{Offset: 16, Base: 0x4000})
	v.WaitText("row 9")
	v.WaitText("00004010")
	v.Type("q")
	if s, err := v.end(); err != nil || s.Picked {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestWorkerKilled(t *testing.T) {
	v := view(t.Context(), t, plain, container.FromBytes(numbers(10)), Options{})
	v.WaitText("row 9")
	if err := syscall.Kill(v.w.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err := v.end()
	if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.Signal != "killed" {
		t.Errorf("got %v", err)
	}
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	v := view(ctx, t, plain, container.FromBytes(numbers(10)), Options{})
	v.WaitText("row 9")
	cancel()
	if _, err := v.end(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if v.w.Err() != nil {
		t.Errorf("the worker: %v", v.w.Err())
	}
}

// Nothing is left of a view in its worker.
func TestNothingIsLeft(t *testing.T) {
	v := view(t.Context(), t, plain, container.FromBytes(numbers(10)), Options{})
	v.WaitText("row 9")
	v.Type("q")
	v.end()
	before, err := goroutines.Call(t.Context(), v.w, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		v.done = make(chan struct{})
		v.Look(func(s *ptytest.Screen) { s.Write([]byte("\x1b[2J")) })
		go func() {
			defer close(v.done)
			v.got, v.err = Show(t.Context(), v.w, Terminal{In: v.TTY, Out: v.TTY}, container.FromBytes(numbers(10)), Options{})
		}()
		v.Wait("a view", func(s *ptytest.Screen) bool { return s.Alternate && strings.Contains(s.Text(), "row 9") })
		v.Type("q")
		if _, err := v.end(); err != nil {
			t.Fatal(err)
		}
	}
	for now := before + 1; now > before; {
		if now, err = goroutines.Call(t.Context(), v.w, struct{}{}); err != nil {
			t.Fatal(err)
		}
		if t.Context().Err() != nil {
			t.Fatalf("%d goroutines, were %d", now, before)
		}
	}
}

var goroutines = outwork.Func("test.goroutines", func(context.Context, struct{}) (int, error) { return runtime.NumGoroutine(), nil })

// garbage draws what no terminal should be told.
const garbage = "\x1b[?1049h\x1b]0;title\a\x1b]52;c;aGk=\a\x1b[c\x1b[6n\x1b[?1004h\x1bc\x1bPq\x1b\\\x1b[>1u\u009b6n\x00\x05\xff\x1b[3;4Hvisible\x1b[?1003h\x1b[?25l\x1b[4h\x1b[2;3r"

var drawGarbage = outwork.Func("test.garbage", func(_ context.Context, a canvas) (picture, error) {
	r, w := io.Pipe()
	go func() {
		io.WriteString(w, garbage)
		b := make([]byte, 1)
		a.Keys.Read(b)
		w.Close()
	}()
	return picture{r, outwork.StreamOf(func(yield func(Selection, error) bool) { yield(Selection{true, -5, 1 << 62}, nil) })}, nil
})

// drawnBy shows nothing on p, drawn by f, and tells how that ended.
func drawnBy(t *testing.T, p *ptytest.Terminal, f *outwork.Function[canvas, picture]) (done chan error) {
	t.Helper()
	m := &outwork.Manager{}
	t.Cleanup(func() { m.Close() })
	w, err := plain(m)
	if err != nil {
		t.Fatal(err)
	}
	done = make(chan error)
	go func() {
		_, err := showBy(t.Context(), w, Terminal{In: p.TTY, Out: p.TTY}, f, canvas{Container: container.FromBytes(nil)})
		done <- err
	}()
	return done
}

func TestGarbage(t *testing.T) {
	p := ptytest.Open(t, 80, 24)
	before := p.Mode()
	done := drawnBy(t, p, drawGarbage)
	p.WaitText("visible")
	p.Type("q")
	if err := <-done; err == nil || !strings.Contains(err.Error(), "selected") {
		t.Errorf("a selection outside is %v", err)
	}
	p.Wait("the terminal is as it was", func(s *ptytest.Screen) bool { return !s.Alternate && s.Modes[25] && !s.Modes[1003] })
	p.Look(func(s *ptytest.Screen) {
		if len(s.Odd) > 0 {
			t.Errorf("the terminal got %q", s.Odd)
		}
	})
	if now := p.Mode(); now != before {
		t.Errorf("the mode is %+v, was %+v", now, before)
	}
}

// deaf draws, and wants no keys.
var deaf = outwork.Func("test.deaf", func(ctx context.Context, a canvas) (picture, error) {
	a.Keys.(io.Closer).Close()
	r, w := io.Pipe()
	go func() {
		io.WriteString(w, "\x1b[?1049hnobody hears you")
		<-ctx.Done()
		w.Close()
	}()
	return picture{r, outwork.StreamOf(func(func(Selection, error) bool) {})}, nil
})

// A worker that takes no keys cannot keep its user from leaving.
func TestDeafWorker(t *testing.T) {
	p := ptytest.Open(t, 80, 24)
	before := p.Mode()
	done := drawnBy(t, p, deaf)
	p.WaitText("nobody hears you")
	for range 5 { // the first may still be sent
		p.Type("x")
	}
	for range 3 {
		p.Type("\x03")
	}
	if err := <-done; !errors.As(err, new(*Signaled)) {
		t.Error(err)
	}
	if now := p.Mode(); now != before {
		t.Errorf("the mode is %+v, was %+v", now, before)
	}
}

var asks = outwork.Func("test.asks", func(ctx context.Context, what Shown) (Selection, error) {
	return Showing.Call(ctx, call.Back(ctx), what)
})

func TestDesk(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	p := ptytest.Open(t, 80, 24)
	m := &outwork.Manager{}
	defer m.Close()
	w, err := plain(m)
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	d := &Desk{
		Manager:  m,
		Terminal: Terminal{In: p.TTY, Out: p.TTY},
		Find: func(name string) (container.Container, error) {
			if name != "data" {
				return nil, fs.ErrNotExist
			}
			return container.FromBytes(numbers(100)), nil
		},
		Hold: func() func() { held++; return func() { held-- } },
	}
	ctx := call.WithGrants(t.Context(), d.Grant())
	for _, test := range []struct {
		what      Shown
		see, keys string
		got       Selection
		fails     string
	}{
		{what: Shown{Name: "data"}, see: "row 5", keys: "\r", got: Selection{true, 0, 1}},
		{what: Shown{Name: "data", Offset: 160, Length: 32, Cursor: 16, Title: "a part"}, see: "row 11", keys: "\r", got: Selection{true, 16, 1}},
		{what: Shown{Bytes: []byte("a script's own"), Title: "made"}, see: "a script's own", keys: "q"},
		{what: Shown{Name: "none"}, fails: fs.ErrNotExist.Error()},
		{what: Shown{Name: "data", Offset: 1 << 40}, fails: container.ErrRange.Error()},
		{what: Shown{Name: "data", Offset: -1}, fails: container.ErrRange.Error()},
		{what: Shown{}, fails: "nothing to show"},
		{what: Shown{Name: "data", Bytes: []byte("x")}, fails: "not both"},
	} {
		done := make(chan error)
		var got Selection
		go func() {
			var err error
			got, err = asks.Call(ctx, w, test.what)
			done <- err
		}()
		if test.fails == "" {
			p.Wait(test.see, func(s *ptytest.Screen) bool { return s.Alternate && strings.Contains(s.Text(), test.see) })
			p.Type(test.keys)
		}
		err := <-done
		if test.fails != "" {
			if err == nil || !strings.Contains(err.Error(), test.fails) {
				t.Errorf("%+v: got %v, want %q", test.what, err, test.fails)
			}
			continue
		}
		if err != nil || got != test.got {
			t.Errorf("%+v: got %+v, %v", test.what, got, err)
		}
		p.Wait("the view is left", func(s *ptytest.Screen) bool { return !s.Alternate })
	}
	if held != 0 {
		t.Errorf("what was held is not let go: %d", held)
	}
	if _, err := asks.Call(t.Context(), w, Shown{Name: "data"}); err == nil || !strings.Contains(err.Error(), "was not granted") {
		t.Errorf("without a grant: %v", err)
	}
}

func TestNoTerminal(t *testing.T) {
	m := &outwork.Manager{}
	defer m.Close()
	w, err := plain(m)
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if _, err := Show(t.Context(), w, Terminal{In: null, Out: null}, container.FromBytes(nil), Options{}); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("got %v", err)
	}
}

// What the view draws passes the filter, but for what asks the terminal for other ways to
// tell keys.
func TestNothingIsDropped(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), ptytest.Soon)
	defer cancel()
	keys, typed := io.Pipe()
	r, w := io.Pipe()
	sizes := make(chan hexui.Size, 1)
	sizes <- hexui.Size{Columns: 100, Rows: 30}
	done := make(chan error)
	go func() {
		_, err := hexui.Run(ctx, keys, w, sizes, container.FromBytes(numbers(10_000)), hexui.Options{
			Environment: []string{"TERM=xterm-256color", "COLORTERM=truecolor"},
			Structure:   []layout.Node{{Name: "all", Offset: 0, Size: 64}, {Depth: 1, Name: "first", Type: "u32le", Offset: 0, Size: 4}},
		})
		w.Close()
		done <- err
	}()
	var drawn, raw bytes.Buffer
	var f terminal.Filter
	screen := ptytest.NewScreen(100, 30)
	steps := []struct{ see, keys string }{
		{"row 5 ", "\x1b[6~"}, {"row 25 ", "\x1b[6~\x1b[5~jjjj"}, {"row 30 ", "t"}, {"first", "t:0x1f40\r"}, {"row 500 ", "vjjj"}, {"selected", "/row 700 \r"}, {"row 700 ", "?"}, {"help", "\x1b"},
	}
	b := make([]byte, 4096)
	for {
		n, err := r.Read(b)
		raw.Write(b[:n])
		passed := f.Append(nil, b[:n])
		drawn.Write(passed)
		screen.Write(passed)
		if len(steps) > 0 && strings.Contains(screen.Text(), steps[0].see) {
			go io.WriteString(typed, steps[0].keys)
			if steps = steps[1:]; len(steps) == 0 {
				go typed.Close() // the end of all keys
			}
		}
		if err != nil {
			break
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(steps) > 0 {
		t.Errorf("not seen: %q; the screen:\n%s", steps[0].see, screen.Text())
	}
	rest := raw.String()
	for _, query := range []string{"\x1b[>4;2m", "\x1b[>4m", "\x1b[>4;m", "\x1b[=1;1u", "\x1b[=0;1u", "\x1b[>1u", "\x1b[>0u", "\x1b[<u", "\x1b[<1u", "\x1b[?u"} {
		rest = strings.ReplaceAll(rest, query, "")
	}
	if got := drawn.String(); got != rest {
		at := 0
		for at < min(len(got), len(rest)) && got[at] == rest[at] {
			at++
		}
		t.Errorf("dropped at %d: %q, drawn %q", at, rest[at:min(len(rest), at+60)], got[at:min(len(got), at+60)])
	}
}

// TestClipboard: what is copied reaches the terminal where that is lent with its clipboard.
func TestClipboard(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	p := ptytest.Open(t, 80, 24)
	m := &outwork.Manager{}
	defer m.Close()
	w, err := plain(m)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := Show(t.Context(), w, Terminal{In: p.TTY, Out: p.TTY, Clipboard: true}, container.FromBytes(numbers(9)), Options{})
		done <- err
	}()
	p.WaitText("row 3")
	p.Type("y")
	p.Wait("the clipboard", func(s *ptytest.Screen) bool {
		return slices.ContainsFunc(s.Odd, func(seq string) bool { return strings.Contains(seq, "]52;c;NzI=") }) // "72": an r
	})
	p.Type("q")
	if err := <-done; err != nil {
		t.Error(err)
	}
}
