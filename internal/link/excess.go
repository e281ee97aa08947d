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
	size := int64(len(args))
	if ev.Cut || size > limit {
		return in.misfit("it is longer than the %d bytes of CBOR that this service takes", limit)
	}
	for _, p := range h.Parts {
		if p.Kind != partBytes || p.Size < 0 {
			continue // if it is wrong, that breaks a rule
		}
		if p.Size > limit-size {
			return in.misfit("%s brings %d bytes, with which it is longer than the %d bytes that this service takes", in.fn.wireName(p.Field), p.Size, limit)
		}
		size += p.Size
	}
	if n := l.running(); n > 2*l.cfg.Limits.Streams {
		return &Failure{Code: CodeRefused, Message: fmt.Sprintf("%d calls of this link run, or have results that were not taken: take them first", n-1)}
	}
	if ev.Owned || size > int64(len(args)) {
		l.conn.Update(func(s *mux.State) { s.Expect(in.st, size) })
	}
	return nil
}

// tooLong reports whether a value and the bytes beside it are longer than limit.
func tooLong(value []byte, parts []part, limit int) bool {
	left := int64(limit - len(value))
	for _, p := range parts {
		if p.Kind == partBytes && p.Size > left {
			return true
		}
		if p.Kind == partBytes {
			left -= max(0, p.Size)
		}
	}
	return left < 0
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
