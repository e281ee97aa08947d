package hexui

import (
	"context"
	"errors"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/outwork-go/outwork/container"
)

// maxLoads is how many reads of one view run at once: more wait for the first to end, so
// that scrolling over a source that hangs does not pile them up.
const maxLoads = 4

// page is the bytes that are to be seen.
type page struct {
	off    int64
	data   []byte
	states []state

	epoch  int    // grows when all is to be read again: what was asked for before is too old
	load   *load  // the last one, while it runs
	loads  int    // those that run
	failed string // why bytes of the page are bad; empty when none are
}

// load is a read that runs.
type load struct {
	off, n int64
	cancel context.CancelFunc
}

// loadMsg is what a load got.
type loadMsg struct {
	load   *load
	epoch  int
	data   []byte
	states []state
	err    error
}

// show makes the page that of n bytes at off, and keeps what is known of them.
func (p *page) show(off int64, n int) {
	if p.off == off && len(p.data) == n {
		return
	}
	old := *p
	p.off, p.data, p.states = off, make([]byte, n), make([]state, n)
	p.put(old.off, old.data, old.states)
	p.forget()
	if l := p.load; l != nil && (l.off >= off+int64(n) || l.off+l.n <= off) {
		l.cancel()
		p.load = nil
	}
}

// put takes what is known of other bytes, as far as they are of this page.
func (p *page) put(off int64, data []byte, states []state) {
	from, to := max(off, p.off), min(off+int64(len(data)), p.off+int64(len(p.data)))
	for at := from; at < to; at++ {
		if s := states[at-off]; s != unread {
			p.data[at-p.off], p.states[at-p.off] = data[at-off], s
		}
	}
}

// forget drops the error when no byte of the page is bad.
func (p *page) forget() {
	if !slices.Contains(p.states, bad) {
		p.failed = ""
	}
}

// again has all bytes read again. They are shown until then.
func (p *page) again() {
	p.epoch++
	for i, s := range p.states {
		switch s {
		case good:
			p.states[i] = stale
		case bad:
			p.states[i] = unread
		}
	}
	if p.load != nil {
		p.load.cancel()
		p.load = nil
	}
}

// missing is the part that has to be read, from the first such byte to the last.
func (p *page) missing() (off, n int64) {
	from, to := -1, 0
	for i, s := range p.states {
		if s == unread || s == stale {
			if from < 0 {
				from = i
			}
			to = i + 1
		}
	}
	if from < 0 {
		return 0, 0
	}
	return p.off + int64(from), int64(to - from)
}

// complete reports whether nothing is to be read.
func (p *page) complete() bool {
	_, n := p.missing()
	return n == 0
}

// at is a byte, and what is known of it.
func (p *page) at(off int64) (byte, state) {
	if off < p.off || off-p.off >= int64(len(p.data)) {
		return 0, unread
	}
	return p.data[off-p.off], p.states[off-p.off]
}

// known is at most n bytes from off on that have values.
func (p *page) known(off int64, n int) []byte {
	var b []byte
	for range n {
		v, s := p.at(off)
		if !s.shown() {
			break
		}
		b = append(b, v)
		off++
	}
	return b
}

// fetch reads what is missing of the page.
func (m *model) fetch() tea.Cmd {
	p := &m.page
	off, n := p.missing()
	if n == 0 || p.load != nil || p.loads >= maxLoads {
		return nil
	}
	ctx, cancel := context.WithCancel(m.ctx)
	l := &load{off, n, cancel}
	p.load, p.loads = l, p.loads+1
	c, epoch := m.c, p.epoch
	return m.job(func() tea.Msg {
		defer cancel()
		data := make([]byte, l.n)
		states, err := readPieces(ctx, c, l.off, data)
		return loadMsg{l, epoch, data, states, err}
	})
}

func (m *model) loaded(msg loadMsg) tea.Cmd {
	p := &m.page
	p.loads--
	if p.load == msg.load {
		p.load = nil
	}
	if msg.epoch != p.epoch {
		return nil
	}
	p.put(msg.load.off, msg.data, msg.states)
	if msg.err != nil && m.ctx.Err() == nil && !canceled(msg.err) {
		p.failed = reason(msg.err)
	}
	p.forget()
	m.matches.fresh = false
	return nil
}

// reason is why bytes cannot be read, without where: that is seen.
func reason(err error) string {
	for _, known := range []error{container.ErrHole, container.ErrProcessGone} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}
