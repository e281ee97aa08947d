package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A record is a writer that counts its writes.
type record struct {
	bytes.Buffer
	writes int
}

func (r *record) Write(p []byte) (int, error) {
	r.writes++
	return r.Buffer.Write(p)
}

func (r *record) take() string {
	s := r.String()
	r.Reset()
	return s
}

func TestStreamDeliversFinishedLines(t *testing.T) {
	var out, err record
	tap := NewSink(Config{Stdout: &out, Stderr: &err}).Worker("w")
	for _, step := range []struct {
		fd       int
		in, want string
	}{
		{1, "a", ""},
		{1, "b\n", "ab\n"},
		{1, "c\nd\ne", "c\nd\n"},
		{1, "f", ""},
		{1, "\n\n", "ef\n\n"},
		{1, "\xff\x00\x1b]0;x\a\n", "\xff\x00\x1b]0;x\a\n"},
		{2, "other", ""},
	} {
		tap.Write(step.fd, []byte(step.in))
		if got := out.take(); got != step.want {
			t.Errorf("after %q: %q, want %q", step.in, got, step.want)
		}
	}
	tap.Close()
	if got := err.take(); got != "other" {
		t.Errorf("Close delivered %q", got)
	}
}

func TestBatchIsOneWrite(t *testing.T) {
	for _, tag := range []bool{false, true} {
		var out record
		tap := NewSink(Config{Stdout: &out, Tag: tag}).Worker("w")
		tap.Write(1, []byte("begun "))
		tap.Write(1, bytes.Repeat([]byte("line\n"), 1000))
		if out.writes != 1 {
			t.Errorf("tag %v: %d writes for one batch", tag, out.writes)
		}
	}
}

func TestUnfinishedLineAtCallEnd(t *testing.T) {
	var out record
	s := NewSink(Config{Stdout: &out, Stderr: &out})
	a, b := s.Worker("a"), s.Worker("b")
	check := func(want string) {
		t.Helper()
		if got := out.take(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	a.CallBegin()
	a.CallBegin()
	a.Write(1, []byte("50%"))
	a.CallEnd()
	check("") // one is still running
	a.CallEnd()
	check("50%")
	a.Write(1, []byte(" 100%\n"))
	check(" 100%\n") // the same goes on
	a.CallBegin()
	a.Write(1, []byte("half"))
	a.CallEnd()
	b.Write(1, []byte("b\n"))
	check("half\nb\n")
	s.SetTag(true)
	a.Write(1, []byte(" rest\n"))
	check("[a]  rest\n")
	a.Write(1, []byte("x"))
	a.Close()
	a.Write(2, []byte("err\n"))
	check("[a] x\n[a] err\n")
}

func TestTagBeforeEachLine(t *testing.T) {
	var out record
	s := NewSink(Config{Stdout: &out})
	w := s.Worker("w")
	w.Write(1, []byte("plain\n"))
	s.SetTag(true)
	w.Write(1, []byte("a\n\nb"))
	w.Write(1, []byte("c\n"))
	s.Worker("evil\x1b[2J\n").Write(1, []byte("d\n"))
	want := "plain\n[w] a\n[w] \n[w] bc\n[\"evil\\x1b[2J\\n\"] d\n"
	if got := out.take(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAtomic(t *testing.T) {
	var out, err record
	s := NewSink(Config{Stdout: &out, Stderr: &err, Mode: Atomic, Tag: true})
	a, b := s.Worker("a"), s.Worker("b")
	a.Write(1, []byte("idle\n"))
	if got := out.take(); got != "[a] idle\n" {
		t.Errorf("without a call: %q", got)
	}
	a.CallBegin()
	b.CallBegin()
	for i := range 3 {
		a.Write(1, fmt.Appendf(nil, "a%d\n", i))
		b.Write(1, fmt.Appendf(nil, "b%d\n", i))
		a.Write(2, fmt.Appendf(nil, "e%d\n", i))
	}
	b.Write(1, []byte("end"))
	if out.Len()+err.Len() > 0 {
		t.Errorf("during the calls: %q, %q", out.String(), err.String())
	}
	out.writes = 0
	b.CallEnd()
	if got := out.take(); got != "[b] b0\n[b] b1\n[b] b2\n[b] end" || out.writes != 1 {
		t.Errorf("b in %d writes: %q", out.writes, got)
	}
	a.Close() // lost in the middle of a call
	if got := out.take() + err.take(); got != "\n[a] a0\n[a] a1\n[a] a2\n[a] e0\n[a] e1\n[a] e2\n" {
		t.Errorf("a: %q", got)
	}
	a.CallEnd()
	if got := out.take(); got != "" {
		t.Errorf("delivered twice: %q", got)
	}
}

// Where the file cannot be read back, what is in memory comes all the same.
func TestSpoolWithoutItsFile(t *testing.T) {
	var sp spool
	defer sp.reset()
	for _, err := range []error{sp.add(1, []byte("in the file\n"), false), sp.spill(), sp.add(2, []byte("in memory\n"), false), sp.file.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got := ""
	err := sp.each(func(fd int, p []byte, _ bool) { got += fmt.Sprintf("%d %s", fd, p) })
	if got != "2 in memory\n" || !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %q, %v", got, err)
	}
}

// What is printed just when the last call ends is not held back for the next one.
func TestAtomicBesideTheEnd(t *testing.T) {
	line := append(bytes.Repeat([]byte("x"), 60_000), '\n')
	for range 300 {
		var out record
		tap := NewSink(Config{Stdout: &out, Mode: Atomic}).Worker("w")
		tap.CallBegin()
		var all sync.WaitGroup
		start := make(chan struct{})
		all.Go(func() { <-start; tap.Write(1, line) })
		all.Go(func() { <-start; tap.CallEnd() })
		close(start)
		all.Wait()
		if n := out.Len(); n != len(line) {
			t.Fatalf("%d bytes of %d came", n, len(line))
		}
	}
}

func TestAtomicKeepsTheOrderOfOneWriter(t *testing.T) {
	var out record
	tap := NewSink(Config{Stdout: &out, Stderr: &out, Mode: Atomic}).Worker("w")
	tap.CallBegin()
	tap.Write(1, []byte("1\n"))
	tap.Write(2, []byte("2\n"))
	tap.Write(2, []byte("3\n"))
	tap.Write(1, []byte("4\n5"))
	tap.Write(2, []byte("6"))
	tap.CallEnd()
	if got := out.take(); got != "1\n2\n3\n4\n5\n6" {
		t.Errorf("got %q", got)
	}
}

func TestLogLines(t *testing.T) {
	var got []string
	s := NewSink(Config{Mode: Log, Tag: true, Line: func(worker string, fd int, line []byte) {
		got = append(got, fmt.Sprintf("%s %d %q", worker, fd, line))
	}})
	w := s.Worker("w")
	w.CallBegin()
	w.Write(1, []byte("a\n\nb"))
	w.Write(2, []byte("\x1b[6n\xff\n"))
	w.CallEnd()
	w.Write(1, []byte("c"))
	w.Close()
	want := `w 1 "a";w 1 "";w 2 "\x1b[6n\xff";w 1 "b";w 1 "c"`
	if all := strings.Join(got, ";"); all != want {
		t.Errorf("got  %s\nwant %s", all, want)
	}
}

func TestLineOverTheLimitComesInPieces(t *testing.T) {
	var out record
	s := NewSink(Config{Stdout: &out, Tag: true})
	a, b := s.Worker("a"), s.Worker("b")
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range LineLimit>>20 + 1 {
		a.Write(1, chunk)
	}
	if got := out.take(); len(got) != len("[a] ")+LineLimit+1<<20 {
		t.Fatalf("%d bytes were passed on", len(got))
	}
	b.Write(1, []byte("b\n"))
	a.Write(1, []byte("end\n"))
	if got := out.take(); got != "\n[b] b\n[a] end\n" {
		t.Errorf("then %q", got)
	}
}

// TestLinesStayWhole has workers print lines of up to 10 MiB in random pieces,
// at once, to both fds of one writer.
func TestLinesStayWhole(t *testing.T) {
	for _, mode := range []Mode{Stream, Atomic} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			var out record
			s := NewSink(Config{Stdout: &out, Stderr: &out, Mode: mode, Tag: true})
			want := map[string]string{}
			var mu sync.Mutex
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					name := fmt.Sprint("w", i)
					text := chatter(s.Worker(name), name, rand.New(rand.NewPCG(uint64(i), 7)))
					mu.Lock()
					defer mu.Unlock()
					want[name] = text
				})
			}
			wg.Wait()
			got := map[string]*strings.Builder{}
			for line := range strings.Lines(out.String()) {
				name, rest, _ := strings.Cut(strings.TrimPrefix(line, "["), "] ")
				if got[name] == nil {
					got[name] = new(strings.Builder)
				}
				got[name].WriteString(rest)
			}
			for name := range want {
				if got[name].String() != want[name] {
					t.Errorf("the lines of %s were torn", name)
				}
			}
		})
	}
}

// chatter prints lines of one fd after the other and returns them.
func chatter(tap *Tap, name string, r *rand.Rand) string {
	var all strings.Builder
	for n := range 50 {
		size := r.IntN(200)
		if n == 25 {
			size = 10 << 20
		}
		line := fmt.Sprint(name, n, strings.Repeat("z", size), "\n")
		all.WriteString(line)
		fd := 1 + r.IntN(2)
		tap.CallBegin()
		for p := []byte(line); len(p) > 0; {
			k := min(1+r.IntN(64<<10), len(p))
			tap.Write(fd, p[:k])
			p = p[k:]
		}
		tap.CallEnd()
	}
	return all.String()
}

// TestOneWriterGetsAllBytes checks that cutting and joining neither loses nor
// adds a byte, whatever is printed.
func TestOneWriterGetsAllBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var out record
		var want []byte
		tap := NewSink(Config{Stdout: &out, Mode: Mode(r.IntN(2))}).Worker("w")
		for range r.IntN(40) {
			p := make([]byte, r.IntN(20))
			for i := range p {
				p[i] = "\n\xff\x1bab"[r.IntN(5)]
			}
			if r.IntN(3) == 0 {
				tap.CallBegin()
				defer tap.CallEnd()
			}
			tap.Write(1, p)
			want = append(want, p...)
		}
		tap.Close()
		if got := out.take(); got != string(want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

type failing struct {
	n   int
	err error
}

func (f *failing) Write(p []byte) (int, error) { return min(f.n, len(p)), f.err }

func TestWriteErrorsAreRemembered(t *testing.T) {
	for _, f := range []*failing{{2, syscall.EPIPE}, {2, nil}} {
		var out record
		s := NewSink(Config{Stdout: f, Stderr: &out})
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		w := s.Worker("w")
		w.Write(1, []byte("12345\n"))
		w.Write(2, []byte("still\n"))
		w.Write(1, []byte("678\n"))
		want := f.err
		if want == nil {
			want = io.ErrShortWrite
		}
		if err := s.Err(); !errors.Is(err, want) || !strings.Contains(err.Error(), "6 bytes lost") {
			t.Errorf("Err is %v, want %v and 6 bytes", err, want)
		}
		if got := out.take(); got != "still\n" {
			t.Errorf("the other writer got %q", got)
		}
	}
}

func TestWritersThatCannotBeCompared(t *testing.T) {
	type loose struct {
		io.Writer
		_ []int
	}
	s := NewSink(Config{Stdout: loose{Writer: io.Discard}, Stderr: loose{Writer: io.Discard}})
	s.Worker("w").Write(1, []byte("x\n"))
	if s.dest[0].lane == s.dest[1].lane {
		t.Error("two writers were taken for one")
	}
}

func TestTwoFilesOfOnePlaceShareALane(t *testing.T) {
	path := t.TempDir() + "/log"
	var files [2]*os.File
	for i := range files {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	w := NewSink(Config{Stdout: files[0], Stderr: files[1]}).Worker("w")
	w.CallBegin()
	w.Write(1, []byte("half"))
	w.CallEnd()
	w.Write(2, []byte("error\n"))
	if got, _ := os.ReadFile(path); string(got) != "half\nerror\n" {
		t.Errorf("the file holds %q", got)
	}
}

func BenchmarkSinkShortLines(b *testing.B) {
	for _, tag := range []bool{false, true} {
		for _, mode := range []Mode{Stream, Atomic} {
			b.Run(fmt.Sprintf("tag=%v/mode=%d", tag, mode), func(b *testing.B) {
				const lines = 1000
				in := bytes.Repeat([]byte("a short line of output\n"), lines)
				tap := NewSink(Config{Stdout: io.Discard, Mode: mode, Tag: tag}).Worker("w")
				for b.Loop() {
					tap.CallBegin()
					tap.Write(1, in)
					tap.CallEnd()
				}
				b.ReportMetric(float64(b.N)*lines/b.Elapsed().Seconds(), "lines/s")
			})
		}
	}
}

func BenchmarkSinkLineByLine(b *testing.B) {
	tap := NewSink(Config{Stdout: io.Discard, Tag: true}).Worker("w")
	in := []byte("a short line of output\n")
	for b.Loop() {
		tap.Write(1, in)
	}
}

func BenchmarkIdleCall(b *testing.B) {
	tap := NewSink(Config{Stdout: io.Discard}).Worker("w")
	for b.Loop() {
		tap.CallBegin()
		tap.CallEnd()
	}
}
