package docstest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// runner runs a page.
type runner struct {
	page    *page
	top     string // of this repository
	dir     string // the page's folder
	shell   *shell
	unread  map[string]*block // files that no command has named yet
	written map[string]string // all files of the page so far
	printed *string           // what the last block has printed; nil if nothing was run
}

// run runs all blocks, and returns what is wrong with each.
func (r *runner) run() []error {
	r.unread, r.written = map[string]*block{}, map[string]string{}
	var wrong []error
	for _, b := range r.page.blocks {
		if err := r.block(b); err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", r.page.name, b.line, err))
		}
	}
	for name, b := range r.unread {
		wrong = append(wrong, fmt.Errorf("%s:%d: no command of the page uses %s", r.page.name, b.line, name))
	}
	return wrong
}

func (r *runner) block(b *block) error {
	switch {
	case !b.runs():
		if b.shell() {
			r.printed = nil
		}
		return nil
	case b.output():
		return r.output(b)
	case b.lang == "sh":
		r.use(b.body)
		said, err := r.shell.script(b.body)
		r.printed = &said
		return err
	case b.lang == "console":
		r.printed = nil
		return r.console(b)
	case b.from != "":
		return r.part(b)
	}
	return r.file(b)
}

func (r *runner) output(b *block) error {
	if r.printed == nil {
		return fmt.Errorf("nothing that was run stands before this: if it is for the eye, say figure behind %s", b.lang)
	}
	got := *r.printed
	r.printed = nil
	return compare(b.body, got)
}

func compare(want, got string) error {
	if !matches(want, got) {
		return fmt.Errorf("the page says\n%s\nand this was printed:\n%s", want, got)
	}
	return nil
}

func (r *runner) console(b *block) error {
	commands, err := b.commands()
	if err != nil {
		return err
	}
	var wrong []error
	for i, c := range commands {
		r.use(c.text)
		result, err := r.shell.single(c.text)
		if err == nil {
			err = compare(c.want, result.output)
		}
		told := i+1 < len(commands) && strings.HasPrefix(commands[i+1].text, "echo $?")
		if err == nil && result.status != 0 && !told {
			err = fmt.Errorf("status %d, of which the page does not tell by echo $?", result.status)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("line %d: %s: %w", c.line, strings.TrimSpace(c.text), err))
		}
	}
	return errors.Join(wrong...)
}

// file writes a file of the page.
func (r *runner) file(b *block) error {
	name := filepath.Join(r.dir, b.file)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	r.unread[b.file], r.written[b.file] = b, b.body
	return os.WriteFile(name, []byte(b.body), 0o644)
}

// goCommand is a command that makes something of the Go files of a folder.
var goCommand = regexp.MustCompile(`\bgo (run|build|test|install)\b`)

// use crosses out the files that commands name.
func (r *runner) use(commands string) {
	for name := range r.unread {
		if uses(commands, name) {
			delete(r.unread, name)
		}
	}
}

// uses reports whether commands name a file or a folder that it is in, or make something of
// the Go files of its folder.
func uses(commands, name string) bool {
	if strings.Contains(commands, filepath.Base(name)) {
		return true
	}
	for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
		if regexp.MustCompile(`(^|[\s/])` + regexp.QuoteMeta(dir) + `($|[\s/])`).MatchString(commands) {
			return true
		}
	}
	inTop := filepath.Dir(name) == "." || strings.Contains(commands, "./...")
	return strings.HasSuffix(name, ".go") && inTop && goCommand.MatchString(commands)
}

// part looks for a part of a program where it is said to be.
func (r *runner) part(b *block) error {
	text, ok := r.written[b.from]
	if !ok {
		whole, err := os.ReadFile(filepath.Join(r.top, b.from))
		if err != nil {
			return err
		}
		text = string(whole)
	}
	if !holds(text, b.body) {
		return fmt.Errorf("this does not stand so in %s", b.from)
	}
	return nil
}
