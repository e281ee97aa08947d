package hexui

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/outwork-go/outwork/container"
)

// MaxCopy is how many bytes can be copied at once. As hexadecimal in base64, they are the
// 64 KiB that terminals take.
const MaxCopy = 16 << 10

// copyMsg is what is to be copied.
type copyMsg struct {
	text string
	note string
	err  error
}

func (m *model) copyHex() tea.Cmd {
	return m.copyAs("hexadecimal", func(b []byte) string { return fmt.Sprintf("% x", b) })
}

// copyText copies what a terminal can be given: a file's bytes, pasted into a shell, must
// not be commands.
func (m *model) copyText() tea.Cmd { return m.copyAs("text", escapeText) }

// escapeText is b without control characters: they are escaped as Go does.
func escapeText(b []byte) string {
	quoted := strconv.Quote(string(b))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func (m *model) copyAs(kind string, text func([]byte) string) tea.Cmd {
	off, n := m.selection()
	switch {
	case m.o.NoClipboard:
		m.say("nothing is copied: this view may not use the clipboard (hex --clipboard)")
		return nil
	case n == 0:
		m.say("there is nothing to copy")
		return nil
	case n > MaxCopy:
		m.say(fmt.Sprintf("%s are too many to copy: %s at most", bytesOf(n), bytesOf(MaxCopy)))
		return nil
	}
	ctx, c := m.ctx, m.c
	return m.job(func() tea.Msg { return copyOf(ctx, c, off, n, kind, text) })
}

func copyOf(ctx context.Context, c container.Container, off, n int64, kind string, text func([]byte) string) copyMsg {
	p := make([]byte, n)
	if _, err := readFull(ctx, c, p, off); err != nil {
		return copyMsg{err: err}
	}
	return copyMsg{
		text: text(p),
		note: fmt.Sprintf("%s copied as %s, if this terminal may be given a clipboard", bytesOf(n), kind),
	}
}

func (m *model) copied(msg copyMsg) tea.Cmd {
	if msg.err != nil {
		m.say("nothing was copied: " + msg.err.Error())
		return nil
	}
	m.say(msg.note)
	return tea.SetClipboard(msg.text)
}

// bytesOf is a number of bytes for people.
func bytesOf(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return grouped(n) + " bytes"
}

// grouped writes a number with a comma every three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
