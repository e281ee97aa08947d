package docstest

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// page is a Markdown file, as far as it is run.
type page struct {
	name   string // of the file, such as hosts.md
	needs  map[string][]string
	blocks []*block
	links  []string // to files, relative to docs
}

// block is one fenced block.
type block struct {
	line  int // of the opening fence
	lang  string
	file  string // it is this file, relative to the page's folder
	from  string // it is a part of this file
	norun string // why it is not run
	eye   bool   // it is a figure
	body  string
}

var (
	fence    = regexp.MustCompile("^( {0,3})(```+)([a-z]*)(.*)$")
	needLine = regexp.MustCompile(`^<!-- test: ([a-z]+)((?: [^ ]+)*) -->$`)
	anyLink  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	attr     = regexp.MustCompile(`^ +(?:(file|from)=([^ ]+)|norun="([^"]+)"|(figure))`)
	looksRun = regexp.MustCompile(`(?m)^ *(\$ |(outwork|sudo|go|ssh|cd|make) [a-z./-])`)
	fileLine = regexp.MustCompile(`^(?://|#|;|--) ([A-Za-z0-9_./][A-Za-z0-9_/.-]*\.[a-z]+)$`)
)

// parse takes a page apart. What it does not know is an error, so that nothing is left
// out by a slip.
func parse(name, text string) (*page, error) {
	p := &page{name: name, needs: map[string][]string{}}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if m := needLine.FindStringSubmatch(lines[i]); m != nil {
			p.needs[m[1]] = append(append([]string{}, p.needs[m[1]]...), strings.Fields(m[2])...)
		} else if strings.HasPrefix(lines[i], "<!-- test") {
			return nil, fmt.Errorf("%s:%d: this is no <!-- test: WORD… -->", name, i+1)
		}
		m := fence.FindStringSubmatch(lines[i])
		if m == nil {
			p.addLinks(lines[i])
			continue
		}
		end := slices.Index(lines[i+1:], m[1]+m[2])
		if end < 0 {
			return nil, fmt.Errorf("%s:%d: this block has no end", name, i+1)
		}
		b, err := newBlock(m[3], m[4], lines[i+1:i+1+end], m[1])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
		b.line = i + 1
		p.blocks = append(p.blocks, b)
		i += end + 1
	}
	for need := range p.needs {
		if !slices.Contains([]string{"ssh", "realm", "clone", "needs"}, need) {
			return nil, fmt.Errorf("%s: nobody knows the need %q", name, need)
		}
	}
	return p, nil
}

func newBlock(lang, info string, lines []string, indent string) (*block, error) {
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], indent)
	}
	b := &block{lang: lang, body: strings.Join(lines, "\n") + "\n"}
	for info = strings.TrimRight(info, " "); info != ""; {
		m := attr.FindStringSubmatch(info)
		if m == nil {
			return nil, fmt.Errorf("nobody knows %q behind a fence", info)
		}
		switch {
		case m[1] == "file":
			b.file = m[2]
		case m[1] == "from":
			b.from = m[2]
		case m[3] != "":
			b.norun = m[3]
		default:
			b.eye = true
		}
		info = info[len(m[0]):]
	}
	if m := fileLine.FindStringSubmatch(strings.Split(b.body, "\n")[0]); m != nil && !b.shell() && !b.output() && b.file == "" {
		b.file = m[1]
	}
	return b, b.check()
}

// check finds a block that would not be run without saying so.
func (b *block) check() error {
	if b.lang == "" {
		b.eye = true
		if looksRun.MatchString(b.body) {
			return fmt.Errorf("this looks like commands, and a block without a language is not run")
		}
	}
	switch {
	case b.norun != "" || b.eye || b.lang == "mermaid" || b.shell() || b.output():
		return nil
	case b.file != "" && !filepath.IsLocal(b.file):
		return fmt.Errorf("%s lies outside of the page's folder", b.file)
	case b.file == "" && b.from == "" && b.lang == "go":
		return fmt.Errorf("a Go block needs its file's name as a comment above, or from=FILE")
	case b.file == "" && b.from == "":
		return fmt.Errorf("a block of %s needs its file's name as a comment above", b.lang)
	}
	return nil
}

func (b *block) shell() bool { return b.lang == "sh" || b.lang == "console" }

// output reports whether a block is what the one before it has printed.
func (b *block) output() bool { return b.lang == "text" || b.lang == "json" && b.file == "" }

// runs reports whether something is to be done for a block.
func (b *block) runs() bool { return b.norun == "" && !b.eye && b.lang != "mermaid" }

func (p *page) addLinks(line string) {
	for _, m := range anyLink.FindAllStringSubmatch(line, -1) {
		file, _, _ := strings.Cut(m[1], "#")
		if file != "" && !strings.Contains(file, ":") {
			p.links = append(p.links, file)
		}
	}
}

// wants reports whether a page has a need.
func (p *page) wants(need string) bool { return p.needs[need] != nil }

// hasGo reports whether a page has Go programs of its own.
func (p *page) hasGo() bool {
	return slices.ContainsFunc(p.blocks, func(b *block) bool { return b.lang == "go" && b.file != "" && b.runs() })
}

// command is one of a console block, with what it is to print.
type command struct {
	line int // of the page
	text string
	want string
}

// commands takes a console block apart.
func (b *block) commands() ([]command, error) {
	var all []command
	open := false // the command goes on where a line begins with "> "
	for i, line := range strings.Split(strings.TrimSuffix(b.body, "\n"), "\n") {
		text, first := strings.CutPrefix(line, "$ ")
		more, next := strings.CutPrefix(line, "> ")
		switch last := len(all) - 1; {
		case last >= 0 && open && strings.HasSuffix(all[last].text, "\\\n"):
			all[last].text += strings.TrimPrefix(line, "> ") + "\n"
		case first:
			all = append(all, command{line: b.line + 1 + i, text: text + "\n"})
			open = true
		case last < 0:
			return nil, fmt.Errorf("line %d: a console block begins with a command, behind \"$ \"", b.line+1)
		case open && (next || line == ">"):
			all[last].text += strings.TrimPrefix(more, ">") + "\n"
		default:
			all[last].want += line + "\n"
			open = false
		}
	}
	return all, nil
}
