package hexui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// pane is where a key holds.
type pane uint8

const (
	inBytes pane = 1 << iota
	inTree
	anywhere = inBytes | inTree
)

// key is what one or several keys do.
type key struct {
	pane  pane
	names []string // as Bubble Tea spells them
	shown string   // for people
	what  string
	do    func(m *model) tea.Cmd
}

// keys are all of them: what they do and what the help says is the same list.
func keys() []key {
	return slices.Concat(moveKeys(), selectKeys(), findKeys(), treeKeys(), otherKeys())
}

// plainly makes a command's shape of what needs no command.
func plainly(do func(m *model)) func(m *model) tea.Cmd {
	return func(m *model) tea.Cmd {
		do(m)
		return nil
	}
}

// step is a move that a selection can follow.
type step struct {
	names []string
	do    func(m *model)
}

func steps() []step {
	return []step{
		{[]string{"left", "h"}, func(m *model) { m.move(-1) }},
		{[]string{"right", "l"}, func(m *model) { m.move(1) }},
		{[]string{"up", "k"}, func(m *model) { m.row(-1) }},
		{[]string{"down", "j"}, func(m *model) { m.row(1) }},
		{[]string{"pgup", "ctrl+b"}, func(m *model) { m.pages(-1) }},
		{[]string{"pgdown", "ctrl+f", "space"}, func(m *model) { m.pages(1) }},
		{[]string{"home", "0"}, (*model).rowStart},
		{[]string{"end", "$"}, (*model).rowEnd},
		{[]string{"g", "ctrl+home"}, func(m *model) { m.jump(0) }},
		{[]string{"G", "ctrl+end"}, func(m *model) { m.jump(m.size - 1) }},
	}
}

func moveKeys() []key {
	all := []key{
		{shown: "arrows hjkl", what: "a byte or a row further"},
		{shown: "PgUp PgDn", what: "a page further (also Ctrl-B, Ctrl-F, Space)"},
		{shown: "Home End", what: "start and end of the row (also 0, $)"},
		{shown: "g G", what: "first and last byte (also Ctrl-Home, Ctrl-End)"},
	}
	for _, s := range steps() {
		all = append(all, key{pane: inBytes, names: s.names, do: plainly(func(m *model) {
			m.release()
			s.do(m)
		})})
	}
	return all
}

func selectKeys() []key {
	all := []key{
		{inBytes, []string{"v"}, "v", "select: begin, then move; again ends it", plainly((*model).toggleSelection)},
		{shown: "Shift-arrows", what: "select (also with PgUp, PgDn, Home, End; or drag the mouse)"},
	}
	for _, s := range steps()[:8] {
		do := func(m *model) { m.extend(s.do) }
		all = append(all, key{pane: inBytes, names: []string{"shift+" + s.names[0]}, do: plainly(do)})
	}
	return append(all,
		key{anywhere, []string{"y"}, "y", "copy the selection in hexadecimal, by OSC 52 where that may be", (*model).copyHex},
		key{anywhere, []string{"Y"}, "Y", "copy it as text", (*model).copyText},
	)
}

func findKeys() []key {
	return []key{
		{anywhere, []string{":", "ctrl+g"}, ":", "go to 0x1f0, 123, +0x10, -16, 50%, end", plainly(func(m *model) { m.ask(askOffset) })},
		{anywhere, []string{"/"}, "/", "search: text, hex:4D 5A ?? 50, re:…, i:… (any case), utf16:…", plainly(func(m *model) { m.ask(askPattern) })},
		{anywhere, []string{"n"}, "n", "next match", func(m *model) tea.Cmd { return m.again(false) }},
		{anywhere, []string{"N"}, "N", "the match before", func(m *model) tea.Cmd { return m.again(true) }},
		{anywhere, []string{"]"}, "]", "next field of the structure", plainly(func(m *model) { m.field(1) })},
		{anywhere, []string{"["}, "[", "the field before", plainly(func(m *model) { m.field(-1) })},
	}
}

func treeKeys() []key {
	down := func(n int) func(*model) tea.Cmd { return plainly(func(m *model) { m.tree.move(n) }) }
	page := func(n int) func(*model) tea.Cmd {
		return plainly(func(m *model) { m.tree.move(n * max(m.frame.tree.h-1, 1)) })
	}
	const far = 1 << 40
	return []key{
		{anywhere, []string{"t"}, "t", "the structure as a tree: open, shut", plainly((*model).toggleTree)},
		{anywhere, []string{"tab", "shift+tab"}, "Tab", "from the bytes to the tree and back", plainly((*model).switchPane)},
		{inTree, []string{"enter"}, "Enter", "in the tree: go to the field and select it", plainly((*model).enter)},
		{shown: "Left Right", what: "in the tree: shut and open a structure (also h, l, Space)"},
		{pane: inTree, names: []string{"up", "k"}, do: down(-1)},
		{pane: inTree, names: []string{"down", "j"}, do: down(1)},
		{pane: inTree, names: []string{"pgup", "ctrl+b"}, do: page(-1)},
		{pane: inTree, names: []string{"pgdown", "ctrl+f"}, do: page(1)},
		{pane: inTree, names: []string{"home", "g", "ctrl+home"}, do: down(-far)},
		{pane: inTree, names: []string{"end", "G", "ctrl+end"}, do: down(far)},
		{pane: inTree, names: []string{"left", "h"}, do: plainly(func(m *model) { m.tree.collapse() })},
		{pane: inTree, names: []string{"right", "l", "space"}, do: plainly(func(m *model) { m.tree.expand() })},
	}
}

func otherKeys() []key {
	return []key{
		{anywhere, []string{"i"}, "i", "values at the cursor (c16: UTF-16, t32 t64: Unix, ft: FILETIME)", plainly((*model).toggleInspector)},
		{anywhere, []string{"r", "ctrl+l"}, "r", "read again what is shown", plainly(func(m *model) { m.page.again() })},
		{anywhere, []string{"?", "f1"}, "?", "this help", plainly(func(m *model) { m.help = 1 })},
		{inBytes, []string{"enter"}, "Enter", "leave, and tell what is selected, or the match here, or the byte", (*model).pick},
		{anywhere, []string{"esc"}, "Esc", "stop searching or selecting; else leave", (*model).escape},
		{anywhere, []string{"q", "ctrl+c"}, "q", "leave (also Ctrl-C)", (*model).leave},
	}
}

// Help is the list of all keys, a line each.
func Help() string {
	var b strings.Builder
	for _, k := range keys() {
		if k.shown != "" {
			fmt.Fprintf(&b, "%-13s %s\n", k.shown, k.what)
		}
	}
	return b.String()
}

// press does what a key does where the keys go.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	m.note = ""
	name := k.String()
	switch {
	case name == "ctrl+c":
		return m.leave()
	case m.prompt != nil:
		return m.prompted(k)
	case m.help > 0:
		m.helped(name)
		return nil
	}
	where := inBytes
	if m.tree.focus {
		where = inTree
	}
	for _, k := range m.keys {
		if k.pane&where != 0 && slices.Contains(k.names, name) {
			return k.do(m)
		}
	}
	return nil
}

// helped scrolls the help, and leaves it by any other key.
func (m *model) helped(name string) {
	switch name {
	case "up", "k":
		m.help--
	case "down", "j":
		m.help++
	case "pgup", "ctrl+b":
		m.help -= max(m.height-3, 1)
	case "pgdown", "ctrl+f", "space":
		m.help += max(m.height-3, 1)
	default:
		m.help = 0
		return
	}
	m.help = max(m.help, 1)
}

// toggleInspector shows or hides the values, whatever is the case now.
func (m *model) toggleInspector() {
	if m.frame.values.h > 0 {
		m.inspect = never
		return
	}
	m.inspect = always
	m.place()
	if m.frame.values.h == 0 {
		m.say("the window is too small for the values")
	}
}
