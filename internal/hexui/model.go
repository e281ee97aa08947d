package hexui

import (
	"context"
	"errors"
	"sync"

	tea "charm.land/bubbletea/v2"

	"github.com/outwork-go/outwork/container"
)

// model is the state of a view. Its Update and View touch nothing but the model: what has
// to be read is read by the commands that Update returns.
type model struct {
	ctx  context.Context // ends what commands do
	jobs *jobs
	c    container.Container
	size int64
	o    Options

	plain         bool // without colours
	width, height int
	frame         frame
	keys          []key

	cursor    int64
	top       int64 // the offset at the top; a multiple of frame.cols
	selecting bool
	loose     bool  // the next move ends the selection: it was not begun by v
	anchor    int64 // the other end of the selection

	page    page
	tree    tree
	search  search
	matches matches

	inspect inspector
	prompt  *prompt // nil when nothing is asked
	help    int     // the line at the top of the help, from 1; 0: it is not shown
	note    string  // the last line, until the next key
	picked  Picked
	left    bool
}

// inspector says whether the values at the cursor are shown.
type inspector uint8

const (
	whereRoom inspector = iota
	always
	never
)

func newModel(ctx context.Context, c container.Container, o Options, window Size) *model {
	m := &model{ctx: ctx, jobs: &jobs{}, c: c, size: c.Size(), o: o, keys: keys(), tree: newTree(o.Structure)}
	m.cursor = m.clamp(o.Offset)
	m.top = m.cursor
	m.resize(window.Columns, window.Rows)
	m.place()
	return m
}

func (m *model) resize(columns, rows int) {
	m.width, m.height = min(max(columns, 1), maxColumns), min(max(rows, 1), maxRows)
}

// Init is of tea.Model.
func (m *model) Init() tea.Cmd { return m.fetch() }

// Update is of tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.handle(msg)
	if m.left {
		return m, tea.Quit
	}
	m.place()
	return m, tea.Batch(cmd, m.fetch(), m.mark())
}

func (m *model) handle(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.PasteMsg:
		if m.prompt != nil {
			m.prompt.insert(msg.Content)
		}
	case tea.MouseWheelMsg:
		m.wheel(tea.Mouse(msg))
	case tea.MouseClickMsg:
		m.click(tea.Mouse(msg))
	case tea.MouseMotionMsg:
		m.drag(tea.Mouse(msg))
	case loadMsg:
		return m.loaded(msg)
	case foundMsg:
		return m.found(msg)
	case marksMsg:
		m.marked(msg)
	case copyMsg:
		return m.copied(msg)
	case endedMsg:
		m.left = true
	}
	return nil
}

// endedMsg says that nothing more will be typed.
type endedMsg struct{}

// say tells something in the last line.
func (m *model) say(text string) { m.note = text }

// leave ends the view.
func (m *model) leave() tea.Cmd {
	m.left = true
	return nil
}

// pick ends the view with what is selected.
func (m *model) pick() tea.Cmd {
	m.picked.Chosen = true
	m.picked.Offset, m.picked.Length = m.selection()
	return m.leave()
}

// escape undoes the last thing that can be undone, and leaves when there is none.
func (m *model) escape() tea.Cmd {
	switch {
	case m.search.run != nil:
		m.search.stop()
		m.say("search stopped")
	case m.tree.focus:
		m.tree.focus = false
	case m.selecting:
		m.selecting = false
	default:
		return m.leave()
	}
	return nil
}

// selection is what is selected, or the match that the cursor is on, or the byte there.
func (m *model) selection() (off, n int64) {
	switch match := m.search.match; {
	case m.size == 0:
		return 0, 0
	case !m.selecting && match.holds(m.cursor):
		return match.off, match.n
	case !m.selecting:
		return m.cursor, 1
	}
	from, to := min(m.cursor, m.anchor), max(m.cursor, m.anchor)
	return from, to - from + 1
}

// job makes a command of what takes time, which Run waits for.
func (m *model) job(fn func() tea.Msg) tea.Cmd {
	jobs := m.jobs
	return func() tea.Msg {
		if !jobs.begin() {
			return nil
		}
		defer jobs.end()
		return fn()
	}
}

// jobs are the commands that run.
type jobs struct {
	mu     sync.Mutex // guards closed, and begin against close
	closed bool
	wait   sync.WaitGroup
}

func (j *jobs) begin() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.wait.Add(1)
	}
	return !j.closed
}

func (j *jobs) end() { j.wait.Done() }

// close lets no other begin. What it returns is closed when all have ended.
func (j *jobs) close() <-chan struct{} {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	done := make(chan struct{})
	go func() {
		j.wait.Wait()
		close(done)
	}()
	return done
}

func canceled(err error) bool { return errors.Is(err, context.Canceled) }
