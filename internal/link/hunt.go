package link

import (
	"fmt"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

func (r *searchRequest) answer(a *asked, k *staying) ([]byte, error) {
	if err := r.check(k.view.Size()); err != nil {
		return nil, err
	}
	if err := a.charge(r.size()); err != nil { // making a pattern is work too
		return nil, err
	}
	p, err := pattern.Compile(pattern.Spec{Kind: pattern.Kind(r.Kind), Texts: r.Texts, Fold: r.Fold, UTF16: r.UTF16})
	if err != nil {
		return nil, err
	}
	k.searches.Add(1)
	c, done, err := r.metered(a, k)
	if err != nil {
		return nil, err
	}
	defer done()
	h := &hunt{r: r, p: p, a: a, c: c}
	if err := h.run(container.Range{From: r.From, Before: r.Before, To: r.To, Back: r.Back}); err != nil {
		return nil, fmt.Errorf("search from %d to %d: %w", r.From, r.To, err)
	}
	reply := h.reply()
	return searchReplyPlan.bytes(&reply)
}

// size is how many bytes all texts have.
func (r *searchRequest) size() (n int64) {
	for _, text := range r.Texts {
		n += int64(len(text))
	}
	return n
}

func (r *searchRequest) check(size int64) error {
	total := r.size()
	switch {
	case len(r.Texts) > MaxTexts:
		return fmt.Errorf("%d texts of a pattern, which may have %d", len(r.Texts), MaxTexts)
	case total > MaxPattern:
		return fmt.Errorf("a pattern of %d bytes, which may have %d", total, MaxPattern)
	case !r.Count && (r.Limit < 1 || r.Limit > MaxMatches):
		return fmt.Errorf("a limit of %d matches, which may be 1 to %d", r.Limit, MaxMatches)
	case r.From < 0 || r.From > r.To || r.To > size || r.Before < r.From || r.Before > r.To:
		return fmt.Errorf("a search from %d before %d to %d: %w of %d bytes", r.From, r.Before, r.To, container.ErrRange, size)
	}
	return nil
}

// metered is the container as it is searched, which counts what is. One of another package
// may have its own way to search, of which nothing is known: all of it counts.
func (r *searchRequest) metered(a *asked, k *staying) (c container.Container, done func(), err error) {
	charge := func(n int64) error {
		if err := a.charge(n); err != nil {
			return err
		}
		k.searched.Add(n)
		return nil
	}
	if m, ok := container.Metered(k.view, charge); ok {
		return m, func() { m.Close() }, nil
	}
	return k.view, func() {}, charge(r.Before - r.From)
}

// hunt is a search under way.
type hunt struct {
	r     *searchRequest
	p     *pattern.Pattern
	a     *asked
	c     container.Container
	found []pattern.Match
	count int64
	next  int64
}

// run notes matches, until there are as many as were asked for.
func (h *hunt) run(where container.Range) error {
	h.next = -1
	if where.Before <= where.From {
		return nil // a Before of 0 would be none
	}
	for m, err := range container.Search(h.a.ctx, h.c, h.p, where) {
		if err == nil {
			err = h.a.wanted()
		}
		if err != nil {
			return err
		}
		if h.count++; h.r.Count {
			continue
		}
		if h.found = append(h.found, m); h.count == h.r.Limit {
			return h.enough(m)
		}
	}
	return nil
}

// enough adds what begins where the last match does, and notes where to go on.
func (h *hunt) enough(last pattern.Match) error {
	next, end := last.Offset+1, h.r.Before
	switch pattern.Kind(h.r.Kind) {
	case pattern.KindRegexp:
		next = last.End()
	case pattern.KindBytes: // which fits no more when there is no room for it
		end = min(end, h.r.To-last.Length+1)
	case pattern.KindAny:
		if err := h.group(last); err != nil {
			return err
		}
	}
	switch {
	case h.r.Back && last.Offset > h.r.From:
		h.next = last.Offset
	case !h.r.Back && next < end:
		h.next = next
	}
	return nil
}

// group adds the matches at last's offset that come behind it.
func (h *hunt) group(last pattern.Match) error {
	at := container.Range{From: last.Offset, Before: last.Offset + 1, To: h.r.To, Back: h.r.Back}
	behind := false
	for m, err := range container.Search(h.a.ctx, h.c, h.p, at) {
		switch {
		case err != nil:
			return err
		case behind:
			h.found, h.count = append(h.found, m), h.count+1
		case m == last:
			behind = true
		}
	}
	return nil
}

// reply is what was found, in few words.
func (h *hunt) reply() searchReply {
	reply := searchReply{Offsets: []int64{}, Lengths: []int64{}, Indexes: []int64{}, Next: h.next, Count: h.count}
	for _, m := range h.found {
		reply.Offsets = append(reply.Offsets, m.Offset)
		if pattern.Kind(h.r.Kind) == pattern.KindAny {
			reply.Indexes = append(reply.Indexes, int64(m.Index))
		}
		reply.Lengths = append(reply.Lengths, m.Length)
	}
	if alike(reply.Lengths) {
		reply.Lengths = reply.Lengths[:1]
	}
	return reply
}

// alike reports whether there are values, all the same.
func alike(all []int64) bool {
	for _, n := range all {
		if n != all[0] {
			return false
		}
	}
	return len(all) > 0
}
