// Package picker has who sits at a terminal choose a file of this machine: a list of a
// folder, narrowed by what is typed. Names are shown without what would drive a terminal.
package picker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/outwork-go/outwork/internal/output"
)

// maxEntries is how many entries of a folder are offered.
const maxEntries = 50_000

// Pick offers the files in dir and below, those whose names match one of globs if there
// are any (see path/filepath.Match). It returns the path of what was chosen, or ""
// when the user left without. It fails when in or out is no terminal, or ctx ends.
func Pick(ctx context.Context, in, out *os.File, dir string, globs []string) (string, error) {
	m := &model{globs: globs, columns: 80, rows: 24}
	m.enter(dir, "")
	p := tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler())
	stop := context.AfterFunc(ctx, p.Quit) // tea.WithContext leaves the terminal in a hurry
	defer stop()
	_, err := p.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, tea.ErrInterrupted):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("choose a file: %w", err)
	}
	return m.chosen, nil
}

// entry is a line of the list.
type entry struct {
	name   string
	folder bool
}

type model struct {
	globs         []string
	dir           string
	all           []entry
	more          bool   // the folder has more than all
	trouble       string // why the folder cannot be read
	typed         string
	shown         []entry
	at, top       int // of shown
	columns, rows int
	chosen        string
}

// enter shows a folder, with the cursor on the entry called name.
func (m *model) enter(dir, name string) {
	m.dir, m.typed, m.trouble = filepath.Clean(dir), "", ""
	m.all, m.more = nil, false
	f, err := os.Open(m.dir)
	if err == nil {
		defer f.Close()
		var found []fs.DirEntry
		found, err = f.ReadDir(maxEntries)
		m.more = len(found) == maxEntries
		m.take(found)
	}
	if err != nil && err != io.EOF {
		m.trouble = bare(err).Error()
	}
	m.narrow()
	m.at = max(0, slices.IndexFunc(m.shown, func(e entry) bool { return e.name == name }))
}

// bare is err without operation and path.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// take makes entries of what is in the folder: folders first, then the files that match.
func (m *model) take(found []fs.DirEntry) {
	for _, d := range found {
		e := entry{d.Name(), d.IsDir()}
		if d.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(filepath.Join(m.dir, e.name))
			e.folder = err == nil && info.IsDir()
		}
		if e.folder || len(m.globs) == 0 || m.fits(e.name) {
			m.all = append(m.all, e)
		}
	}
	slices.SortFunc(m.all, func(a, b entry) int {
		if a.folder != b.folder {
			if a.folder {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
}

// fits reports whether a glob fits the name.
func (m *model) fits(name string) bool {
	return slices.ContainsFunc(m.globs, func(glob string) bool {
		ok, _ := filepath.Match(glob, name)
		return ok
	})
}

// narrow shows what has the typed text in it, in any case. Names that begin with a dot are
// only shown when a dot was typed first.
func (m *model) narrow() {
	m.shown = nil
	if m.typed == "" && filepath.Dir(m.dir) != m.dir || strings.HasPrefix("..", m.typed) {
		m.shown = append(m.shown, entry{"..", true})
	}
	for _, e := range m.all {
		if strings.HasPrefix(e.name, ".") && !strings.HasPrefix(m.typed, ".") {
			continue
		}
		if strings.Contains(strings.ToLower(e.name), strings.ToLower(m.typed)) {
			m.shown = append(m.shown, e)
		}
	}
	m.at, m.top = 0, 0
}

// Init is of tea.Model.
func (m *model) Init() tea.Cmd { return nil }

// Update is of tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.columns, m.rows = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m, m.key(msg)
	}
	return m, nil
}

func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	page := max(1, m.height())
	switch k.String() {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "esc":
		if m.typed == "" {
			return tea.Quit
		}
		m.typed = ""
		m.narrow()
	case "up", "ctrl+p":
		m.move(-1)
	case "down", "ctrl+n":
		m.move(1)
	case "pgup":
		m.move(-page)
	case "pgdown":
		m.move(page)
	case "home":
		m.move(-len(m.shown))
	case "end":
		m.move(len(m.shown))
	case "enter":
		return m.open()
	case "right":
		if m.at < len(m.shown) && m.shown[m.at].folder {
			return m.open()
		}
	case "left":
		m.up()
	case "backspace":
		m.erase()
	default:
		if k.Text != "" {
			m.typed += k.Text
			m.narrow()
		}
	}
	return nil
}

func (m *model) move(n int) { m.at = max(0, min(m.at+n, len(m.shown)-1)) }

// erase takes back what was typed, or goes up.
func (m *model) erase() {
	if m.typed == "" {
		m.up()
		return
	}
	r := []rune(m.typed)
	m.typed = string(r[:len(r)-1])
	m.narrow()
}

// up shows the folder that the one shown is in.
func (m *model) up() {
	whole, err := filepath.Abs(m.dir)
	if err != nil {
		m.trouble = err.Error()
		return
	}
	m.enter(filepath.Join(m.dir, ".."), filepath.Base(whole))
}

// open goes into the folder, or chooses the file, at the cursor.
func (m *model) open() tea.Cmd {
	if m.at >= len(m.shown) {
		return nil
	}
	e := m.shown[m.at]
	switch {
	case e.name == "..":
		m.up()
	case e.folder:
		m.enter(filepath.Join(m.dir, e.name), "")
	default:
		m.chosen = path(m.dir, e.name)
		return tea.Quit
	}
	return nil
}

// path is a file of a folder in a way that is nothing but a path: a name may look like
// something else.
func path(dir, name string) string {
	joined := filepath.Join(dir, name)
	if !filepath.IsAbs(joined) {
		return "." + string(filepath.Separator) + joined
	}
	return joined
}

// height is how many entries can be seen.
func (m *model) height() int { return max(1, m.rows-3) }

// View is of tea.Model.
func (m *model) View() tea.View {
	var b strings.Builder
	height := m.height()
	m.top = max(min(m.top, m.at), m.at-height+1)
	m.line(&b, " "+where(m.dir)+m.filtered(), "\x1b[7m")
	for i := m.top; i < m.top+height; i++ {
		switch {
		case i < len(m.shown):
			m.entry(&b, i)
		case i == 0:
			m.line(&b, m.nothing(), "\x1b[2m")
		default:
			b.WriteByte('\n')
		}
	}
	m.line(&b, " "+m.typed+"▏", "")
	b.WriteString(cut(" Enter open  ← up  type to search  Esc leave", m.columns))
	v := tea.NewView(b.String())
	v.AltScreen = true
	return v
}

// where is a folder, for people.
func where(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil {
		return whole
	}
	return dir
}

func (m *model) filtered() (s string) {
	if len(m.globs) > 0 {
		s = "  " + strings.Join(m.globs, " ")
	}
	if m.more {
		s += fmt.Sprintf("  (the first %d)", maxEntries)
	}
	return s
}

func (m *model) nothing() string {
	if m.trouble != "" {
		return " cannot be read: " + m.trouble
	}
	return " nothing here fits"
}

func (m *model) entry(b *strings.Builder, i int) {
	e := m.shown[i]
	text, style := " "+e.name, ""
	if e.folder {
		text, style = text+"/", "\x1b[1m"
	}
	if i == m.at {
		style += "\x1b[7m"
	}
	m.line(b, text, style)
}

func (m *model) line(b *strings.Builder, text, style string) {
	text = cut(text, m.columns)
	if style != "" {
		text = style + text + "\x1b[m"
	}
	b.WriteString(text)
	b.WriteByte('\n')
}

// cut is text on a line of so many columns, without what would drive the terminal.
func cut(text string, columns int) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || !output.IsText(r) {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	return ansi.Truncate(clean, columns, "…")
}
