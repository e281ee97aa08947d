package hexui

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// maxPrompt is how many characters can be typed.
const maxPrompt = 4096

// question is what a prompt asks for.
type question uint8

const (
	askOffset question = iota
	askPattern
)

func (q question) label() string {
	if q == askOffset {
		return "go to: "
	}
	return "search: "
}

// prompt is a line that is typed.
type prompt struct {
	question
	text []rune
	at   int // where the next character goes
}

// ask begins a prompt.
func (m *model) ask(q question) { m.prompt = &prompt{question: q} }

// insert adds what was typed or pasted, but for what cannot be shown.
func (p *prompt) insert(s string) {
	for _, r := range s {
		if unicode.IsPrint(r) && len(p.text) < maxPrompt {
			p.text = append(p.text[:p.at], append([]rune{r}, p.text[p.at:]...)...)
			p.at++
		}
	}
}

// erase removes the characters between the cursor and another place.
func (p *prompt) erase(to int) {
	from, to := min(p.at, to), max(p.at, to)
	from, to = max(from, 0), min(to, len(p.text))
	p.text = append(p.text[:from], p.text[to:]...)
	p.at = from
}

// shown is where what is shown begins, so that what is before the cursor has n columns, at
// most room.
func (p *prompt) shown(room int) (from, n int) {
	for from = p.at; from > 0; from-- {
		w := columns(p.text[from-1])
		if n+w > room {
			break
		}
		n += w
	}
	return from, n
}

// word is where the word before the cursor begins.
func (p *prompt) word() int {
	at := p.at
	for at > 0 && p.text[at-1] == ' ' {
		at--
	}
	for at > 0 && p.text[at-1] != ' ' {
		at--
	}
	return at
}

// edit does what a key does while it is typed.
func (p *prompt) edit(k tea.KeyPressMsg) {
	switch k.String() {
	case "left", "ctrl+b":
		p.at = max(p.at-1, 0)
	case "right", "ctrl+f":
		p.at = min(p.at+1, len(p.text))
	case "home", "ctrl+a":
		p.at = 0
	case "end", "ctrl+e":
		p.at = len(p.text)
	case "backspace", "ctrl+h":
		p.erase(p.at - 1)
	case "delete", "ctrl+d":
		p.erase(p.at + 1)
	case "ctrl+u":
		p.erase(0)
	case "ctrl+k":
		p.erase(len(p.text))
	case "ctrl+w":
		p.erase(p.word())
	default:
		p.insert(k.Text)
	}
}

// prompted does what a key does in a prompt of the model.
func (m *model) prompted(k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		m.prompt = nil
	case "enter":
		return m.answer()
	case "up":
		if last := []rune(m.search.text); m.prompt.question == askPattern && len(last) > 0 {
			m.prompt.text, m.prompt.at = last, len(last)
		}
	default:
		if k.String() == "backspace" && len(m.prompt.text) == 0 {
			m.prompt = nil
			return nil
		}
		m.prompt.edit(k)
	}
	return nil
}

// answer does what was asked for. A prompt with a mistake stays open.
func (m *model) answer() tea.Cmd {
	text := string(m.prompt.text)
	if strings.TrimSpace(text) == "" {
		m.prompt = nil
		return nil
	}
	if m.prompt.question == askPattern {
		return m.lookFor(text)
	}
	at, err := place{m.cursor, m.size, m.o.Base}.parse(text)
	if err != nil {
		m.say(err.Error())
		return nil
	}
	m.prompt = nil
	m.release()
	m.jump(at)
	return nil
}
