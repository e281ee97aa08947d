package hexui

import (
	"context"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
	"github.com/outwork-go/outwork/internal/legible"
)

const (
	// searchChunk is how many bytes are searched until it is told how far it is.
	searchChunk = 64 << 20

	// maxMarks is how many matches are marked on a page.
	maxMarks = 4096
)

// search is what is looked for.
type search struct {
	text    string           // as it was typed
	pattern *pattern.Pattern // nil before the first search
	match   span             // the last one found
	run     *run             // nil when none is under way
}

// span is some bytes.
type span struct{ off, n int64 }

func (s span) holds(off int64) bool { return off >= s.off && off-s.off < s.n }

// run is a search under way: through the bytes on one side of where it began, then
// through those on the other. It goes chunk by chunk, a command each.
type run struct {
	pattern *pattern.Pattern
	back    bool
	atOnce  bool   // a side is no chunks: an expression backwards, which is searched for from its start
	left    []span // where matches may begin: the first is being searched
	wrapped bool   // what is searched is the other side
	done    int64  // bytes
	ctx     context.Context
	cancel  context.CancelFunc
}

// foundMsg is what a chunk had.
type foundMsg struct {
	run   *run
	n     int64 // bytes that were searched, or are not there
	match span  // n is 0: none
	err   error
}

// lookFor begins to search for what was typed.
func (m *model) lookFor(text string) tea.Cmd {
	p, err := pattern.Parse(text)
	if err != nil {
		m.say(err.Error())
		return nil
	}
	m.prompt = nil
	m.search.text, m.search.pattern, m.search.match = text, p, span{}
	m.matches = matches{}
	return m.start(false, m.cursor)
}

// again looks for the next match of what was looked for.
func (m *model) again(back bool) tea.Cmd {
	switch {
	case m.search.pattern == nil:
		m.say("nothing was searched for yet: type / and what to look for")
		return nil
	case back:
		return m.start(true, m.cursor)
	case m.search.expression() && m.search.match.holds(m.cursor):
		return m.start(false, m.search.match.off+m.search.match.n)
	}
	return m.start(false, m.cursor+1)
}

// expression reports whether what is looked for is a regular expression, whose matches do
// not overlap: where one begins depends on those before.
func (s *search) expression() bool { return s.pattern.Spec().Kind == pattern.KindRegexp }

// start searches for the first match that begins at from or behind, or before it.
func (m *model) start(back bool, from int64) tea.Cmd {
	m.search.stop()
	ctx, cancel := context.WithCancel(m.ctx)
	r := &run{pattern: m.search.pattern, back: back, atOnce: back && m.search.expression(), ctx: ctx, cancel: cancel}
	from = min(from, m.size)
	r.left = []span{{from, m.size - from}, {0, from}}
	if back {
		r.left = []span{{0, from}, {from, m.size - from}}
	}
	m.search.run = r
	return m.searchOn(r)
}

// stop ends a search that is under way.
func (s *search) stop() {
	if s.run != nil {
		s.run.cancel()
		s.run = nil
	}
}

// rest is what is left on the side that is being searched. It reports whether there is any.
func (r *run) rest() (span, bool) {
	for len(r.left) > 0 && r.left[0].n == 0 {
		r.left, r.wrapped = r.left[1:], true
	}
	if len(r.left) == 0 {
		return span{}, false
	}
	return r.left[0], true
}

// went takes n bytes that were searched from what is left.
func (r *run) went(n int64) {
	l := &r.left[0]
	if l.n -= n; !r.back {
		l.off += n
	}
	r.done += n
}

// cut is the next chunk of the rest, and how many bytes lie between that and where the
// search is: a hole is stepped over, however large.
func (r *run) cut(c container.Container, rest span) (part span, gap int64) {
	end := rest.off + rest.n
	switch {
	case r.atOnce:
		return rest, 0
	case !r.back:
		gap = hole(r.ctx, c, rest.off, end)
		return span{rest.off + gap, min(rest.n-gap, searchChunk)}, gap
	}
	n := min(rest.n, searchChunk)
	if hole(r.ctx, c, end-n, end) == n {
		gap = holeBefore(r.ctx, c, rest.off, end-n) + n
		n = min(rest.n-gap, searchChunk)
	}
	return span{end - gap - n, n}, gap
}

// searchOn searches the next chunk.
func (m *model) searchOn(r *run) tea.Cmd {
	rest, ok := r.rest()
	if !ok {
		r.cancel()
		m.search.run = nil
		m.say("not found: " + legible.Cut(m.search.text, maxEcho))
		return nil
	}
	c := m.c
	return m.job(func() tea.Msg {
		part, gap := r.cut(c, rest)
		match, err := r.first(c, part)
		return foundMsg{r, gap + part.n, match, err}
	})
}

// first is the first match that begins in a part, seen in the direction of the search.
func (r *run) first(c container.Container, part span) (span, error) {
	if part.n == 0 { // a Before of 0 would be anywhere
		return span{}, nil
	}
	in := container.Range{From: part.off, Before: part.off + part.n, Back: r.back}
	for match, err := range container.Search(r.ctx, c, r.pattern, in) {
		return span{match.Offset, match.Length}, err
	}
	return span{}, nil
}

func (m *model) found(msg foundMsg) tea.Cmd {
	r := msg.run
	switch {
	case r != m.search.run: // it was stopped meanwhile
		return nil
	case msg.err == nil && msg.match.n == 0:
		r.went(msg.n)
		return m.searchOn(r)
	}
	r.cancel()
	m.search.run = nil
	if msg.err != nil {
		m.say("search: " + msg.err.Error())
		return nil
	}
	m.selecting, m.search.match = false, msg.match
	m.jump(msg.match.off)
	switch {
	case r.wrapped && r.back:
		m.say("the search went on from the end")
	case r.wrapped:
		m.say("the search went on from the start")
	}
	return nil
}

// progress tells how far a search is.
func (m *model) progress() string {
	r := m.search.run
	if r == nil {
		return ""
	}
	text := "searching for " + legible.Cut(m.search.text, maxEcho)
	if m.size > searchChunk && !r.atOnce {
		text += fmt.Sprintf(", %.1f%%", 100*float64(r.done)/float64(m.size))
	}
	return text + " (Esc stops)"
}

// matches are those on a page.
type matches struct {
	list  []span
	of    *pattern.Pattern
	off   int64 // the page
	n     int
	fresh bool // they are those of what is shown, or are being looked for
}

// marksMsg is what was found on a page.
type marksMsg struct {
	of   *pattern.Pattern
	off  int64
	n    int
	list []span
}

// mark looks for the matches on the page, in a copy of what was read of it: only bytes
// that are shown are read, and a source that fails is not asked again.
func (m *model) mark() tea.Cmd {
	p := m.search.pattern
	if p == nil || !m.page.complete() || len(m.page.data) == 0 {
		return nil
	}
	if s := &m.matches; s.fresh && s.of == p && s.off == m.page.off && s.n == len(m.page.data) {
		return nil
	}
	off, data, states, size, ctx := m.page.off, m.page.data, m.page.states, m.size, m.ctx
	m.matches = matches{list: m.matches.list, of: p, off: off, n: len(data), fresh: true}
	data, states = append([]byte(nil), data...), append([]state(nil), states...)
	return m.job(func() tea.Msg { return marksMsg{p, off, len(data), marksOf(ctx, p, off, size, data, states)} })
}

// marksOf is the matches in data, which lies at off of all size bytes. Where an expression
// asks for what is before or behind data, which is not known, nothing is marked.
func marksOf(ctx context.Context, p *pattern.Pattern, off, size int64, data []byte, states []state) []span {
	c := container.FromBytes(data)
	defer c.Close()
	var in container.Range
	if off > 0 && p.LooksBehind() {
		in.From = 1
	}
	goesOn := off+c.Size() < size && p.LooksAhead()
	var list []span
	for match, err := range container.Search(ctx, c, p, in) {
		if err != nil || len(list) == maxMarks || goesOn && match.End() == c.Size() {
			break
		}
		if of := states[match.Offset : match.Offset+match.Length]; !slices.Contains(of, bad) {
			list = append(list, span{off + match.Offset, match.Length})
		}
	}
	return list
}

func (m *model) marked(msg marksMsg) {
	if s := &m.matches; s.of == msg.of && s.off == msg.off && s.n == msg.n {
		s.list = msg.list
	}
}

// isMatch tells for each byte of the page whether it is one of a match.
func (m *model) isMatch() []bool {
	is := make([]bool, len(m.page.data))
	for _, s := range append([]span{m.search.match}, m.matches.list...) {
		from := max(s.off, m.page.off) - m.page.off
		to := min(s.off+s.n-m.page.off, int64(len(is)))
		for i := from; i < to; i++ {
			is[i] = true
		}
	}
	return is
}
