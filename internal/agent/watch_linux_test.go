package agent

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txt with what the code does now")

// The messages that are made by hand.
type (
	readMessage struct{ Share, Offset, Length int64 }
	partMessage struct {
		Field        int
		Kind         uint8
		Stream       uint32
		Size, Offset int64
		Immutable    bool
		Inline       []byte
	}
	sharedMessage struct {
		Share int64
		Same  bool
		Part  partMessage
	}
)

func mustPlan[T any]() *codec.Plan {
	p, err := codec.PlanOf(reflect.TypeFor[T]())
	if err != nil {
		panic(err) // of these tests
	}
	return p
}

func message[T any](v T, positional bool) []byte {
	var b bytes.Buffer
	if err := mustPlan[T]().Append(&b, &v, positional); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func readRequest(share, off, n int64) []byte { return message(readMessage{share, off, n}, true) }

func sharedReply(share, size int64, immutable bool) []byte {
	return message(sharedMessage{share, false, partMessage{Kind: 5, Size: size, Immutable: immutable, Inline: []byte{}}}, true)
}

func bytesReply(b []byte) []byte {
	if len(b) == 0 {
		return []byte{0x81, 0x40}
	}
	return append(link.PageHead(int64(len(b))), b...)
}

func helloOf(window int) []byte {
	return message(link.Hello{Window: uint32(window), Streams: 1, Digest: make([]byte, 32), Languages: []string{}, Functions: map[string]string{}}, false)
}

func framed(h frame.Header, payload []byte) []byte {
	h.Length = uint32(len(payload))
	return append(h.Append(nil), payload...)
}

// TestTranscripts runs testdata/*.txt: blocks of commands, a line of dashes, what they
// say, an empty line. A, B and so on are workers, M the manager:
//
//	keep N                     a new agent, which keeps N bytes at most
//	new A [WINDOW]             a worker, which says HELLO
//	A open S module NAME | A open S container NAME | A open S read SHARE OFF N | A open S call
//	A credit S N | A reset S | A data S N
//	M A module S N | M A error S | M A reset S
//	M A share S SHARE SIZE [mutable] | M A bytes S N [more] [cut]    cut: the last byte is not sent yet
//	A take [N]                 the agent sends the worker what it has, N times
//	kept                       how much is kept
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := transcript(t, string(want))
			if *update {
				err = os.WriteFile(path, []byte(got), 0o644)
			} else if got != string(want) {
				t.Errorf("%s says otherwise; run with -update and compare:\n%s", path, got)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func transcript(t *testing.T, script string) string {
	var b strings.Builder
	s := &stage{t: t}
	for block := range strings.SplitSeq(strings.TrimRight(script, "\n"), "\n\n") {
		commands, _, _ := strings.Cut(block, "\n----")
		b.WriteString(strings.TrimSuffix(commands, "\n") + "\n----\n")
		for line := range strings.Lines(commands) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				s.run(strings.Fields(line))
			}
		}
		b.WriteString(s.out.String() + "\n")
		s.out.Reset()
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// stage is an agent and its workers, without any I/O.
type stage struct {
	t       *testing.T
	out     strings.Builder
	kept    *kept
	workers map[string]*actor
}

type actor struct {
	name string
	up   *upstream
	down *downstream
	rest []byte // of the last up
}

func (s *stage) say(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func number(words []string, i, or int) int {
	if i >= len(words) {
		return or
	}
	n, err := strconv.Atoi(words[i])
	if err != nil {
		return or
	}
	return n
}

func (s *stage) run(words []string) {
	switch words[0] {
	case "keep":
		s.kept, s.workers = newKept(int64(number(words, 1, 0))), map[string]*actor{}
	case "kept":
		s.say("%d modules, %d pages", len(s.kept.modules), len(s.kept.pages))
	case "new":
		w := newWatch(s.kept, &link.Spawn{})
		a := &actor{words[1], newUpstream(nil, w, nil), newDownstream(nil, nil, w, 0, nil), nil}
		s.workers[words[1]] = a
		a.down.scan(frame.Preamble())
		hello := framed(frame.Header{Kind: frame.Message, Handle: frame.Hello}, helloOf(number(words, 2, 256<<10)))
		s.upward(a, append(frame.Preamble(), hello...))
	case "M":
		s.reply(s.workers[words[1]], words[2], uint32(number(words, 3, 0)), words)
	default:
		s.worker(s.workers[words[0]], words[1], uint32(number(words, 2, 0)), words)
	}
}

func (s *stage) worker(a *actor, verb string, stream uint32, words []string) {
	h := frame.Header{Stream: stream, Kind: frame.Open, Flags: frame.End}
	var payload []byte
	switch verb {
	case "open":
		switch words[3] {
		case "module":
			h.Handle, payload = frame.GetModule, []byte(words[4])
		case "container":
			h.Handle, payload = frame.GetContainer, []byte(words[4])
		case "read":
			h.Handle, payload = frame.ReadContainer, readRequest(int64(number(words, 4, 0)), int64(number(words, 5, 0)), int64(number(words, 6, 0)))
		default:
			h.Handle = frame.CallFunction
		}
	case "credit":
		h.Kind, h.Flags, payload = frame.Credit, 0, binary.BigEndian.AppendUint32(nil, uint32(number(words, 3, 0)))
	case "reset":
		h.Kind, h.Flags, payload = frame.Reset, 0, []byte{0, 1}
	case "data":
		h.Kind, payload = frame.Data, make([]byte, number(words, 3, 0))
	case "take":
		for range number(words, 2, 1000) {
			bufs := a.down.watch.next()
			if bufs == nil {
				break
			}
			s.show("the agent to "+a.name, bytes.Join(bufs, nil))
		}
		return
	default:
		s.t.Fatalf("no command %v", words)
	}
	s.upward(a, framed(h, payload))
}

func (s *stage) upward(a *actor, b []byte) {
	sent, rest, _, err := a.up.scan(append(a.rest, b...))
	if err != nil {
		s.t.Fatal(err)
	}
	a.rest = bytes.Clone(rest)
	if sent = bytes.TrimPrefix(sent, frame.Preamble()); len(sent) > 0 {
		s.show(a.name+" to the manager", sent)
	} else {
		s.say("%s: the agent's", a.name)
	}
}

// show tells what frames are in b.
func (s *stage) show(who string, b []byte) {
	for len(b) > 0 {
		h, err := frame.Parse(b)
		if err != nil {
			s.t.Fatal(err)
		}
		b = b[frame.HeaderSize+int(h.Length):]
		what := fmt.Sprintf("%s on %d", h.Kind, h.Stream)
		if h.Handle != 0 {
			what += " " + h.Handle.String()
		}
		if h.Handle != frame.Hello { // its length is another page's
			what += fmt.Sprintf(" %d", h.Length)
		}
		if h.Flags&frame.More != 0 {
			what += " MORE"
		}
		if h.Flags&frame.End != 0 {
			what += " END"
		}
		s.say("%s: %s", who, what)
	}
}

func (s *stage) reply(a *actor, verb string, stream uint32, words []string) {
	h := frame.Header{Stream: stream, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End}
	payload := make([]byte, number(words, 4, 0))
	cut := 0
	switch verb {
	case "error":
		h.Handle = frame.Error
	case "reset":
		h.Kind, h.Handle, h.Flags, payload = frame.Reset, 0, 0, []byte{0, 1}
	case "share":
		payload = sharedReply(int64(number(words, 4, 0)), int64(number(words, 5, 0)), words[len(words)-1] != "mutable")
	case "bytes":
		payload = bytesReply(payload)
	}
	for _, word := range words[4:] {
		switch word {
		case "more":
			h.Flags = frame.More
		case "cut":
			cut = 1
		}
	}
	b := framed(h, payload)
	a.down.scan(b[:len(b)-cut])
}

func TestKeptIsBounded(t *testing.T) {
	k := newKept(100 << 10)
	for i := range int64(1000) {
		k.keepModule(fmt.Sprint("module ", i), make([]byte, i))
		k.keepPart(uint64(i%3), i%50*page, make([]byte, page*(1+i%2)))
		check(t, k)
		if k.held > k.limit {
			t.Fatalf("%d bytes", k.held)
		}
	}
	k.keepPart(9, 0, make([]byte, 200<<10)) // larger than all there may be
	if check(t, k); k.held != 0 || k.used.Len() != 0 {
		t.Errorf("%d bytes", k.held)
	}
}

// check is what must hold of what is kept.
func check(t *testing.T, k *kept) {
	t.Helper()
	held, leads := int64(0), map[*item]int{}
	for p, i := range k.pages {
		leads[i]++
		if at := p.k * page; p.share != i.share || at < i.off || at >= i.end() {
			t.Fatalf("page %v leads to %d bytes at %d of %d", p, len(i.data), i.off, i.share)
		}
	}
	for e := k.used.Front(); e != nil; e = e.Next() {
		i := e.Value.(*item)
		held += i.cost()
		switch {
		case i.place != e || leads[i] != i.leads:
			t.Fatalf("%d pages lead to an item that counts %d", leads[i], i.leads)
		case i.module != "" && k.modules[i.module] != i, i.module == "" && i.leads == 0:
			t.Fatal("nothing leads to an item")
		}
		delete(leads, i)
	}
	if held != k.held || len(leads) > 0 {
		t.Fatalf("counts %d bytes, has %d; %d items are not listed", k.held, held, len(leads))
	}
}

// TestUsedLongestAgo is let go first.
func TestUsedLongestAgo(t *testing.T) {
	k := newKept(4 * (itemCost + 10 + 1))
	for _, name := range []string{"a", "b", "c", "d"} {
		k.keepModule(name, make([]byte, 10))
	}
	k.module("a")
	k.keepModule("e", make([]byte, 10))
	if k.module("b") != nil || k.module("a") == nil || k.module("c") == nil || k.module("e") == nil {
		t.Error("another one was let go")
	}
}
