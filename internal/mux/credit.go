package mux

import (
	"encoding/binary"
	"os"

	"github.com/outwork-go/outwork/internal/frame"
)

func (s *State) takeCredit(st *Stream, n uint32) error {
	if n == 0 || st.credit+int64(n) > maxCredit {
		return frame.Violated("credit", "a CREDIT of %d on stream %d, which has %d", n, st.ID, st.credit)
	}
	st.credit += int64(n)
	s.makeReady(st)
	return nil
}

// assemble joins the pieces of a message. Its credit is given back at once, or on
// a BULK stream when its reader takes it.
func (s *State) assemble(st *Stream, h frame.Header, ev Event) (Event, bool, error) {
	more := h.Flags&frame.More != 0
	switch {
	case st.cut:
		st.partial, st.cut = more, more
		s.drop(st, h, ev.Files)
		return ev, false, nil
	case len(st.part)+len(ev.Payload) > s.limits.Message:
		return s.tooLong(st, h, ev)
	case !st.partial && !more:
		ev.cost = cost(h)
		s.consumed(st, &ev)
		return ev, true, nil
	}
	if !st.partial {
		st.partial, st.partHandle, st.partOpen = true, h.Handle, h.Kind == frame.Open
		st.lengthen()
		st.part = make([]byte, 0, st.expected)
	}
	st.part = append(st.part, ev.Payload...)
	st.partFiles = append(st.partFiles, ev.Files...)
	st.partCost += cost(h)
	if more {
		s.wantLong(st)
		return ev, false, nil
	}
	ev.Payload, ev.Files, ev.Owned, ev.cost = st.part, st.partFiles, true, st.partCost
	if st.partOpen {
		ev.Kind = frame.Open
	}
	st.part, st.partFiles = nil, nil
	s.dropPart(st)
	s.consumed(st, &ev)
	return ev, true, nil
}

// drop gives back the credit of a frame that nobody wants.
func (s *State) drop(st *Stream, h frame.Header, files []*os.File) {
	s.Consume(st, cost(h))
	s.shed(files)
}

// tooLong is for a message above the limit. A guarded State hands its beginning
// up, for an answer that says so, and drops the rest.
func (s *State) tooLong(st *Stream, h frame.Header, ev Event) (Event, bool, error) {
	if !s.limits.Guarded {
		closeFiles(ev.Files)
		return ev, false, frame.Violated("message", "a message of more than %d bytes on stream %d", s.limits.Message, st.ID)
	}
	if st.partOpen {
		ev.Kind = frame.Open
	}
	ev.Payload, ev.Owned = append(st.part, ev.Payload...)[:s.limits.Message], true
	ev.Files, ev.Cut = append(st.partFiles, ev.Files...), true
	spent, more := st.partCost+cost(h), h.Flags&frame.More != 0
	st.part, st.partFiles = nil, nil
	s.dropPart(st)
	s.giveUp(st, 0)
	st.partial, st.partHandle, st.cut = more, h.Handle, more
	st.lengthen()
	s.Consume(st, spent)
	return ev, true, nil
}

// consumed gives a message's credit back, unless a reader will.
func (s *State) consumed(st *Stream, ev *Event) {
	if st.in == nil || st.pipe != nil {
		s.Consume(st, ev.cost)
		ev.cost = 0
	}
}

// dropPart forgets a message of which not all came, and gives its share up.
func (s *State) dropPart(st *Stream) {
	s.shed(st.partFiles)
	st.partial, st.partOpen, st.cut, st.part, st.partFiles, st.partCost = false, false, false, nil, nil, 0
	s.endLong(st)
}

// Consume gives n bytes of credit back to the peer. A reader that keeps up with
// its sender, so that at most a quarter of the window lies unread, is given a
// larger one.
func (s *State) Consume(st *Stream, n int64) {
	st.owed += n
	if !st.recvOpen || st.owed < st.window/2 {
		return
	}
	unread := st.window - st.owed - st.allowed - st.partCost
	if unread <= st.window/4 && st.window < MaxWindow && s.grown+st.window <= GrowthBudget && !s.limits.Guarded {
		s.grown += st.window
		st.owed += st.window
		st.window *= 2
	}
	s.giveBack(st)
}

// giveBack sends the credit that st's peer is owed.
func (s *State) giveBack(st *Stream) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(st.owed))
	s.put(frame.Header{Stream: st.ID, Kind: frame.Credit}, b[:], nil)
	st.allowed += st.owed
	st.owed = 0
}

// widen makes room at once for n bytes whose reader takes them as they come, so
// that their sender does not wait for credit.
func (s *State) widen(st *Stream, n int64) {
	more := min(n, MaxWindow) - st.window
	if more <= 0 || s.grown+more > GrowthBudget || !st.recvOpen || st.reset || s.limits.Guarded {
		return
	}
	s.grown += more
	st.window += more
	st.owed += more
	s.giveBack(st)
}
