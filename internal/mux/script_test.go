package mux

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/frame"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txt with what the code does now")

// TestScripts runs testdata/*.txt: blocks of commands, a line of dashes, what they
// say, an empty line. M is the manager's end, W the worker's:
//
//	link [window=N] [streams=N] [holes]  two fresh ends; M may open so many streams; OPENs may skip numbers
//	M open call|bulk|module N [end] [files=K]
//	M message S HANDLE N [end] [files=K] | M data S N [end] | M reset S [REASON]
//	M control HANDLE N                   a message of the link itself
//	M gather | M sent                    one write begins | has ended
//	M write [N]                          N batches (all) are written
//	M deliver [N]                        N written frames (all) arrive at the other end
//	M consume S N | M want S             a reader takes bytes | waits for a message
//	M recv KIND S HANDLE N [end] [more] [fds=K] [n=CREDIT]   a frame made by hand
//	M state | M next N                   what it has open | the next numbers
//	settle                               write and deliver until nothing moves
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(want))
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

// runScript is the script with the output that it has now.
func runScript(t *testing.T, script string) string {
	var b strings.Builder
	w := newWorld(t)
	for block := range strings.SplitSeq(strings.TrimRight(script, "\n"), "\n\n") {
		commands, _, _ := strings.Cut(block, "\n----")
		b.WriteString(strings.TrimSuffix(commands, "\n") + "\n----\n")
		for line := range strings.Lines(commands) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				w.run(strings.Fields(line))
			}
		}
		b.WriteString(w.out.String() + "\n")
		w.out.Reset()
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// world is two ends and what is between them.
type world struct {
	t    *testing.T
	out  strings.Builder
	ends map[string]*scripted
}

// scripted is one end.
type scripted struct {
	*State
	name  string
	batch Batch
	begun []wireFrame // of batch
	wire  []wireFrame // written, and not delivered
	chunk int
	all   map[uint32]*Stream
}

type wireFrame struct {
	h       frame.Header
	payload []byte
}

func newWorld(t *testing.T) *world {
	w := &world{t: t}
	w.link(nil)
	return w
}

func (w *world) link(args []string) {
	o := options(args)
	w.ends = map[string]*scripted{}
	for name, side := range map[string]Side{"M": ManagerSide, "W": WorkerSide} {
		s := NewState(side, o.or("streams", 8))
		s.Peer(o.or("window", Window), o.or("streams", 8))
		s.Holes = o.has("holes")
		w.ends[name] = &scripted{State: s, name: name, all: map[uint32]*Stream{}}
	}
}

// opts are a command's words and NAME=NUMBERs.
type opts struct {
	words []string
	n     map[string]int
}

func options(args []string) opts {
	o := opts{n: map[string]int{}}
	for _, a := range args {
		if k, v, ok := strings.Cut(a, "="); ok {
			o.n[k], _ = strconv.Atoi(v)
		} else {
			o.words = append(o.words, a)
		}
	}
	return o
}

func (o opts) has(word string) bool { return slices.Contains(o.words, word) }

func (o opts) or(name string, n int) int {
	if v, ok := o.n[name]; ok {
		return v
	}
	return n
}

// num is the ith word as a number.
func (o opts) num(i, or int) int {
	if i >= len(o.words) {
		return or
	}
	n, err := strconv.Atoi(o.words[i])
	if err != nil {
		return or
	}
	return n
}

func (w *world) run(words []string) {
	switch words[0] {
	case "link":
		w.link(words[1:])
	case "settle":
		w.settle()
	default:
		e := w.ends[words[0]]
		if e == nil || len(words) < 2 {
			w.t.Fatalf("no command: %v", words)
		}
		w.command(e, words[1], options(words[2:]))
	}
	for _, e := range w.ends {
		if err := e.check(nil); err != nil {
			w.t.Errorf("after %v: %s: %v", words, e.name, err)
		}
	}
}

func (w *world) settle() {
	for moved := true; moved; {
		moved = false
		for _, name := range []string{"M", "W"} {
			e := w.ends[name]
			moved = moved || e.Pending() || !e.batch.Empty() || len(e.wire) > 0
			w.write(e, 1<<20)
			w.deliver(e, 1<<20)
		}
	}
}

var handleOf = map[string]frame.Handle{
	"call": frame.CallFunction, "bulk": frame.Bulk, "module": frame.GetModule, "reply": frame.Reply, "error": frame.Error,
	"progress": frame.Progress, "item": frame.Item, "ping": frame.Ping, "pong": frame.Pong, "log": frame.ForwardLog,
}

var kindOf = map[string]frame.Kind{"OPEN": frame.Open, "MESSAGE": frame.Message, "DATA": frame.Data, "CREDIT": frame.Credit, "RESET": frame.Reset}

func (w *world) command(e *scripted, verb string, o opts) {
	st := e.all[uint32(o.num(0, 0))]
	switch verb {
	case "open":
		c := w.newChunk(e, frame.Open, o, 1)
		opened, err := e.Open(handleOf[o.words[0]], c.payload, c.end, c.files)
		if err != nil {
			w.say("%s: %v", e.name, err)
			return
		}
		e.all[opened.ID] = opened
		w.say("%s opened %d", e.name, opened.ID)
	case "message":
		c := w.newChunk(e, frame.Message, o, 2)
		c.handle = handleOf[o.words[1]]
		e.send(st, c)
	case "data":
		e.send(st, w.newChunk(e, frame.Data, o, 1))
	case "reset":
		reason := ""
		if len(o.words) > 1 {
			reason = o.words[1]
		}
		e.Reset(st, Cancelled, reason)
	case "control":
		e.Control(handleOf[o.words[0]], make([]byte, o.num(1, 0)))
	case "consume":
		e.Consume(st, int64(o.num(1, 0)))
	case "want":
		st.in.reading = &Waiter{}
		e.wantLong(st)
	case "gather":
		w.gather(e)
	case "sent":
		w.sent(e)
	case "write":
		w.write(e, o.num(0, 1<<20))
	case "deliver":
		w.deliver(e, o.num(0, 1<<20))
	case "recv":
		w.byHand(e, o)
	case "next":
		e.next, e.peerNext = uint64(o.num(0, 0)), uint64(o.num(1, 0))
	case "state":
		w.state(e)
	default:
		w.t.Fatalf("no command %s", verb)
	}
}

func (w *world) say(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

func (w *world) newChunk(e *scripted, kind frame.Kind, o opts, size int) chunk {
	e.chunk++
	n := e.chunk
	c := chunk{kind: kind, payload: make([]byte, o.num(size, 0)), end: o.has("end")}
	for range o.n["files"] {
		c.files = append(c.files, nil) // closing a nil *os.File does nothing
	}
	if kind != frame.Open {
		c.sent = func() { w.say("%s: chunk %d is no longer needed", e.name, n) }
	}
	return c
}

func (w *world) gather(e *scripted) {
	e.Gather(&e.batch)
	raw := slices.Concat(e.batch.Bufs...)
	for len(raw) > 0 {
		h, err := frame.Parse(raw)
		if err != nil {
			w.t.Fatalf("%s writes % x: %v", e.name, raw[:frame.HeaderSize], err)
		}
		raw = raw[frame.HeaderSize:]
		e.begun = append(e.begun, wireFrame{h, raw[:h.Length]})
		raw = raw[h.Length:]
		w.say("%s writes %s", e.name, describe(h))
	}
	if len(e.batch.Files) > 0 {
		w.say("  with %d files", len(e.batch.Files))
	}
}

func (w *world) sent(e *scripted) {
	e.wire = append(e.wire, e.begun...)
	e.begun = nil
	e.Written(&e.batch)
}

func (w *world) write(e *scripted, n int) {
	for ; n > 0 && (!e.batch.Empty() || e.Pending()); n-- {
		if e.batch.Empty() {
			w.gather(e)
		}
		w.sent(e)
	}
}

func (w *world) deliver(e *scripted, n int) {
	to := w.ends[map[string]string{"M": "W", "W": "M"}[e.name]]
	for ; n > 0 && len(e.wire) > 0; n-- {
		f := e.wire[0]
		e.wire = e.wire[1:]
		w.receive(to, f.h, f.payload)
	}
}

func (w *world) byHand(e *scripted, o opts) {
	h := frame.Header{
		Kind: kindOf[o.words[0]], Stream: uint32(o.num(1, 0)), Handle: handleOf[o.words[2]],
		Length: uint32(o.num(3, 0)), FDs: uint8(o.n["fds"]),
	}
	if o.has("end") {
		h.Flags |= frame.End
	}
	if o.has("more") {
		h.Flags |= frame.More
	}
	payload := make([]byte, h.Length)
	if h.Kind == frame.Credit {
		payload = []byte{byte(o.n["n"] >> 24), byte(o.n["n"] >> 16), byte(o.n["n"] >> 8), byte(o.n["n"])}
	}
	w.receive(e, h, payload)
}

func (w *world) receive(e *scripted, h frame.Header, payload []byte) {
	ev, ok, err := e.Receive(h, payload, false, make([]*os.File, h.FDs))
	if v, is := errors.AsType[*frame.Violation](err); is {
		w.say("%s dies of %s: %s", e.name, v.Rule, v.Detail)
		return
	}
	if err != nil {
		w.t.Fatal(err)
	}
	if !ok {
		return
	}
	what := fmt.Sprintf("%s %s", ev.Kind, name(frame.Header{Handle: ev.Handle}))
	if ev.Stream != nil {
		e.all[ev.Stream.ID] = ev.Stream
		what += fmt.Sprintf("on %d ", ev.Stream.ID)
	}
	what += fmt.Sprintf("of %d", len(ev.Payload))
	if ev.End {
		what += " END"
	}
	if len(ev.Files) > 0 {
		what += fmt.Sprintf(" with %d files", len(ev.Files))
	}
	if ev.Kind == frame.Reset {
		what += fmt.Sprintf(" %q", ev.Payload)
	}
	w.say("%s gets %s", e.name, what)
}

func (w *world) state(e *scripted) {
	w.say("%s has %d own, %d of its peer's; %d long, %d wait", e.name, e.own, e.peers, e.long.used+e.answers.used, len(e.long.wait)+len(e.answers.wait))
	for _, id := range slices.Sorted(maps.Keys(e.streams)) {
		st := e.streams[id]
		w.say("  %d: credit %d, allows %d of %d, queue %d", id, st.credit, st.allowed, st.window, len(st.queue))
	}
}

func describe(h frame.Header) string {
	s := fmt.Sprintf("%s %d %s%d", h.Kind, h.Stream, name(h), h.Length)
	if h.Flags&frame.End != 0 {
		s += " END"
	}
	if h.Flags&frame.More != 0 {
		s += " MORE"
	}
	return s
}
