package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"unicode/utf8"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/internal/spell"
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
	folder string // where it lies, if that is a folder of this machine to load modules from
	tree   fs.FS  // the same on a host; nil: there is none
}

// readSource is the script that the command line means: code, when there is any; else
// args[0].
func (a *app) readSource(ctx context.Context, far *files, lang string, code *string, args []string) (s source, err error) {
	switch {
	case code != nil:
		s.Name, s.Source, s.Args = "<code>", *code, args
	case len(args) == 0:
		return s, usage("there is no script: name a file, or - for standard input, or give code with -c")
	case args[0] == "-":
		s.Name, s.Args = "<stdin>", args[1:]
		var f *os.File
		if f, err = a.in.take(); err == nil {
			s.Source, err = readInput(ctx, f)
		}
	case place.IsURL(args[0]):
		s.Name, s.Args = args[0], args[1:]
		s.Source, s.tree, err = far.readScript(ctx, s.Name)
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
	if !utf8.ValidString(s.Name) { // from here on it is only shown
		s.Name = legible.Visible(s.Name)
	}
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
		return "", usage("cannot read %s: a script, or a file of patterns, has at most %d MiB; share large data with --share", name, maxSource>>20)
	}
	return string(b), nil
}

// readInput reads standard input, until ctx ends: then what reads it still ends with the
// process.
func readInput(ctx context.Context, f io.Reader) (text string, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		text, err = read("standard input", f)
	}()
	select {
	case <-done:
		return text, err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// unreadable is that a file of the command line cannot be read.
func unreadable(name string, err error) error {
	if name == "" {
		return usage("a file's name is empty")
	}
	return usage("cannot read %s: %s", name, whyNot(name, err))
}

// unreadableAt is that the file of a flag cannot be read; that of an argument if flag is "".
func unreadableAt(flag, path string, err error) error {
	if flag == "" {
		return unreadable(path, err)
	}
	return usage("%s %s: cannot read the file: %s", flag, path, whyNot(path, err))
}

// unreadableFolder is that the folder of a flag cannot be read.
func unreadableFolder(flag, path string, err error) error {
	why := whyNot(path, err)
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		why = "it is not a folder"
	}
	return usage("%s %s: cannot read the folder: %s", flag, path, why)
}

// whyNot is why a file cannot be read, and what to do about it.
func whyNot(path string, err error) string {
	switch {
	case errors.Is(err, syscall.EISDIR):
		return "it is a folder; name a file in it"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%v: run this as a user who may read it", bare(err))
	case errors.Is(err, fs.ErrNotExist):
		if near := spell.File(path, nil); near != "" {
			return fmt.Sprintf("%v: did you mean %s?", bare(err), near)
		}
	}
	return bare(err).Error()
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
