package hexui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

const title = bold | reverse

// View is of tea.Model.
func (m *model) View() tea.View {
	v := tea.View{AltScreen: true, MouseMode: tea.MouseModeCellMotion}
	if m.left {
		return v
	}
	c := newCanvas(m.width, m.height, m.plain)
	switch {
	case m.small():
		c.text(0, 0, c.w, fmt.Sprintf("too small: %d columns and %d rows at least", m.minColumns(), minRows), bold)
	case m.help > 0:
		m.drawHelp(c)
	default:
		m.drawHead(c)
		m.drawBytes(c)
		m.drawTree(c)
		m.drawValues(c)
		m.drawStatus(c)
		m.drawLast(c)
	}
	v.SetContent(c.String())
	return v
}

func (m *model) drawHead(c *canvas) {
	c.fill(0, 0, c.w, ' ', title)
	size := bytesOf(m.size)
	if m.size > 0 {
		size += fmt.Sprintf("  %3d%%", int(100*float64(m.cursor+1)/float64(m.size)))
	}
	right := max(c.w-len(size)-1, 0)
	name := m.o.Title
	if name == "" {
		name = "bytes"
	}
	c.text(1, 0, right-1, name, title)
	c.text(right, 0, c.w, size, title)
}

// address is an offset as it is shown.
func (m *model) address(off int64) uint64 { return uint64(m.o.Base) + uint64(off) }

func (m *model) drawBytes(c *canvas) {
	f := &m.frame
	if m.size == 0 {
		c.text(0, f.bytes.y, c.w, "there are no bytes", faint)
		return
	}
	looks := m.looks()
	for y := range f.rows {
		off := m.top + int64(y*f.cols)
		if off >= m.size || off < m.top {
			return
		}
		s := gray
		if m.cursor-off >= 0 && m.cursor-off < int64(f.cols) {
			s = bold
		}
		c.text(f.bytes.x, f.bytes.y+y, f.bytes.w, fmt.Sprintf("%0*x", f.digits, m.address(off)), s)
		for i := range int(min(int64(f.cols), m.size-off)) {
			m.drawByte(c, y, i, looks[y*f.cols+i])
		}
	}
}

// look is how a byte is drawn.
type look struct {
	b    byte
	s    state
	look style
	gap  style // of the space behind it, which a selection and a field cover
}

func (m *model) drawByte(c *canvas, y, i int, l look) {
	f := &m.frame
	hex, text := l.runes()
	x := f.bytes.x + f.hexAt(i)
	row := f.bytes.y + y
	c.put(x, row, hex[0], l.look)
	c.put(x+1, row, hex[1], l.look)
	c.put(f.bytes.x+f.textAt(i), row, text, l.look)
	if l.gap != 0 && i+1 < f.cols {
		c.fill(x+2, row, f.bytes.x+f.hexAt(i+1), ' ', l.gap)
	}
}

func (l look) runes() (hex [2]rune, char rune) {
	switch l.s {
	case unread:
		return [2]rune{'·', '·'}, ' '
	case bad:
		return [2]rune{'?', '?'}, '?'
	}
	return [2]rune{rune(hexDigits[l.b>>4]), rune(hexDigits[l.b&15])}, rune(text(l.b, l.s))
}

// hues are those of fields that follow each other.
var hues = [...]style{cyan, green, yellow, magenta}

// looks are those of the bytes of the page.
func (m *model) looks() []look {
	p := &m.page
	isMatch := m.isMatch()
	from, n := m.selection()
	all := make([]look, len(p.data))
	for i := range all {
		off := p.off + int64(i)
		l := look{b: p.data[i], s: p.states[i]}
		l.look, l.gap = m.base(l, off)
		if isMatch[i] {
			l.look = yellow | bold | underline
		}
		if m.selecting && off >= from && off-from < n {
			l.look |= reverse
			if l.gap = 0; off-from+1 < n {
				l.gap = reverse
			}
		}
		if off == m.cursor {
			l.look = m.cursorLook(l.look)
		}
		all[i] = l
	}
	return all
}

// base is how a byte looks for what it is: by its field, or else by its value.
func (m *model) base(l look, off int64) (s, gap style) {
	switch k := m.tree.at(off); {
	case l.s == bad:
		return red | bold, 0
	case l.s == unread:
		return gray, 0
	case k >= 0:
		s = hues[k%len(hues)]
		if !m.plain || k%2 == 0 {
			return s, 0
		}
		if n := m.tree.nodes[m.tree.leaves[k]]; off+1-n.Offset < n.Size {
			gap = underline
		}
		return s | underline, gap
	case len(m.tree.leaves) > 0:
		return 0, 0
	case l.b == 0:
		return gray, 0
	case l.b >= ' ' && l.b <= '~':
		return cyan, 0
	case l.b < 0x80:
		return green, 0
	}
	return yellow, 0
}

// cursorLook is what the cursor makes of a style. It differs from a selection's, and from
// that of the cursor of the pane that has the keys.
func (m *model) cursorLook(s style) style {
	if m.tree.focus {
		return s | underline | bold
	}
	if m.selecting {
		return s&^reverse | bold | underline
	}
	return bold | reverse
}

func (m *model) drawTree(c *canvas) {
	r := m.frame.tree
	if r.h == 0 {
		return
	}
	t := &m.tree
	c.fill(r.x, r.y, r.x+r.w, '─', gray)
	s := style(0)
	if t.focus {
		s = bold
	}
	c.text(r.x+2, r.y, r.x+r.w, " structure ", s)
	here := -1
	if k := t.at(m.cursor); k >= 0 {
		here = t.leaves[k]
	}
	for y := 1; y < r.h && t.top+y-1 < len(t.lines); y++ {
		line := t.top + y - 1
		m.drawNode(c, rect{r.x, r.y + y, r.w, 1}, t.lines[line], line == t.line, here)
	}
}

func (m *model) drawNode(c *canvas, r rect, i int, atCursor bool, here int) {
	t := &m.tree
	n := t.nodes[i]
	name, value := style(0), gray
	if i == here {
		name = bold | yellow
	}
	if atCursor && t.focus {
		name, value = bold|reverse, reverse
		c.fill(r.x, r.y, r.x+r.w, ' ', reverse)
	} else if atCursor {
		name |= underline
	}
	mark := "  "
	if t.inner(i) {
		mark = "- "
		if t.shut[i] {
			mark = "+ "
		}
	}
	end := r.x + r.w
	x := c.text(r.x, r.y, end, fmt.Sprintf("%0*x ", m.frame.digits, m.address(n.Offset)), value)
	x = c.text(x, r.y, end, strings.Repeat("  ", min(n.Depth, r.w/4))+mark, value)
	x = c.text(x, r.y, end, n.Name, name)
	c.text(x+1, r.y, end, valueOf(n), value)
}

// drawValues shows the values at the cursor: those of both byte orders beside each other
// where there are two columns, else by columns.
func (m *model) drawValues(c *canvas) {
	r := m.frame.values
	if r.h == 0 {
		return
	}
	all := values(m.page.known(m.cursor, valueBytes))
	columns, lines := valueColumns(r.w), valueLines(r.w)
	for i, v := range all {
		x, y := i/lines, i%lines
		if columns == 2 {
			x, y = i%2, i/2
		}
		if y >= r.h {
			continue
		}
		left := r.x + x*(valueWidth+1)
		end := min(left+valueWidth, r.x+r.w)
		c.text(left, r.y+y, end, fmt.Sprintf("%-6s", v.label), gray)
		c.text(left+6, r.y+y, end, v.text, 0)
	}
}

// drawStatus tells where the cursor is.
func (m *model) drawStatus(c *canvas) {
	y := c.h - 2
	c.fill(0, y, c.w, ' ', reverse)
	x := c.text(1, y, c.w, fmt.Sprintf("0x%x = %d", m.address(m.cursor), m.address(m.cursor)), title)
	if m.selecting {
		_, n := m.selection()
		x = c.text(x+2, y, c.w, fmt.Sprintf("selected 0x%x = %s", n, bytesOf(n)), reverse)
	}
	if s := m.search.match; s.n > 0 && s.holds(m.cursor) {
		x = c.text(x+2, y, c.w, "match of "+bytesOf(s.n), reverse)
	}
	if k := m.tree.at(m.cursor); k >= 0 && m.size > 0 {
		c.text(x+2, y, c.w, m.tree.describe(m.tree.leaves[k]), reverse)
	}
}

// drawLast draws the last line: what is asked, or what there is to tell, or the keys.
func (m *model) drawLast(c *canvas) {
	y := c.h - 1
	switch {
	case m.prompt != nil:
		m.drawPrompt(c, y)
	case m.search.run != nil:
		c.text(1, y, c.w, m.progress(), bold)
	case m.note != "":
		c.text(1, y, c.w, m.note, bold)
	case m.page.failed != "":
		m.drawFailure(c, y)
	case m.tree.focus:
		c.text(1, y, c.w, "? help  Enter go to field  Left Right shut, open  Tab bytes  t shut the tree", gray)
	default:
		c.text(1, y, c.w, "? help  q quit  : go to  / search  v select  t tree  i values  Enter pick", gray)
	}
}

// drawFailure tells why bytes cannot be read: of a long reason its end, where the cause is.
func (m *model) drawFailure(c *canvas, y int) {
	const before, behind, least = "?? cannot be read: ", " (r reads again)", 20
	why := []rune(m.page.failed)
	if room := max(c.w-1-len(before)-len(behind), least); len(why) > room {
		why = append([]rune("…"), why[len(why)-room+1:]...)
	}
	c.text(1, y, c.w, before+string(why)+behind, bold|red)
}

// drawPrompt draws what is typed, and above it what is wrong with it.
func (m *model) drawPrompt(c *canvas, y int) {
	p := m.prompt
	if m.note != "" {
		c.fill(0, y-1, c.w, ' ', reverse)
		c.text(0, y-1, c.w, m.note, red|bold|reverse)
	}
	x := c.text(1, y, c.w, p.label(), bold)
	from, n := p.shown(max(c.w-x-2, 1))
	c.text(x, y, c.w, string(p.text[from:min(from+c.w, len(p.text))]), 0)
	x += n
	if p.at < len(p.text) {
		c.text(x, y, c.w, string(p.text[p.at]), reverse)
	} else {
		c.put(x, y, ' ', reverse)
	}
}

// drawHelp draws the list of keys over everything.
func (m *model) drawHelp(c *canvas) {
	lines := strings.Split(strings.TrimSuffix(Help(), "\n"), "\n")
	rows := c.h - 2
	m.help = min(m.help, max(len(lines)-rows, 0)+1)
	c.fill(0, 0, c.w, ' ', title)
	c.text(1, 0, c.w, "keys", title)
	for y := 0; y < rows && m.help-1+y < len(lines); y++ {
		c.text(1, y+1, c.w, lines[m.help-1+y], 0)
	}
	c.text(1, c.h-1, c.w, "Up and Down scroll, any other key leaves this", gray)
}
