package link

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/mux"
)

var update = flag.Bool("update", false, "rewrite testdata/vectors")

// vector is one file: whole frames, in order.
type vector struct {
	name   string
	frames []vectorFrame
}

type vectorFrame struct {
	h       frame.Header // without its length
	payload []byte
	check   func(payload []byte) error // decodes it and compares
	note    string
}

// greet is a value that crosses in the vectors of calls.
type greet struct {
	Name  string
	Times int
	Body  []byte
}

// of is a message in the plan of its type.
func of[T any](h frame.Header, l *lazy[T], v T) vectorFrame {
	return vectorFrame{h: h, payload: mustBytes(l, v), check: func(b []byte) error {
		var got T
		if err := l.only(b, &got, h.Handle.String()); err != nil {
			return err
		}
		return same(got, v)
	}}
}

func same(got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%+v, want %+v", got, want)
	}
	return nil
}

// ofCall is a CALL_FUNCTION with the argument a.
func ofCall(stream uint32, h callHeader, a greet, fds uint8) vectorFrame {
	var buf bytes.Buffer
	if err := h.append(&buf); err != nil {
		panic(err)
	}
	buf.Write(encoded(a, true))
	return vectorFrame{
		h:       frame.Header{Stream: stream, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End, FDs: fds},
		payload: buf.Bytes(),
		check: func(b []byte) error {
			var got callHeader
			name, rest, err := got.parse(b)
			if err != nil {
				return err
			}
			got.Function = string(name)
			if len(got.Parts)+len(h.Parts)+len(got.Grants)+len(h.Grants) == 0 {
				got.Parts, got.Grants = h.Parts, h.Grants
			}
			return errors.Join(same(got, h), sameValue(rest, a))
		},
	}
}

func ofReply(h replyHeader, r greet) vectorFrame {
	var buf bytes.Buffer
	if err := h.append(&buf); err != nil {
		panic(err)
	}
	buf.Write(encoded(r, true))
	return vectorFrame{
		h:       frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End},
		payload: buf.Bytes(),
		check: func(b []byte) error {
			var got replyHeader
			rest, err := got.parse(b)
			if len(h.Parts) > 0 {
				err = errors.Join(err, same(got, h))
			}
			return errors.Join(err, sameValue(rest, r))
		},
	}
}

func sameValue(b []byte, want greet) error {
	var got greet
	p, err := codec.PlanOf(reflect.TypeFor[greet]())
	if err == nil {
		_, err = decodeAll(p, codec.Rules{Positional: true}, b, &got)
	}
	return errors.Join(err, same(got, want))
}

// plain is a frame whose payload is no CBOR.
func plain(h frame.Header, payload string) vectorFrame {
	return vectorFrame{h: h, payload: []byte(payload), check: func(b []byte) error { return same(string(b), payload) }}
}

// errVector is a typed error.
type errVector struct{ Path string }

func (e *errVector) Error() string { return "bad " + e.Path }

func vectors(t *testing.T) []vector {
	control := func(h frame.Handle) frame.Header { return frame.Header{Kind: frame.Message, Handle: h} }
	open := func(stream uint32, h frame.Handle, flags frame.Flags) frame.Header {
		return frame.Header{Stream: stream, Kind: frame.Open, Handle: h, Flags: flags}
	}
	answer := func(stream uint32, h frame.Handle) frame.Header {
		return frame.Header{Stream: stream, Kind: frame.Message, Handle: h, Flags: frame.End}
	}
	withFD := func(f vectorFrame) vectorFrame { f.h.FDs = 1; return f }
	noted := func(f vectorFrame, note string) vectorFrame { f.note = note; return f }
	var errs Errors
	if err := errs.Register("vector", &errVector{}, "here"); err != nil {
		t.Fatal(err)
	}
	failed := func(code uint8, err error, stack string) vectorFrame {
		return of(answer(1, frame.Error), &failurePlan, *errs.encode(code, err, stack))
	}
	hashed := sha256.Sum256([]byte("bytes"))
	quick, err := container.Hash(t.Context(), container.FromBytes([]byte("bytes")), container.HashXXH3)
	if err != nil {
		t.Fatal(err)
	}
	digest := bytes.Repeat([]byte{0xd1}, 32)
	noParts := replyHeader{Parts: []part{}}
	hi := greet{"world", 3, []byte("hi")}
	bytesPart := part{Field: 2, Kind: partBytes, Stream: 1, Size: 5, Inline: []byte{}}
	return []vector{
		{"preamble_hello_manager", []vectorFrame{of(control(frame.Hello), &helloPlan, Hello{
			Name: "small-1", Build: "example.org/small@v1", Digest: digest, Window: mux.Window, Streams: WorkerStreams,
			Languages: []string{}, Confinement: "none", Functions: map[string]string{}, PID: 4711,
		})}},
		{"hello_worker_other_digest", []vectorFrame{of(control(frame.Hello), &helloPlan, Hello{
			Digest: bytes.Repeat([]byte{0xd2}, 32), Window: mux.Window, Streams: ManagerStreams, Languages: []string{"starlark"},
			Confinement: "none", Functions: map[string]string{"hello": "func(HelloArgs{Name string}) HelloReply{Text string}"}, PID: 4712,
		})}},
		{"forward_log", []vectorFrame{of(control(frame.ForwardLog), &recordPlan, Record{
			Time: 1700000000000000000, Level: 4, Message: "disk is full", Source: Source{"main.work", "main.go", 42},
			Attrs: []Attr{{Path: []string{"disk", "free"}, Kind: 1, Int: 0, Text: ""}}, Dropped: 2,
		})}},
		{"shutdown", []vectorFrame{plain(control(frame.Shutdown), "")}},
		{"log_level", []vectorFrame{of(control(frame.LogLevel), &levelPlan, levelMessage{-4})}},
		{"ping_pong", []vectorFrame{plain(control(frame.Ping), "alive?"), plain(control(frame.Pong), "alive?")}},
		{"output", []vectorFrame{plain(control(frame.Output), "\x01to stdout\n"), plain(control(frame.Output), "\x02to stderr, no text: \xff")}},
		{"pause", []vectorFrame{plain(control(frame.Pause), "")}},
		{"call_plain", []vectorFrame{ofCall(1, callHeader{Function: "hello"}, hi, 0)}},
		{"call_deadline", []vectorFrame{ofCall(1, callHeader{Function: "hello", Remaining: 1500000000}, hi, 0)}},
		{"call_grants", []vectorFrame{ofCall(1, callHeader{Function: "hello", Parts: []part{}, Grants: []string{"ask", "tell"}}, hi, 0)}},
		{"call_back", []vectorFrame{ofCall(2, callHeader{Function: "ask", Parent: 1}, hi, 0)}},
		{"call_parts", []vectorFrame{
			plain(open(1, frame.Bulk, 0), ""),
			ofCall(3, callHeader{Function: "hello", Parts: []part{bytesPart}, Grants: []string{}}, greet{Name: "world"}, 0),
			plain(frame.Header{Stream: 1, Kind: frame.Data, Flags: frame.End}, "12345"),
		}},
		{"call_paged", []vectorFrame{
			noted(ofCall(1, callHeader{Function: "hello", Parts: []part{{Field: 3, Kind: partPaged, Size: 1 << 30, Offset: 5, Immutable: true, Inline: []byte{}}}, Grants: []string{}}, greet{Name: "world"}, 0), "a container that stays at the manager, the fifth of the link"),
			of(open(2, frame.ReadContainer, frame.End), &readPlan, readRequest{firstLent + 5, 4096, 5}),
			of(answer(2, frame.Reply), &bytesReplyPlan, bytesReply{[]byte("bytes")}),
		}},
		{"reply", []vectorFrame{ofReply(noParts, hi)}},
		{"reply_carried", []vectorFrame{
			plain(open(2, frame.Bulk, 0), ""),
			noted(ofReply(replyHeader{Parts: []part{{Field: 3, Kind: partCarried, Stream: 2, Size: 5, Immutable: true, Inline: []byte{}}}}, greet{Name: "world"}), "a container that comes as its bytes"),
			plain(frame.Header{Stream: 2, Kind: frame.Data, Flags: frame.End}, "12345"),
		}},
		{"reply_parts", []vectorFrame{
			plain(open(2, frame.Bulk, 0), ""),
			ofReply(replyHeader{Parts: []part{{Field: 2, Kind: partBytes, Stream: 2, Size: 5, Inline: []byte{}}}}, greet{Name: "world"}),
			plain(frame.Header{Stream: 2, Kind: frame.Data, Flags: frame.End}, "12345"),
		}},
		{"error_returned", []vectorFrame{failed(CodeReturned, fmt.Errorf("read: %w", &fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}), "")}},
		{"error_panicked", []vectorFrame{failed(CodePanicked, errors.New("panic: boo"), "goroutine 1 [running]:")}},
		{"error_typed", []vectorFrame{failed(CodeReturned, fmt.Errorf("parse: %w", &errVector{"/x"}), "")}},
		{"progress", []vectorFrame{of(frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Progress}, &progressPlan, progress{5, 10, "halfway"})}},
		{"get_module", []vectorFrame{
			of(open(2, frame.GetModule, frame.End), &moduleRequestPlan, moduleRequest{"starlark", "lib/math.star"}),
			of(answer(2, frame.Reply), &moduleReplyPlan, moduleReply{[]module.Module{{Name: "lib/math.star", Path: "lib/math.star", Source: []byte("pi = 3\n")}, {Name: "lib/none.star", Missing: true, Source: []byte{}}}}),
		}},
		{"get_container_inline", []vectorFrame{
			of(open(2, frame.GetContainer, frame.End), &containerRequestPlan, containerRequest{0, "rules", 0}),
			of(answer(2, frame.Reply), &containerReplyPlan, containerReply{7, false, part{Kind: partContainer, Size: 5, Immutable: true, Inline: []byte("rules")}}),
		}},
		{"get_container_fd", []vectorFrame{
			of(open(2, frame.GetContainer, frame.End), &containerRequestPlan, containerRequest{0, "image", 0}),
			noted(withFD(of(answer(2, frame.Reply), &containerReplyPlan, containerReply{8, false, part{Kind: partContainer, Stream: 1, Size: 1 << 30, Offset: 4096, Immutable: true, Inline: []byte{}}})), "with one file descriptor: sealed memory"),
		}},
		{"get_container_same", []vectorFrame{
			of(open(2, frame.GetContainer, frame.End), &containerRequestPlan, containerRequest{0, "image", 8}),
			of(answer(2, frame.Reply), &containerReplyPlan, containerReply{8, true, part{Inline: []byte{}}}),
		}},
		{"get_container_paged", []vectorFrame{
			of(open(2, frame.GetContainer, frame.End), &containerRequestPlan, containerRequest{0, "image", 0}),
			of(answer(2, frame.Reply), &containerReplyPlan, containerReply{9, false, part{Kind: partPaged, Size: 1 << 30, Inline: []byte{}}}),
		}},
		{"read_container", []vectorFrame{
			of(open(2, frame.ReadContainer, frame.End), &readPlan, readRequest{9, 4096, 5}),
			of(answer(2, frame.Reply), &bytesReplyPlan, bytesReply{[]byte("bytes")}),
		}},
		{"search_container", []vectorFrame{
			of(open(2, frame.SearchContainer, frame.End), &searchPlan, textSearch(9, []byte("magic"), 0, 1<<30, 2, false)),
			of(answer(2, frame.Reply), &searchReplyPlan, textFound(5, []int64{16, 1 << 20}, 1<<20+1, 2)),
			of(open(4, frame.SearchContainer, frame.End), &searchPlan, textSearch(9, []byte("magic"), 1<<20+1, 1<<30, 2, false)),
			of(answer(4, frame.Reply), &searchReplyPlan, textFound(5, []int64{}, -1, 0)),
		}},
		{"search_container_count", []vectorFrame{
			of(open(2, frame.SearchContainer, frame.End), &searchPlan, textSearch(9, []byte("magic"), 0, 1<<30, 0, true)),
			of(answer(2, frame.Reply), &searchReplyPlan, textFound(5, []int64{}, -1, 2)),
		}},
		{"search_container_any", []vectorFrame{
			of(open(2, frame.SearchContainer, frame.End), &searchPlan, searchRequest{Share: 9, Kind: 3, Texts: [][]byte{[]byte("magic"), []byte("mag")}, Fold: true, From: 16, Before: 1 << 20, To: 1 << 30, Limit: 3, Back: true}),
			of(answer(2, frame.Reply), &searchReplyPlan, searchReply{[]int64{4096, 4096, 100}, []int64{3, 5, 3}, []int64{1, 0, 1}, 100, 3}),
		}},
		{"search_container_regexp", []vectorFrame{
			of(open(2, frame.SearchContainer, frame.End), &searchPlan, searchRequest{Share: 9, Kind: 2, Texts: [][]byte{[]byte(`ma[a-z]+`)}, Before: 1 << 30, To: 1 << 30, Limit: 2}),
			of(answer(2, frame.Reply), &searchReplyPlan, searchReply{[]int64{16, 100}, []int64{5, 4}, []int64{}, 104, 2}),
		}},
		{"compare_container", []vectorFrame{
			of(open(2, frame.CompareContainer, frame.End), &comparePlan, compareRequest{9, 4096, firstLent + 5, 0, 1 << 20}),
			of(answer(2, frame.Reply), &compareReplyPlan, compareReply{17}),
			of(open(4, frame.CompareContainer, frame.End), &comparePlan, compareRequest{9, 4096, 9, 4096, 1 << 20}),
			of(answer(4, frame.Reply), &compareReplyPlan, compareReply{-1}),
		}},
		{"extent_container", []vectorFrame{
			of(open(2, frame.ExtentContainer, frame.End), &extentPlan, extentRequest{9, 0}),
			of(answer(2, frame.Reply), &extentReplyPlan, extentReply{0x400000, 0x452000}),
		}},
		{"hash_container_xxh3", []vectorFrame{
			of(open(2, frame.HashContainer, frame.End), &hashPlan, hashRequest{9, 4096, 5, "xxh3"}),
			of(answer(2, frame.Reply), &bytesReplyPlan, bytesReply{quick}),
		}},
		{"hash_container", []vectorFrame{
			of(open(2, frame.HashContainer, frame.End), &hashPlan, hashRequest{9, 4096, 5, "sha256"}),
			of(answer(2, frame.Reply), &bytesReplyPlan, bytesReply{hashed[:]}),
		}},
		{"bulk_data", []vectorFrame{
			plain(open(1, frame.Bulk, 0), ""),
			plain(frame.Header{Stream: 1, Kind: frame.Data}, "first"),
			plain(frame.Header{Stream: 1, Kind: frame.Data, Flags: frame.End}, "last"),
		}},
		{"item", []vectorFrame{
			noted(plain(frame.Header{Stream: 2, Kind: frame.Message, Handle: frame.Item}, string(encoded(42, true))), "a number"),
			noted(plain(frame.Header{Stream: 2, Kind: frame.Message, Handle: frame.Item}, "raw"), "a string, or bytes"),
		}},
		{"credit", []vectorFrame{plain(frame.Header{Stream: 1, Kind: frame.Credit}, "\x00\x02\x00\x00")}},
		{"reset", []vectorFrame{plain(frame.Header{Stream: 1, Kind: frame.Reset}, "\x00\x01the caller gave up")}},
	}
}

// TestVectors compares what is encoded with the files, byte for byte, and what
// the files decode to with the values.
func TestVectors(t *testing.T) {
	known := map[string]bool{}
	for _, v := range vectors(t) {
		known[v.name+".hex"] = true
		t.Run(v.name, func(t *testing.T) {
			path := filepath.Join("testdata", "vectors", v.name+".hex")
			if *update {
				if err := os.WriteFile(path, []byte(v.text()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != v.text() {
				t.Errorf("encoded:\n%swant:\n%s", v.text(), text)
			}
			v.decode(t, unhex(t, string(text)))
		})
	}
	files, err := os.ReadDir(filepath.Join("testdata", "vectors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !known[f.Name()] {
			t.Errorf("%s is no vector of this test", f.Name())
		}
	}
}

func (v *vector) preamble() bool { return strings.HasPrefix(v.name, "preamble") }

// text is the vector's file.
func (v *vector) text() string {
	var b strings.Builder
	if v.preamble() {
		fmt.Fprintf(&b, "# the preamble\n% x\n\n", frame.Preamble())
	}
	for _, f := range v.frames {
		f.h.Length = uint32(len(f.payload))
		fmt.Fprintf(&b, "# %s%s on stream %d, flags %d, %d bytes\n", f.h.Kind, named(f.h.Handle), f.h.Stream, f.h.Flags, f.h.Length)
		if f.note != "" {
			fmt.Fprintf(&b, "# %s\n", f.note)
		}
		fmt.Fprintf(&b, "% x\n", f.h.Append(nil))
		for p := f.payload; len(p) > 0; p = p[min(16, len(p)):] {
			line := p[:min(16, len(p))]
			fmt.Fprintf(&b, "% -48x# %s\n", line, printable(line))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func named(h frame.Handle) string {
	if h == 0 {
		return ""
	}
	return " " + h.String()
}

func printable(b []byte) string {
	out := bytes.Clone(b)
	for i, c := range out {
		if c < ' ' || c > '~' {
			out[i] = '.'
		}
	}
	return strings.TrimRight(string(out), " ")
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(code), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (v *vector) decode(t *testing.T, b []byte) {
	t.Helper()
	if v.preamble() {
		if err := frame.CheckPreamble(b); err != nil {
			t.Fatal(err)
		}
		b = b[frame.PreambleSize:]
	}
	for i, f := range v.frames {
		h, err := frame.Parse(b)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		payload := b[frame.HeaderSize:][:h.Length]
		b = b[frame.HeaderSize+int(h.Length):]
		f.h.Length = h.Length
		if err := errors.Join(same(h, f.h), f.check(payload)); err != nil {
			t.Errorf("frame %d: %v", i, err)
		}
	}
	if len(b) > 0 {
		t.Errorf("%d bytes too many", len(b))
	}
}
