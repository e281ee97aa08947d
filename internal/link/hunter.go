package link

import (
	"context"

	"github.com/outwork-go/outwork/container/pattern"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/pages"
)

// Search is of pages.Peer.
func (m *manager) Search(ctx context.Context, share uint64, s pages.Search) (pages.Found, error) {
	r := searchRequest{
		Share: share, Kind: uint8(s.Spec.Kind), Texts: s.Spec.Texts, Fold: s.Spec.Fold, UTF16: s.Spec.UTF16,
		From: s.From, Before: s.Before, To: s.To, Limit: s.Limit, Count: s.Count, Back: s.Back,
	}
	var reply searchReply
	err := askParts(ctx, (*Link)(m), frame.SearchContainer, &searchPlan, &r, &searchReplyPlan, &reply, func() error {
		return r.checkReply(&reply)
	})
	if err != nil {
		return pages.Found{}, err // of a reply that was refused nothing is looked at
	}
	return pages.Found{Matches: reply.matches(), Next: reply.Next, Count: reply.Count}, nil
}

// matches are what a reply that was checked tells of.
func (reply *searchReply) matches() []pattern.Match {
	all := make([]pattern.Match, len(reply.Offsets))
	for i := range all {
		all[i] = reply.match(i)
	}
	return all
}

func (reply *searchReply) match(i int) pattern.Match {
	m := pattern.Match{Offset: reply.Offsets[i], Length: reply.Lengths[min(i, len(reply.Lengths)-1)]}
	if len(reply.Indexes) > 0 {
		m.Index = int(reply.Indexes[i])
	}
	return m
}

// checkReply is what is wrong with an answer to r: whoever goes on from it must come
// to an end.
func (r *searchRequest) checkReply(reply *searchReply) error {
	if err := r.checkLists(reply); err != nil {
		return err
	}
	for i := range reply.Offsets {
		m := reply.match(i)
		if m.Length < 1 || m.Offset < r.From || m.Offset >= r.Before || m.Length > r.To-m.Offset || m.Index < 0 || m.Index >= len(r.Texts) {
			return frame.Violated("reply", "a match of text %d, %d bytes at %d, in a search from %d before %d to %d", m.Index, m.Length, m.Offset, r.From, r.Before, r.To)
		}
		if i > 0 && !r.follows(reply.match(i-1), m) {
			return frame.Violated("reply", "a match at %d behind one at %d", m.Offset, reply.Offsets[i-1])
		}
	}
	return r.checkNext(reply)
}

// checkLists is for how many there are of everything.
func (r *searchRequest) checkLists(reply *searchReply) error {
	n, lengths, indexes := len(reply.Offsets), len(reply.Lengths), len(reply.Indexes)
	several := pattern.Kind(r.Kind) == pattern.KindAny
	most := r.Limit
	if several {
		most += int64(len(r.Texts)) - 1
	}
	switch {
	case r.Count && (n > 0 || reply.Next != -1 || reply.Count < 0 || reply.Count > 0 && (reply.Count-1)/int64(len(r.Texts)) >= r.Before-r.From):
		return frame.Violated("reply", "%d matches counted from %d to %d, with %d places", reply.Count, r.From, r.To, n)
	case !r.Count && (int64(n) > most || reply.Count != int64(n)):
		return frame.Violated("reply", "%d places of %d matches, of which %d were asked for", n, reply.Count, r.Limit)
	case lengths != n && (n == 0 || lengths != 1), !several && indexes > 0, several && indexes != n:
		return frame.Violated("reply", "%d places with %d lengths and the numbers of %d texts", n, lengths, indexes)
	}
	return nil
}

// follows reports whether m may come behind last.
func (r *searchRequest) follows(last, m pattern.Match) bool {
	if r.Back {
		last, m = m, last
	}
	switch pattern.Kind(r.Kind) {
	case pattern.KindRegexp:
		return m.Offset >= last.End()
	case pattern.KindAny:
		return m.Offset > last.Offset || m.Offset == last.Offset && m.Index > last.Index
	}
	return m.Offset > last.Offset
}

// checkNext is for where to go on: behind the last match, if there is one.
func (r *searchRequest) checkNext(reply *searchReply) error {
	next, n := reply.Next, len(reply.Offsets)
	switch {
	case next == -1:
		return nil
	case n == 0, next <= r.From, next >= r.Before:
	case r.Back && next <= reply.Offsets[n-1], !r.Back && next > reply.Offsets[n-1]:
		return nil
	}
	return frame.Violated("reply", "a search from %d before %d that goes on at %d, with %d matches", r.From, r.Before, next, n)
}
