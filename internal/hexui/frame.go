package hexui

import "math/bits"

// Bounds of a window, in cells: what is larger is drawn in a part of it, and what is
// smaller not at all.
const (
	maxColumns = 1000
	maxRows    = 500
	minRows    = 4
)

// minTree is how many lines a tree has at least: its title and a node.
const minTree = 2

// rect is a part of the screen; nothing when h is 0.
type rect struct{ x, y, w, h int }

func (r rect) holds(x, y int) bool {
	return x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h
}

// frame is where everything is.
type frame struct {
	bytes  rect // with offsets and text
	tree   rect // with its title
	values rect
	rows   int  // of bytes
	cols   int  // bytes of a row
	digits int  // of an offset
	tight  bool // one space behind offsets, none between eights
}

// hexAt is the column of a byte of a row, from the left of the row.
func (f *frame) hexAt(i int) int {
	if f.tight {
		return f.digits + 1 + 3*i
	}
	return f.digits + 2 + 3*i + i/8
}

// textAt is the column of its character.
func (f *frame) textAt(i int) int {
	if f.tight {
		return f.hexAt(f.cols) + i
	}
	return f.hexAt(f.cols-1) + 4 + i
}

// width is that of a row.
func (f *frame) width() int { return f.textAt(f.cols) }

// place finds where everything goes in the window.
func (m *model) place() {
	f := m.fit()
	area := rect{0, 1, m.width, max(m.height-3, 1)}
	f.bytes = area
	side := rect{f.width() + 2, area.y, m.width - f.width() - 2, area.h}
	if side.w >= valueWidth {
		m.beside(&f, side)
	} else {
		m.below(&f, area)
	}
	f.rows = f.bytes.h
	if m.small() {
		f.rows = 1
	}
	if m.small() || f.tree.h < minTree {
		f.tree, m.tree.focus = rect{}, false // keys go to what is to be seen
	}
	m.frame = f
	m.follow()
	m.page.show(m.top, int(min(int64(m.frame.rows*f.cols+valueBytes-1), m.size-m.top)))
	m.tree.scroll(max(f.tree.h-1, 1))
}

func (m *model) small() bool { return m.width < m.minColumns() || m.height < minRows }

// minColumns is how wide the narrowest rows are.
func (m *model) minColumns() int {
	f := m.narrowest()
	return f.width()
}

func (m *model) narrowest() frame {
	last := max(uint64(m.o.Base)+uint64(m.size-1), uint64(m.o.Base))
	return frame{cols: 4, digits: max((bits.Len64(last)+3)/4, 4), tight: true}
}

// fit chooses the widest rows that the window has room for.
func (m *model) fit() frame {
	f := m.narrowest()
	need := f.digits
	for _, f = range []frame{
		{cols: 32, digits: max(need, 8)},
		{cols: 16, digits: max(need, 8)},
		{cols: 16, digits: need},
		{cols: 16, digits: need, tight: true},
		{cols: 8, digits: max(need, 8)},
		{cols: 8, digits: need},
		{cols: 8, digits: need, tight: true},
		{cols: 4, digits: need, tight: true},
	} {
		width := f.width()
		if f.cols == 32 {
			width += valueWidth + 2 // rather the values than long rows
		}
		if width <= m.width {
			break
		}
	}
	return f
}

// beside puts tree and values to the right of the bytes: the tree above.
func (m *model) beside(f *frame, side rect) {
	tree, values := m.tree.open, m.inspect != never
	if tree && values && m.inspect == whereRoom && side.h < 20 {
		values = false
	}
	if values {
		f.values = side
		if need := valueLines(side.w); tree {
			f.values.h = min(need, side.h/2)
			f.values.y = side.y + side.h - f.values.h
		} else {
			f.values.h = min(need, side.h)
		}
	}
	if tree {
		f.tree = side
		f.tree.h = side.h - f.values.h
	}
	if tree || values {
		f.bytes.w = side.x - 2
	}
}

// below puts them under the bytes: the values last.
func (m *model) below(f *frame, area rect) {
	need := valueLines(area.w)
	values := m.inspect == always && area.h >= need/2 || m.inspect == whereRoom && area.h >= 2*need+6
	if m.tree.open && m.inspect == whereRoom && area.h < 3*need {
		values = false
	}
	if values {
		h := min(need, area.h-min(4, area.h/2))
		f.values = rect{0, area.y + area.h - h, area.w, h}
		f.bytes.h -= h
	}
	if h := f.bytes.h / 2; m.tree.open && h >= minTree {
		f.tree = rect{0, area.y + f.bytes.h - h, area.w, h}
		f.bytes.h -= h
	}
}

// valueColumns is how many columns of values w columns have room for.
func valueColumns(w int) int { return min(max((w+1)/(valueWidth+1), 1), 3) }

func valueLines(w int) int {
	n := valueColumns(w)
	return (4 + 2*len(readings) + n - 1) / n
}

// byteAt is the byte that is drawn at a place of the screen.
func (m *model) byteAt(x, y int) (int64, bool) {
	f := &m.frame
	if !f.bytes.holds(x, y) || m.small() {
		return 0, false
	}
	for i := range f.cols {
		hex := f.bytes.x + f.hexAt(i)
		if x == hex || x == hex+1 || x == f.bytes.x+f.textAt(i) {
			off := m.top + int64((y-f.bytes.y)*f.cols+i)
			return off, off < m.size
		}
	}
	return 0, false
}
