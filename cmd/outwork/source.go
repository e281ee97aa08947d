package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/script/python"
)

// maxSource is the size of the largest script that is read, in bytes: that which
// crosses in one message.
const maxSource = 15 << 20

// guest is a language that this command's workers run.
type guest struct{ lang, extension string }

func guests() []guest { return []guest{{"starlark", ".star"}, {python.Lang, ".py"}} }

func languages() (names []string) {
	for _, g := range guests() {
		names = append(names, g.lang)
	}
	return names
}

// guestOf is the guest for a file, by its name.
func guestOf(file string) (guest, bool) {
	for _, g := range guests() {
		if filepath.Ext(file) == g.extension {
			return g, true
		}
	}
	return guest{}, false
}

func extensionOf(lang string) string {
	for _, g := range guests() {
		if g.lang == lang {
			return g.extension
		}
	}
	return ""
}

// source is a script before it is run.
type source struct {
	outwork.Script
	folder string // where it lies, if that is a folder to load modules from
}

// readSource is the script that the command line means: code, when there is any; else
// args[0].
func (a *app) readSource(lang string, code *string, args []string) (s source, err error) {
	switch {
	case code != nil:
		s.Name, s.Source, s.Args = "<code>", *code, args
	case len(args) == 0:
		return s, usage("there is no script: name a file, or - for standard input, or give code with -c")
	case args[0] == "-":
		s.Name, s.Args = "<stdin>", args[1:]
		s.Source, err = read("standard input", a.stdin)
	default:
		s.Name, s.Args = args[0], args[1:]
		s.Source, s.folder, err = readFile(s.Name)
	}
	if err != nil {
		return s, err
	}
	if !utf8.ValidString(s.Source) {
		return s, usage("cannot run %s: its text is not UTF-8", s.Name)
	}
	s.Lang, err = language(lang, s.Name, code == nil && args[0] != "-")
	return s, err
}

// language is what a script is written in: what --lang says, or what its file's
// name does, or the first guest's for what is not a file.
func language(lang, name string, isFile bool) (string, error) {
	if lang != "" {
		return lang, nil
	}
	if !isFile {
		return guests()[0].lang, nil
	}
	g, ok := guestOf(name)
	if !ok {
		return "", usage("cannot tell the language of %s by its name: say --lang %s", name, list(languages()))
	}
	return g.lang, nil
}

func readFile(path string) (text, folder string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", "", unreadable(path, err)
	}
	if info.IsDir() {
		return "", "", usage("cannot run %s: it is a folder; name a script in it", path)
	}
	if info.Mode().IsRegular() {
		folder = filepath.Dir(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", "", unreadable(path, err)
	}
	defer f.Close()
	text, err = read(path, f)
	return text, folder, err
}

func read(name string, r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSource+1))
	if err != nil {
		return "", unreadable(name, err)
	}
	if len(b) > maxSource {
		return "", usage("cannot run %s: a script has at most %d MiB; share large data with --share", name, maxSource>>20)
	}
	return string(b), nil
}

// unreadable is that a file of the command line cannot be read.
func unreadable(name string, err error) error {
	return usage("cannot read %s: %v", name, bare(err))
}

// bare is err without the operation and the path, which the sentence around it names.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// workerName is s's file, if that can name a worker: it stands in errors and
// process lists.
func (s *source) workerName() string {
	if s.folder == "" {
		return ""
	}
	name := filepath.Base(s.Name)
	const longest = 64 // bytes
	for _, r := range name {
		if r < ' ' || r > '~' {
			return ""
		}
	}
	if len(name) > longest {
		return ""
	}
	return name
}
