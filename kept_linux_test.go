package outwork_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/record"
)

// asksFor is the source of a module, as the manager of the worker has it.
var asksFor = outwork.Func("test.asks.for", func(ctx context.Context, name string) (string, error) {
	m, err := link.From(ctx).Link().Modules(ctx, "starlark", name)
	if err != nil {
		return "", err
	}
	if m[0].Missing {
		return "missing", nil
	}
	fmt.Println("got", name)
	return string(m[0].Source), nil
})

// sums is the SHA-256 of what is shared, read so many bytes at a time.
var sums = outwork.Func("test.sums", func(ctx context.Context, a sumsArgs) (string, error) {
	c, err := outwork.Shared(ctx, a.Name)
	if err != nil {
		return "", err
	}
	defer c.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{io.NewSectionReader(c, 0, c.Size())}, make([]byte, a.Step)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
})

type sumsArgs struct {
	Name string
	Step int
}

// questions are what workers have asked of the manager, by the record.
func questions(t *testing.T, file *buffer, worker string) string {
	t.Helper()
	counts := map[frame.Handle]int{}
	for f, err := range record.Read(bytes.NewReader(file.Bytes())) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Worker == worker && !f.Sent && f.Header.Kind == frame.Open {
			counts[f.Header.Handle]++
		}
	}
	var all []string
	for h, n := range counts {
		all = append(all, fmt.Sprintf("%d %s", n, h))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestAgentKeeps: what one worker of a host has been given costs the next ones nothing.
func TestAgentKeeps(t *testing.T) {
	nothingLeft(t)
	var file, out buffer
	modules := fstest.MapFS{"a.star": {Data: []byte("a = 1")}, "b.star": {Data: []byte("b = 2")}}
	m := outwork.Manager{Hops: near, Record: &file, Stdout: &out, Modules: modules}
	text := bytes.Repeat([]byte("0123456789abcdef!"), 10<<20/17)
	share(t, &m, "text", container.FromBytes(text))
	sum := sha256.Sum256(text)
	for i, name := range []string{"ann", "bob", "cid"} {
		w := started(t, &m, outwork.Target{Host: "near://", Name: name})
		for module, want := range map[string]string{"a.star": "a = 1", "b.star": "b = 2", "none.star": "missing"} {
			if got, err := asksFor.Call(within(t), w, module); err != nil || got != want {
				t.Errorf("%s: %s is %q, %v", name, module, got, err)
			}
		}
		if got, err := sums.Call(within(t), w, sumsArgs{"text", 100_000 << i}); err != nil || got != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		asked := questions(t, &file, name)
		if i > 0 && asked != "1 GET_CONTAINER" || i == 0 && (!strings.Contains(asked, "3 GET_MODULE") || !strings.Contains(asked, "READ_CONTAINER")) {
			t.Errorf("%s asked: %s", name, asked)
		}
	}
	delete(modules, "a.star")
	modules["none.star"] = &fstest.MapFile{Data: []byte("here = 1")}
	w := started(t, &m, outwork.Target{Host: "near://", Name: "dan"})
	for i, want := range []string{"missing", "here = 1"} { // who asks again is told what it is now
		if got, err := asksFor.Call(within(t), w, "none.star"); err != nil || got != want {
			t.Errorf("asked %d times: %q, %v", i+1, got, err)
		}
	}
}

// TestAgentKeepsOrder: what was printed precedes the result, whoever answers what the
// call asks for.
func TestAgentKeepsOrder(t *testing.T) {
	nothingLeft(t)
	modules := fstest.MapFS{}
	for i := range 300 {
		modules[fmt.Sprint(i)] = &fstest.MapFile{Data: []byte("x = 1")}
	}
	var out buffer
	m := outwork.Manager{Hops: near, Stdout: &out, Modules: modules}
	for _, name := range []string{"ann", "bob"} {
		w := started(t, &m, outwork.Target{Host: "near://", Name: name})
		for i := range 300 {
			before := strings.Count(out.String(), "got ")
			if _, err := asksFor.Call(within(t), w, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
			if after := strings.Count(out.String(), "got "); after != before+1 {
				t.Fatalf("%s: call %d: its result overtook what it printed", name, i)
			}
		}
	}
}

func init() { bareRoles["guesses shares"] = guessShares }

// guessShares is a worker that reads shares that it was not given, and tells what it
// was answered.
func guessShares() {
	end := os.NewFile(3, "link")
	hello := link.Hello{Window: 64 << 10, Streams: 1, Digest: make([]byte, 32), Languages: []string{}, Functions: map[string]string{}}
	b := append(frame.Preamble(), wire(frame.Header{Kind: frame.Message, Handle: frame.Hello}, hello, false)...)
	for i := range int64(8) {
		h := frame.Header{Stream: uint32(2 + 2*i), Kind: frame.Open, Handle: frame.ReadContainer, Flags: frame.End}
		b = append(b, wire(h, struct{ Share, Offset, Length int64 }{i, 0, 16 << 10}, true)...)
	}
	end.Write(b)
	io.CopyN(io.Discard, end, frame.PreambleSize)
	for answers := 0; answers < 8; {
		head := make([]byte, frame.HeaderSize)
		if _, err := io.ReadFull(end, head); err != nil {
			fmt.Println(err)
			return
		}
		h, err := frame.Parse(head)
		if err != nil {
			fmt.Println(err)
			return
		}
		io.CopyN(io.Discard, end, int64(h.Length))
		if h.Stream > 0 && h.Kind == frame.Message {
			fmt.Println("answered:", h.Handle)
			answers++
		}
	}
}

// wire is a frame with that message.
func wire(h frame.Header, message any, positional bool) []byte {
	p := reflect.New(reflect.TypeOf(message))
	p.Elem().Set(reflect.ValueOf(message))
	plan, err := codec.PlanOf(p.Type().Elem())
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	if err := plan.Append(&b, p.Interface(), positional); err != nil {
		panic(err)
	}
	h.Length = uint32(b.Len())
	return append(h.Append(nil), b.Bytes()...)
}

// TestGuessedShare: what the agent keeps of one worker's container another does not get
// by its number.
func TestGuessedShare(t *testing.T) {
	nothingLeft(t)
	var out, file buffer
	m := outwork.Manager{Hops: near, Stdout: &out, Record: &file}
	w := started(t, &m, outwork.Target{Host: "near://", Name: "ann"})
	share(t, w, "secret", container.FromBytes(bytes.Repeat([]byte("secret"), 100_000)))
	if _, err := sums.Call(within(t), w, sumsArgs{"secret", 16 << 10}); err != nil {
		t.Fatal(err)
	}
	target := self(t, bareRole, "guesses shares")
	target.Host, target.Name = "near://", "eve"
	eve, err := m.Start(within(t), target)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-eve.Done():
	case <-within(t).Done():
		t.Fatal("it still guesses")
	}
	if got := out.String(); strings.Count(got, "answered: ERROR") != 8 || strings.Contains(got, "answered: REPLY") {
		t.Errorf("it was answered: %s", got)
	}
	if got := questions(t, &file, "eve"); got != "8 READ_CONTAINER" {
		t.Errorf("it asked: %s", got)
	}
	if err := eve.Err(); !errors.As(err, new(*outwork.LostError)) {
		t.Errorf("got %v", err)
	}
}
