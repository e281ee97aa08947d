package core

import (
	"context"

	"github.com/outwork-go/outwork"
)

// maxLines is how many lines can be asked for.
const maxLines = 1000

// TailArgs are the arguments of journal.tail.
type TailArgs struct {
	Lines int `cbor:"lines" doc:"how many lines" arg:"0" min:"1" max:"1000" default:"20"`
}

// TailReply are lines of a log, the oldest first.
type TailReply struct {
	Lines []string `cbor:"lines" doc:"the lines, the oldest first"`
}

// Tail tells the last lines of the journal, or where there is none, of the
// system's log file. Of more than maxOutput bytes it tells the last.
var Tail = outwork.Func("journal.tail", func(ctx context.Context, a TailArgs) (TailReply, error) {
	lines, err := tail(ctx, min(max(a.Lines, 1), maxLines))
	return TailReply{lines}, err
})
