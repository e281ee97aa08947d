package link

import (
	"fmt"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// headerOf is how much of a call's payload is looked at for its header, in bytes.
func (c *Config) headerOf(payload []byte) int {
	if c.serves() {
		return min(len(payload), ServiceHeader)
	}
	return len(payload)
}

// checkGrants keeps a client from having a service remember much.
func (c *Config) checkGrants(h *callHeader) error {
	if c.serves() && len(h.Grants) > ServiceGrants {
		return frame.Violated("message", "CALL_FUNCTION with %d grants, more than %d", len(h.Grants), ServiceGrants)
	}
	return nil
}

// excess is why a service does not take up a call that asks for too much; nil:
// it takes it up, and the layer below knows how much it brings.
func (l *Link) excess(in *Incoming, h *callHeader, ev mux.Event, args []byte) *Failure {
	limit := int64(l.cfg.Limits.Argument)
	size, over := weigh(args, h.Parts, limit)
	switch {
	case ev.Cut || size > limit:
		return in.misfit("it is longer than the %d bytes of CBOR that this service takes", limit)
	case over != nil:
		return in.misfit("%s brings %d bytes, with which it is longer than the %d bytes that this service takes", in.fn.wireName(over.Field), over.Size, limit)
	}
	if n := l.running(); n > 2*l.cfg.Limits.Streams {
		return &Failure{Code: CodeRefused, Message: fmt.Sprintf("%d calls of this link run, or have results that were not taken: take them first", n-1)}
	}
	if ev.Owned || len(h.Parts) > 0 {
		l.conn.Update(func(s *mux.State) { s.Expect(in.st, size) })
	}
	return nil
}

// weigh is the size of a value with the bytes beside it; over is the part with
// which it would be above limit. Parts of no good size are for others to judge.
func weigh(value []byte, parts []part, limit int64) (size int64, over *part) {
	size = int64(len(value))
	for i := range parts {
		p := &parts[i]
		switch {
		case p.Kind != partBytes || p.Size < 0:
		case p.Size > limit-size:
			return size, p
		default:
			size += p.Size
		}
	}
	return size, nil
}

// wireName is what errors call the field of that index.
func (f *Function) wireName(field int) string {
	if c := crossingOf(f.Args.Crossings(), field); c != nil && c.Key != "" {
		return c.Key
	}
	return "it"
}

// running is how many calls run here, or have results that are not all sent.
func (l *Link) running() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.incoming)
}

// charge notes that in's argument takes memory, in bytes, unless the calls that
// run take too much already.
func (l *Link) charge(in *Incoming, memory int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.decoded+memory > ServiceDecoded {
		return &Failure{Code: CodeRefused, Message: fmt.Sprintf("the arguments of the calls that run on this link take %d KiB of the %d that they may: try again when they have ended", l.decoded>>10, ServiceDecoded>>10)}
	}
	in.memory = memory
	l.decoded += memory
	return nil
}
