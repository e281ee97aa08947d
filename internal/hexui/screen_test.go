package hexui

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"

	"github.com/outwork-go/outwork/container"
)

var update = flag.Bool("update", false, "write the screens of testdata anew")

// viewer drives a model without a terminal, a program or a clock: what Update wants done
// is done at once, or when the test says so.
type viewer struct {
	t       *testing.T
	m       *model
	held    bool      // commands wait
	waiting []tea.Cmd // those that do
	copied  string    // to the clipboard
	quit    bool
	script  strings.Builder // what happened, for the golden file
}

func view(t *testing.T, c container.Container, o Options, columns, rows int) *viewer {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	v := &viewer{t: t, m: newModel(t.Context(), c, o, Size{columns, rows})}
	v.do(v.m.Init())
	return v
}

func (v *viewer) resize(columns, rows int) {
	v.send(tea.WindowSizeMsg{Width: columns, Height: rows})
}

// send updates the model, and does what that asks for.
func (v *viewer) send(msg tea.Msg) {
	_, cmd := v.m.Update(msg)
	v.do(cmd)
}

func (v *viewer) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	if v.held {
		v.waiting = append(v.waiting, cmd)
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			v.do(c)
		}
	case tea.QuitMsg:
		v.quit = true
	default:
		if s := fmt.Sprintf("%T", msg); s == "tea.setClipboardMsg" {
			v.copied = fmt.Sprint(msg)
			return
		}
		v.send(msg)
	}
}

// release does what waited.
func (v *viewer) release() {
	v.held = false
	waiting := v.waiting
	v.waiting = nil
	for _, cmd := range waiting {
		v.do(cmd)
	}
}

// step does what waited, and nothing of what that asks for.
func (v *viewer) step() {
	waiting := v.waiting
	v.waiting = nil
	for _, cmd := range waiting {
		for _, c := range batch(cmd) {
			v.send(c())
		}
	}
}

// batch is what a command consists of. It has run when it is one.
func batch(cmd tea.Cmd) []tea.Cmd {
	msg := cmd()
	if b, ok := msg.(tea.BatchMsg); ok {
		return b
	}
	return []tea.Cmd{func() tea.Msg { return msg }}
}

// keys types: names in <> as Bubble Tea spells them, characters as they are.
func (v *viewer) keys(text string) {
	v.t.Helper()
	for text != "" {
		name := text[:1]
		if end := strings.IndexByte(text, '>'); text[0] == '<' && end > 1 {
			name, text = text[1:end], text[end+1:]
		} else {
			text = text[1:]
		}
		v.send(keyOf(v.t, name))
	}
}

// keyCodes are the bytes that a terminal sends.
var keyCodes = map[string]string{
	"up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
	"pgup": "\x1b[5~", "pgdown": "\x1b[6~", "shift+up": "\x1b[1;2A", "shift+down": "\x1b[1;2B", "shift+right": "\x1b[1;2C",
	"shift+left": "\x1b[1;2D", "ctrl+home": "\x1b[1;5H", "ctrl+end": "\x1b[1;5F", "enter": "\r", "esc": "\x1b", "tab": "\t",
	"backspace": "\x7f", "ctrl+c": "\x03", "ctrl+g": "\a", "ctrl+u": "\x15", "ctrl+w": "\x17", "space": " ",
}

// keyOf is the key that Bubble Tea makes of what a terminal sends, so that the names in
// the table of keys are tested too.
func keyOf(t *testing.T, name string) tea.KeyPressMsg {
	t.Helper()
	code, ok := keyCodes[name]
	if !ok {
		code = name
	}
	var d uv.EventDecoder
	n, event := d.Decode([]byte(code))
	k, ok := event.(uv.KeyPressEvent)
	if !ok || n != len(code) {
		t.Fatalf("%q is no key", name)
	}
	return tea.KeyPressMsg(k)
}

// text is the screen without its styles.
func (v *viewer) text() string {
	v.t.Helper()
	view := v.m.View()
	if view.Content == "" {
		return ""
	}
	lines := strings.Split(view.Content, "\n")
	if len(lines) != v.m.height {
		v.t.Errorf("the screen has %d lines, want %d", len(lines), v.m.height)
	}
	for i, line := range lines {
		plain := ansi.Strip(line)
		if w := ansi.StringWidth(plain); w != v.m.width {
			v.t.Errorf("line %d has %d columns, want %d: %q", i, w, v.m.width, plain)
		}
		lines[i] = strings.TrimRight(plain, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// snap adds the screen to the transcript.
func (v *viewer) snap(after string) {
	v.t.Helper()
	fmt.Fprintf(&v.script, "-- %s\n%s", after, v.text())
}

// type_ types and adds the screen.
func (v *viewer) typed(keys string) {
	v.t.Helper()
	v.keys(keys)
	v.snap(keys)
}

// styles adds which parts of the screen have one of some styles.
func (v *viewer) styles(which style) {
	v.t.Helper()
	for y, line := range strings.Split(v.m.View().Content, "\n") {
		for _, run := range styledRuns(line) {
			if run.style&which != 0 {
				fmt.Fprintf(&v.script, "%s at row %d column %d: %q\n", run.style, y, run.column, run.text)
			}
		}
	}
}

type styledRun struct {
	style  style
	column int
	text   string
}

// styledRuns takes a line of a canvas apart.
func styledRuns(line string) (runs []styledRun) {
	known := map[string]style{"\x1b[0m": 0}
	for s := range style(1 << 10) {
		if s&colorMask <= gray {
			known[s.sgr()] = s
		}
	}
	column := 0
	run := styledRun{}
	for line != "" {
		if line[0] == '\x1b' {
			end := strings.IndexByte(line, 'm') + 1
			runs = append(runs, run)
			run = styledRun{style: known[line[:end]], column: column}
			line = line[end:]
			continue
		}
		text, rest, found := strings.Cut(line, "\x1b")
		if line = rest; found {
			line = "\x1b" + rest
		}
		run.text += text
		column += ansi.StringWidth(text)
	}
	return append(runs, run)
}

func (s style) String() string {
	var words []string
	for _, a := range []struct {
		bit  style
		name string
	}{{bold, "bold"}, {faint, "faint"}, {underline, "underline"}, {reverse, "reverse"}} {
		if s&a.bit != 0 {
			words = append(words, a.name)
		}
	}
	if c := s & colorMask; c != 0 {
		words = append(words, map[style]string{red: "red", green: "green", yellow: "yellow", blue: "blue", magenta: "magenta", cyan: "cyan", gray: "gray"}[c])
	}
	return strings.Join(words, " ")
}

// golden compares the transcript with that of testdata.
func (v *viewer) golden() {
	v.t.Helper()
	name := filepath.Join("testdata", strings.TrimPrefix(v.t.Name(), "Test")+".txt")
	got := []byte(v.script.String())
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			v.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		v.t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		v.t.Errorf("the screens are not those of %s (go test -update writes it anew):\n%s", name, firstDifference(got, want))
	}
}

func firstDifference(got, want []byte) string {
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d:\ngot  %s\nwant %s", i+1, g[i], strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
	return "it ends early"
}

// source is a container of a test's own: of any size, slow or failing.
type source struct {
	container.Container // nil: what is not here is not to be called
	size                int64
	read                func(p []byte, off int64) (int, error)
	reads               []span
}

func (s *source) Size() int64  { return s.size }
func (s *source) Close() error { return nil }

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	s.reads = append(s.reads, span{off, int64(len(p))})
	return s.read(p, off)
}

// pattern fills p with bytes that tell their offset.
func counting(p []byte, off int64) (int, error) {
	for i := range p {
		p[i] = byte(off + int64(i))
	}
	return len(p), nil
}
