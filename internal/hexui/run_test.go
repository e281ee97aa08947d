package hexui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/container"
)

// terminal is what Run gets, in a bubble of package synctest: whose clock is not that of
// the world, and which fails when a goroutine is left.
type terminal struct {
	in    *io.PipeReader
	keys  *io.PipeWriter
	sizes chan Size

	mu  sync.Mutex // guards out
	out bytes.Buffer
}

func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.Write(p)
}

func (t *terminal) drawn() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out.String()
}

type outcome struct {
	picked Picked
	err    error
}

// inTerminal runs a view, and fn beside it.
func inTerminal(t *testing.T, c container.Container, o Options, fn func(ctx context.Context, cancel context.CancelFunc, term *terminal)) (out outcome, drawn string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // of the bubble
		defer cancel()
		term := &terminal{sizes: make(chan Size, 1)}
		term.in, term.keys = io.Pipe()
		term.sizes <- Size{80, 24}
		done := make(chan outcome)
		go func() {
			picked, err := Run(ctx, term.in, term, term.sizes, c, o)
			term.in.Close()
			done <- outcome{picked, err}
		}()
		synctest.Wait()
		fn(ctx, cancel, term)
		out = <-done
		drawn = term.drawn()
	})
	return out, drawn
}

func some(n int) container.Container {
	p := make([]byte, n)
	counting(p, 0)
	return container.FromBytes(p)
}

func typeKeys(text string) func(context.Context, context.CancelFunc, *terminal) {
	return func(_ context.Context, _ context.CancelFunc, term *terminal) { io.WriteString(term.keys, text) }
}

func TestRunTellsWhatWasPicked(t *testing.T) {
	for keys, want := range map[string]Picked{
		"\r":                         {true, 0, 1},
		"\x1b[B\x1b[1;2C\x1b[1;2C\r": {true, 16, 3},
		"\x1b[B\x1b[1;2C\x1b[C\r":    {true, 18, 1},
		":0x123\rvlll\r":             {true, 0x123, 4},
		"jq":                         {},
		"j\x03":                      {},
		"G\r":                        {true, 4999, 1},
		"\x1b[<0;14;3M\r":            {true, 17, 1},
		"\x1b[200~12\x1b[201~\r":     {true, 0, 1},
		":\x1b[200~12\x1b[201~\r\r":  {true, 12, 1},
	} {
		got, _ := inTerminal(t, some(5000), Options{}, typeKeys(keys))
		if got.err != nil || got.picked != want {
			t.Errorf("%q: got %+v, want %+v", keys, got, want)
		}
	}
}

func TestRunLeavesByEscape(t *testing.T) {
	got, _ := inTerminal(t, some(50), Options{}, func(_ context.Context, _ context.CancelFunc, term *terminal) {
		for _, key := range []string{"v", "\x1b", "\x1b"} {
			io.WriteString(term.keys, key)
			time.Sleep(time.Second) // of the bubble: what comes at once is one key
		}
	})
	if got.err != nil || got.picked.Chosen {
		t.Errorf("got %+v", got)
	}
}

func TestRunEndsWithItsInput(t *testing.T) {
	got, _ := inTerminal(t, some(50), Options{}, func(_ context.Context, _ context.CancelFunc, term *terminal) { term.keys.Close() })
	if got.err != nil || got.picked.Chosen {
		t.Errorf("got %+v", got)
	}
	broken := errors.New("the link is gone")
	got, _ = inTerminal(t, some(50), Options{}, func(_ context.Context, _ context.CancelFunc, term *terminal) { term.keys.CloseWithError(broken) })
	if !errors.Is(got.err, broken) {
		t.Errorf("got %+v", got)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	got, _ := inTerminal(t, some(50), Options{}, func(_ context.Context, cancel context.CancelFunc, _ *terminal) { cancel() })
	if !errors.Is(got.err, context.Canceled) {
		t.Errorf("got %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, strings.NewReader(""), io.Discard, nil, some(50), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("before the first size: %v", err)
	}
}

// allowed are the sequences that a manager lets through.
var allowed = regexp.MustCompile(`^(\x1b\[[0-9;]*[A-HJKLMPSTXZ@\x60abdefmr]|\x1b\[\?(25|7|1000|1002|1003|1006|1049|2004|2026)[hl]|[ -~\r\n\t\x08]|[^\x00-\x9f])`)

func TestRunDrawsWithWhatIsAllowed(t *testing.T) {
	for _, env := range [][]string{
		nil, {"TERM=xterm-256color", "COLORTERM=truecolor"}, {"TERM=linux"}, {"TERM=tmux-256color"}, {"TERM=dumb"}, {"TERM=screen", "NO_COLOR=1"},
	} {
		o := Options{Title: "a\x1b]0;title\a", Structure: someFields(), Environment: env}
		_, drawn := inTerminal(t, some(5000), o, func(ctx context.Context, _ context.CancelFunc, term *terminal) {
			for _, keys := range []string{"jjjj", "\x1b[6~", "t", "\x1b[B", "\r", "\t", "?", " ", "i", ":12", "\r", "v", "lll"} {
				io.WriteString(term.keys, keys)
				time.Sleep(time.Second) // of the bubble: a frame is drawn meanwhile
			}
			term.sizes <- Size{60, 12}
			time.Sleep(time.Second)
			term.sizes <- Size{140, 50}
			time.Sleep(time.Second)
			io.WriteString(term.keys, "q")
		})
		for rest := drawn; rest != ""; {
			n := len(allowed.FindString(rest))
			if n == 0 {
				t.Fatalf("%q: drawn with %.20q", env, rest)
			}
			rest = rest[n:]
		}
		if strings.Contains(strings.ReplaceAll(drawn, "\r\n", ""), "\n") {
			t.Errorf("%q: a line feed alone", env)
		}
		for _, want := range []string{"\x1b[?1049h", "\x1b[?1049l", "\x1b[?25l", "\x1b[?25h", "\x1b[?1002h", "\x1b[?1002l"} {
			if !strings.Contains(drawn, want) {
				t.Errorf("%q: %q was not drawn", env, want)
			}
		}
		colours := regexp.MustCompile(`\x1b\[[0-9;]*\b(3[0-7]|9[0-7]|38)\b[0-9;]*m`).MatchString(drawn)
		if want := len(env) > 0 && env[0] != "TERM=dumb" && len(env) < 2 || len(env) == 0 || strings.HasPrefix(env[0], "TERM=xterm"); colours != want {
			t.Errorf("%q: colours %v, want %v", env, colours, want)
		}
	}
}

func TestRunCopiesByOSC52(t *testing.T) {
	_, drawn := inTerminal(t, some(500), Options{}, func(_ context.Context, _ context.CancelFunc, term *terminal) {
		io.WriteString(term.keys, "jy")
		time.Sleep(time.Second) // of the bubble
		io.WriteString(term.keys, "q")
	})
	if want := "\x1b]52;c;MTA=\a"; !strings.Contains(drawn, want) { // "10", the byte at the cursor
		t.Errorf("%q was not sent", want)
	}
}

func TestRunDrawsAgain(t *testing.T) {
	_, drawn := inTerminal(t, some(500), Options{Title: "file"}, func(_ context.Context, _ context.CancelFunc, term *terminal) {
		for range 2 {
			time.Sleep(time.Second) // of the bubble
			term.sizes <- Size{80, 24}
		}
		time.Sleep(time.Second)
		io.WriteString(term.keys, "q")
	})
	if n := strings.Count(drawn, "file"); n != 3 {
		t.Errorf("the title was drawn %d times, want 3", n)
	}
}

func TestRunDoesNotWaitForASourceThatHangs(t *testing.T) {
	release := make(chan struct{})
	hangs := &source{size: 1 << 40, read: func([]byte, int64) (int, error) {
		<-release
		return 0, io.ErrUnexpectedEOF
	}}
	synctest.Test(t, func(t *testing.T) {
		release = make(chan struct{})
		sizes := make(chan Size, 1)
		sizes <- Size{80, 24}
		var out bytes.Buffer
		if _, err := Run(t.Context(), strings.NewReader("\x1b[6~q"), &out, sizes, hangs, Options{}); err != nil {
			t.Error(err)
		}
		close(release)
	})
}

func TestRunEndsWhenItCannotDraw(t *testing.T) {
	broken := errors.New("broken pipe")
	synctest.Test(t, func(t *testing.T) {
		in, keys := io.Pipe()
		sizes := make(chan Size, 1)
		sizes <- Size{80, 24}
		_, err := Run(t.Context(), in, failingWriter{broken}, sizes, some(10), Options{})
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		keys.Close()
	})
}

func TestRunDoesNotWaitForAWriterThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, keys := io.Pipe()
		out, screen := io.Pipe()
		sizes := make(chan Size, 1)
		sizes <- Size{80, 24}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Run(ctx, in, screen, sizes, some(10), Options{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		keys.Close()
		out.Close()
	})
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
