package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/internal/record"
)

// frameView is a recorded frame as it is shown. Its JSON is for programs.
type frameView struct {
	Time    time.Time `json:"time"`
	Worker  string    `json:"worker"`
	Sent    bool      `json:"sent"` // to the worker
	Stream  uint32    `json:"stream"`
	Kind    string    `json:"kind"`
	Handle  string    `json:"handle,omitempty"`
	End     bool      `json:"end,omitempty"`
	More    bool      `json:"more,omitempty"`
	Length  uint32    `json:"length"` // bytes
	FDs     uint8     `json:"fds,omitempty"`
	Meaning string    `json:"meaning,omitempty"`
	Payload []byte    `json:"payload,omitempty"` // what was kept of it

	since time.Duration // the record's first frame
	first bool
}

// maxShown is how much of a payload's meaning a line for people holds, in
// characters.
const maxShown = 240

// view is f, with its meaning.
func (d *dissector) view(f *record.Frame) *frameView {
	h := f.Header
	v := &frameView{
		Time: f.Time, Worker: f.Worker, Sent: f.Sent,
		Stream: h.Stream, Kind: h.Kind.String(), Length: h.Length, FDs: h.FDs,
		End: h.Flags&frame.End != 0, More: h.Flags&frame.More != 0,
		Payload: f.Payload, Meaning: d.meaning(f), first: d.start.IsZero(),
	}
	if h.Handle != 0 {
		v.Handle = h.Handle.String()
	}
	if v.first {
		d.start = f.Time
	}
	v.since = f.Time.Sub(d.start)
	return v
}

// print writes a line for people, and before the first one a heading. On a terminal with so many
// columns, lines are cut to fit.
func (v *frameView) print(w io.Writer, columns int) error {
	if v.first {
		fmt.Fprintf(w, "%10s   %-16s %6s  %-21s %-8s %8s  %s\n", "seconds", "worker", "stream", "frame", "flags", "bytes", "meaning")
	}
	arrow := "←"
	if v.Sent {
		arrow = "→"
	}
	line := fmt.Sprintf("%10.6f %s %-16s %6d  %-21s %-8s %8d  %s", v.since.Seconds(), arrow, legible.Visible(v.Worker),
		v.Stream, strings.TrimSpace(v.Kind+" "+v.Handle), v.flags(), v.Length, legible.Cut(legible.Visible(v.Meaning), maxShown))
	if columns > 0 {
		line = legible.Cut(line, columns)
	}
	_, err := fmt.Fprintln(w, strings.TrimRight(line, " "))
	return err
}

func (v *frameView) flags() string {
	var words []string
	if v.End {
		words = append(words, "END")
	}
	if v.More {
		words = append(words, "MORE")
	}
	if v.FDs > 0 {
		words = append(words, fmt.Sprintf("%dfd", v.FDs))
	}
	return strings.Join(words, " ")
}
