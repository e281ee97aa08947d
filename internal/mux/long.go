package mux

import (
	"slices"

	"github.com/outwork-go/outwork/internal/frame"
)

// budget is for what is longer than its window. Who has a share of it is given
// credit up to its end, and the others wait, so that what has come in part is
// bounded. Shares are counted; those of a guarded State are bytes.
type budget struct {
	used, most int64
	wait       []*Stream
}

// long is what concerns only a stream that brings more than one frame.
type long struct {
	share, need int64   // of a budget
	waits       *budget // for a share of it
	of          *Stream // the call that it is a part of, whose share is its own
	progress    progress
}

// lengthen is st's long, made when it is first needed.
func (st *Stream) lengthen() *long {
	if st.long == nil {
		st.long = &long{progress: progress{got: 1}} // for 0 is what nobody has seen
	}
	return st.long
}

// share is st's of its budget.
func (st *Stream) share() int64 {
	if st.long == nil {
		return 0
	}
	return st.long.share
}

// fits reports whether n more may be taken. One is always served.
func (b *budget) fits(n int64) bool { return b.used == 0 || b.used+n <= b.most }

// holder is who has the share that st needs: st, or the call that it is a part of.
func (st *Stream) holder() *Stream {
	if st.long != nil && st.long.of != nil && !st.long.of.gone {
		return st.long.of
	}
	return st
}

// argument reports whether st is a call of the peer's.
func (s *State) argument(st *Stream) bool { return st.in == nil && !s.opened(st.ID) }

// budgetFor is the one that holder takes its share of. Calls may wait for
// answers of a guarded State's peer, which therefore have a budget of their own.
func (s *State) budgetFor(holder *Stream) *budget {
	if s.limits.Guarded && !s.argument(holder) {
		return &s.answers
	}
	return &s.long
}

// need is the share that st, or the call that it is a part of, asks for: where
// shares are bytes, all that may come.
func (s *State) need(st *Stream) int64 {
	switch {
	case !s.limits.Guarded:
		return 1
	case st.holder() != st:
		return max(1, st.long.of.long.need)
	case st.in != nil:
		return max(1, st.in.size)
	}
	return int64(s.limits.Message)
}

// wantLong gives credit for the rest of what st brings, when there is a share for
// it. On a BULK stream it is the reader that wants it: what nobody reads stays
// within its window.
func (s *State) wantLong(st *Stream) {
	holder := st.holder()
	b := s.budgetFor(holder)
	switch {
	case st.gone || !st.partial && !st.in.collecting():
	case holder.share() > 0:
		s.Consume(st, st.partCost)
		st.partCost = 0
	case st.lengthen().waits != nil || !s.short(st) || !st.in.wanted():
	case b.fits(s.need(st)):
		holder.lengthen().share = s.need(st)
		b.used += holder.share()
		s.wantLong(st)
	default:
		st.long.waits = b
		b.wait = append(b.wait, st)
	}
}

// short reports whether st's peer will be out of credit before it is done, as
// far as can be seen.
func (s *State) short(st *Stream) bool {
	switch {
	case st.in.collecting():
		return st.in.left()+frame.HeaderSize > st.allowed
	case s.limits.Guarded:
		return st.allowed <= st.window/4
	}
	return st.allowed <= st.window/2
}

// endLong is for what is whole, or will not be. On a guarded State a call keeps
// its share until it has been answered: what it brought is still held.
func (s *State) endLong(st *Stream) {
	if st.long == nil {
		return
	}
	if b := st.long.waits; b != nil {
		st.long.waits = nil
		b.wait = slices.DeleteFunc(b.wait, func(w *Stream) bool { return w == st })
	}
	if !s.limits.Guarded || st.gone || !s.argument(st) {
		s.giveUp(st, 0)
	}
}

// Expect is for a call of a guarded State's peer whose message is whole: all in
// all it brings n bytes. What is not covered by its share yet it asks for when its
// parts are collected.
func (s *State) Expect(call *Stream, n int64) {
	call.lengthen().need = n
	s.giveUp(call, n)
}

// giveUp leaves st with a share of n at most, and serves the next ones.
func (s *State) giveUp(st *Stream, n int64) {
	if st.share() <= n {
		return
	}
	b := s.budgetFor(st)
	b.used -= st.long.share - n
	st.long.share = n
	for i := 0; i < len(b.wait); {
		next := b.wait[i]
		switch {
		case next.holder().share() > 0 || b.fits(s.need(next)):
			b.wait = slices.Delete(b.wait, i, i+1)
			next.long.waits = nil
			s.wantLong(next)
		case !s.limits.Guarded:
			return
		default: // another part of a call that has its share may be behind it
			i++
		}
	}
}
