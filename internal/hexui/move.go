package hexui

import (
	tea "charm.land/bubbletea/v2"
)

const wheelRows = 3

// clamp is the offset nearest to off that has a byte; 0 when there is none.
func (m *model) clamp(off int64) int64 {
	return min(max(off, 0), max(m.size-1, 0))
}

// move moves the cursor by bytes.
func (m *model) move(by int64) {
	switch {
	case by > 0 && by > m.size-1-m.cursor:
		by = max(m.size-1-m.cursor, 0)
	case by < 0 && by < -m.cursor:
		by = -m.cursor
	}
	m.cursor += by
}

// row moves by whole rows. Where there is none above or below it stays.
func (m *model) row(by int64) {
	cols := int64(m.frame.cols)
	switch last := max(m.size-1, 0); {
	case by < 0 && m.cursor+by*cols >= 0:
		m.cursor += by * cols
	case by > 0 && by*cols <= last-m.cursor:
		m.cursor += by * cols
	case by > 0 && m.cursor/cols < last/cols:
		m.cursor = last
	}
}

// pages moves by what is seen, and the top with it.
func (m *model) pages(by int64) {
	rows := int64(m.frame.rows)
	m.scroll(by * rows)
	switch cols := int64(m.frame.cols); {
	case by < 0 && m.cursor < rows*cols:
		m.cursor %= cols
	case by > 0 && m.cursor > m.size-1-rows*cols:
		m.move(rows * cols)
	default:
		m.move(by * rows * cols)
	}
}

// scroll moves the top by rows.
func (m *model) scroll(by int64) {
	switch n, last := by*int64(m.frame.cols), m.lastTop(); {
	case n < 0:
		m.top = max(m.top+n, 0)
	default:
		m.top += min(n, max(last-m.top, 0))
	}
}

func (m *model) rowStart() { m.cursor -= m.cursor % int64(m.frame.cols) }

func (m *model) rowEnd() {
	cols := int64(m.frame.cols)
	m.move(cols - 1 - m.cursor%cols)
}

// jump goes to an offset, and shows what is around it if it was not to be seen.
func (m *model) jump(off int64) {
	m.cursor = m.clamp(off)
	cols, rows := int64(m.frame.cols), int64(m.frame.rows)
	if m.cursor < m.top || m.cursor-m.top >= rows*cols {
		m.top = max(m.cursor-m.cursor%cols-rows/3*cols, 0)
	}
}

// follow brings the cursor into sight.
func (m *model) follow() {
	cols, rows := int64(m.frame.cols), int64(m.frame.rows)
	m.top -= m.top % cols
	at := m.cursor - m.cursor%cols
	switch {
	case at < m.top:
		m.top = at
	case at-m.top >= rows*cols:
		m.top = at - (rows-1)*cols
	}
	m.top = min(m.top, m.lastTop())
}

// lastTop is the top that has the last row in the last line.
func (m *model) lastTop() int64 {
	cols, rows := int64(m.frame.cols), int64(m.frame.rows)
	last := max(m.size-1, 0)
	return max(last-last%cols-(rows-1)*cols, 0)
}

// extend moves with the selection.
func (m *model) extend(move func(*model)) {
	if !m.selecting {
		m.selecting, m.loose, m.anchor = true, true, m.cursor
	}
	move(m)
}

// release ends a selection that does not follow moves.
func (m *model) release() {
	m.selecting = m.selecting && !m.loose
}

func (m *model) toggleSelection() {
	m.selecting, m.loose, m.anchor = !m.selecting, false, m.cursor
}

// field goes to the next field or the one before.
func (m *model) field(by int) {
	t := &m.tree
	k := t.after(m.cursor)
	if by < 0 {
		k = t.before(m.cursor)
	}
	switch {
	case len(t.leaves) == 0:
		m.say("no structure is known of these bytes")
	case k < 0:
		m.say("there is no field before this one")
	case k == len(t.leaves):
		m.say("there is no field behind this one")
	case t.nodes[t.leaves[k]].Offset >= m.size:
		m.say("the next field lies behind the end of these bytes")
	default:
		m.release()
		m.jump(t.nodes[t.leaves[k]].Offset)
	}
}

// enter jumps to the node at the tree's cursor and selects it.
func (m *model) enter() {
	i := m.tree.node()
	if i < 0 {
		return
	}
	n := m.tree.nodes[i]
	if n.Size == 0 || n.Offset >= m.size {
		m.say("this has no bytes of its own here")
		return
	}
	m.jump(n.Offset)
	m.selecting, m.loose, m.anchor = true, true, m.clamp(n.Offset+n.Size-1)
}

// toggleTree opens the tree at the field of the cursor.
func (m *model) toggleTree() {
	t := &m.tree
	switch {
	case len(t.nodes) == 0:
		m.say("no structure is known of these bytes")
		return
	case t.open:
		t.open, t.focus = false, false
		return
	}
	t.open = true
	if m.place(); m.frame.tree.h == 0 {
		t.open = false
		m.say(noTreeRoom)
		return
	}
	t.focus = true
	if k := t.at(m.cursor); k >= 0 {
		t.show(t.leaves[k])
	}
}

const noTreeRoom = "the window is too small for the structure"

// switchPane gives the keys to the tree, or back to the bytes.
func (m *model) switchPane() {
	t := &m.tree
	if t.open && m.frame.tree.h == 0 {
		m.say(noTreeRoom)
		return
	}
	t.focus = t.open && !t.focus
}

func (m *model) wheel(at tea.Mouse) {
	by := wheelRows
	switch at.Button {
	case tea.MouseWheelUp:
		by = -by
	case tea.MouseWheelDown:
	default:
		return
	}
	switch {
	case m.help > 0:
		m.help = max(m.help+by, 1)
	case m.frame.tree.holds(at.X, at.Y):
		m.tree.move(by)
	default:
		m.scroll(int64(by))
		cols, rows := int64(m.frame.cols), int64(m.frame.rows)
		column := m.cursor % cols
		m.cursor = m.clamp(min(max(m.cursor, m.top+column), m.top+(rows-1)*cols+column))
	}
}

func (m *model) click(at tea.Mouse) {
	if at.Button != tea.MouseLeft || m.help > 0 || m.prompt != nil {
		return
	}
	if r := m.frame.tree; r.holds(at.X, at.Y) {
		m.tree.focus = true
		m.tree.move(m.tree.top + at.Y - r.y - 1 - m.tree.line)
		return
	}
	if off, ok := m.byteAt(at.X, at.Y); ok {
		m.cursor, m.selecting, m.tree.focus = off, false, false
	}
}

func (m *model) drag(at tea.Mouse) {
	if at.Button != tea.MouseLeft || m.help > 0 || m.prompt != nil {
		return
	}
	if off, ok := m.byteAt(at.X, at.Y); ok && off != m.cursor {
		m.extend(func(m *model) { m.cursor = off })
	}
}
