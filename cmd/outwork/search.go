package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/sandbox"
)

// searchOptions are the flags of search.
type searchOptions struct {
	hosts   hostFlags
	sandbox sandboxFlags

	fold, hex, expr, wide bool
	from                  string // a file of patterns

	count, names bool
	most         steps
	context      offset
	begin, end   offset
	back         bool
	walk         walk
	timeout      shell.Timeout
	stats        bool
}

// How many bytes are shown before and behind a match, and how many can be.
const (
	usualContext = 8
	maxContext   = 4 << 10
)

func (a *app) searchVerb() *cobra.Command {
	o := searchOptions{context: usualContext}
	cmd := &cobra.Command{
		Use:   "search [flags] PATTERN FILE...\n  outwork search [flags] -r PATTERN [DIR...]\n  outwork search [flags] -f PATTERNS FILE...",
		Short: "Search files, disks and the memory of processes for bytes",
		Long: `Search prints where a pattern is found: a line for each match, with its offset, and with
the bytes around it. The files are read by workers: what is wrong with one is told, and
the others are searched all the same.

` + sandboxHelp + `

PATTERN is text, or what its prefix says:
  hex:4D 5A ?? [2-6] 50   bytes in hexadecimal; ?? is any byte, 4? and ?A half of one,
                          [2-6] from two to six bytes
  re:[0-9]{4}\x00         a regular expression (RE2) over bytes
  i:text                  text in upper and lower case (of ASCII)
  utf16:text              text as UTF-16, little-endian; iutf16: in any case
  text:hex:               text that would look like another kind
With a flag that says its kind, it has no prefix. -f searches for all lines of a file at
once, each of which is text.

` + sourceHelp + `

With -r, folders are searched with all that is below them, but for links, devices and the
like. A match is marked by colour on a terminal, and else by brackets. Matches of a
pattern may overlap, but not those of a regular expression.

With --json, standard output has an object on each line: {"file", "offset", "length",
"hex"}, and "text" if the match is text, "pattern" if there are several, "truncated" if
the match has more than 4 KiB; {"file", "count"} with -c, {"file"} with -l; and {"file",
"error": {"kind", "message"}} for what could not be searched.

Exit status:
  0    something was found
  1    nothing was found
  2    the command line is wrong, or a file could not be searched
  3    a host could not be reached, or no worker started
  124  it timed out
  130  it was interrupted`,
		Example: `  outwork search ELF /bin/ls
  outwork search 'hex:7f 45 4c 46 ?? 01' firmware.bin
  outwork search -E '(?i)password=[^\x00]+' pid:1234
  outwork search --utf16 -i 'kernel32.dll' app.exe
  outwork search -r -l --include '*.so*' 'GLIBC_2.36' /usr/lib
  outwork search -f words.txt --json disk.img@0x100000+0x200000
  outwork search -c root ssh://db1/etc/passwd`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.sandbox.apart(a.args); err != nil {
				return err
			}
			s := search{app: a, searchOptions: &o, failed: failures{verb: cmd.CommandPath()}, stat: statTable{wanted: o.stats}}
			args, err := s.compile(cmd, args)
			if err == nil {
				args, err = o.files(args)
			}
			if err != nil {
				return err
			}
			return s.run(cmd.Context(), args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 && !cmd.Flags().Changed("file") {
				return patternPrefixes(), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	a.searchFlags(cmd, &o)
	return a.runnableBy(cmd, &o.hosts)
}

func (a *app) searchFlags(cmd *cobra.Command, o *searchOptions) {
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.fold, "ignore-case", "i", false, "match ASCII letters in either case")
	f.BoolVar(&o.hex, "hex", false, "PATTERN is bytes in hexadecimal, with gaps")
	f.BoolVarP(&o.expr, "regexp", "E", false, "PATTERN is a regular expression over bytes")
	f.BoolVar(&o.wide, "utf16", false, "search for the text as UTF-16, little-endian")
	f.StringVarP(&o.from, "file", "f", "", "search for all lines of this `file`, at once; - is standard input")
	f.BoolVarP(&o.count, "count", "c", false, "print how many matches each file has")
	f.BoolVarP(&o.names, "files-with-matches", "l", false, "print the names of files that have one")
	f.VarP(&o.most, "max-count", "m", "print at most so many matches of each file")
	f.VarP(&o.context, "context", "C", "how much to show before and behind a match")
	f.Var(&o.begin, "from", "search from this offset on")
	f.Var(&o.end, "to", "search up to this offset")
	f.BoolVar(&o.back, "back", false, "print the last match of each file first")
	o.walk.add(f, "search")
	f.Var(&o.timeout, "timeout", "the longest that it may take, as in 30s")
	f.BoolVar(&a.json, "json", false, "print a JSON object for each match, for programs")
	f.BoolVar(&o.stats, "stats", false, "tell at the end what the workers read, on standard error")
	o.sandbox.addFew(f, sandbox.Strict)
	o.sandbox.complete(cmd)
	for _, name := range []string{"max-count", "context", "from", "to", "include", "exclude", "timeout"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions) // the flags are those above
	}
}

// patternPrefixes are offered to the shell.
func patternPrefixes() []cobra.Completion {
	return []cobra.Completion{"hex:", "re:", "i:", "utf16:", "iutf16:", "text:"}
}

// search is one run of the verb.
type search struct {
	*searchOptions
	app     *app
	pattern *pattern.Pattern
	out     *bufio.Writer
	colour  bool
	any     bool // something was found
	failed  failures
	stat    statTable
}

// compile makes the pattern of the command line, and returns what of args is behind it.
func (s *search) compile(cmd *cobra.Command, args []string) (rest []string, err error) {
	spec := pattern.Spec{Fold: s.fold, UTF16: s.wide}
	switch {
	case s.context > maxContext:
		return nil, usage("--context %d: it is a number of bytes, and at most %d", s.context, maxContext)
	case s.count && s.names:
		return nil, usage("-c prints numbers, and -l names: choose one")
	case s.end > 0 && s.begin > s.end:
		return nil, usage("--from %d is behind --to %d", s.begin, s.end)
	case cmd.Flags().Changed("file"):
		rest = args
		err = s.readPatterns(&spec)
	case len(args) == 0:
		return nil, usage("there is no pattern: say what to search for, and where, as in %s search ELF /bin/ls", cmd.Root().Name())
	default:
		rest = args[1:]
		err = s.onePattern(&spec, args[0])
	}
	if err != nil || s.pattern != nil {
		return rest, err
	}
	if s.pattern, err = pattern.Compile(spec); err != nil {
		return nil, usage("%v", err)
	}
	return rest, nil
}

// onePattern makes a pattern of text: spec's, or, when no flag says its kind, s's.
func (s *search) onePattern(spec *pattern.Spec, text string) (err error) {
	if text == "" {
		return usage("the pattern is empty: it would be found everywhere")
	}
	spec.Texts = [][]byte{[]byte(text)}
	switch {
	case s.hex && (s.expr || s.fold || s.wide), s.expr && s.wide:
		return usage("--hex, --regexp and --utf16 are kinds of pattern: choose one; and --hex has no case")
	case s.hex:
		spec.Kind = pattern.KindHex
	case s.expr:
		spec.Kind = pattern.KindRegexp
	case s.fold || s.wide:
	default:
		if err := knownPrefix(text); err != nil {
			return err
		}
		if s.pattern, err = pattern.Parse(text); err != nil {
			return usage("%v", err)
		}
	}
	return nil
}

// mistyped are prefixes that were meant to be others, and nothing that people search for.
var mistyped = map[string]string{
	"hx": "hex", "hxe": "hex", "ehx": "hex", "hexa": "hex", "HEX": "hex", "Hex": "hex",
	"regex": "re", "regexp": "re", "regx": "re", "rexp": "re", "txt": "text", "tetx": "text",
	"utf-16": "utf16", "utf16le": "utf16", "UTF16": "utf16", "UTF-16": "utf16", "uft16": "utf16", "iutf-16": "iutf16",
}

// knownPrefix refuses what begins with a prefix that was mistyped.
func knownPrefix(text string) error {
	prefix, rest, ok := strings.Cut(text, ":")
	if meant := mistyped[prefix]; ok && meant != "" {
		return usage("there is no kind of pattern %q: did you mean %s:%s? To search for just that text, write text:%s", prefix+":", meant, rest, text)
	}
	return nil
}

// readPatterns makes spec that of any line of the file.
func (s *search) readPatterns(spec *pattern.Spec) error {
	if s.hex || s.expr {
		return usage("--file: its lines are text: --hex and --regexp are for one pattern")
	}
	text, err := s.patternText()
	if err != nil {
		return err
	}
	spec.Kind = pattern.KindAny
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			spec.Texts = append(spec.Texts, []byte(line))
		}
	}
	if len(spec.Texts) == 0 {
		return usage("--file %s: it has no line to search for", s.from)
	}
	return nil
}

// patternText is what the file of patterns holds.
func (s *search) patternText() (string, error) {
	if s.from == standardInput {
		f, err := s.app.in.take()
		if err != nil {
			return "", err
		}
		return read("standard input", f)
	}
	info, err := os.Stat(s.from)
	if err == nil && info.IsDir() {
		err = syscall.EISDIR
	}
	if err != nil {
		return "", unreadableAt("--file", s.from, err)
	}
	text, _, err := readFile(s.from)
	return text, err
}

// files are the arguments that say where to search.
func (o *searchOptions) files(args []string) ([]string, error) {
	if err := o.walk.check(); err != nil {
		return nil, err
	}
	if len(args) == 0 && o.walk.recursive {
		return []string{"."}, nil
	}
	if len(args) == 0 {
		return nil, usage("there is no file: name one, or - for standard input, or search a folder with -r")
	}
	return args, nil
}

// run is the verb.
func (s *search) run(ctx context.Context, names []string) error {
	ctx, stop := shell.Begin(ctx, time.Duration(s.timeout))
	defer stop()
	far, err := newFiles(&s.hosts)
	if err != nil {
		return err
	}
	defer far.Close()
	s.out, s.colour = bufio.NewWriterSize(lineWriter{s.app}, 64<<10), colours(s.app.stdout)
	c := crew[found]{app: s.app, far: far, sandbox: &s.sandbox, prepare: s.prepare, work: s.work}
	if err := s.sandbox.target(&c.target); err != nil {
		return err
	}
	if s.walk.recursive {
		c.together = s.together
	}
	defer suspendable(&c.manager, &far.manager)()
	err = c.run(ctx, s.walk.all(names), s.show)
	c.manager.Close()
	if flushErr := s.out.Flush(); err == nil {
		err = flushErr
	}
	s.stat.print(s.app)
	if err != nil {
		return ending(ctx, "search", time.Duration(s.timeout), err)
	}
	return s.status()
}

// status is what the exit status has to tell.
func (s *search) status() error {
	if err := s.failed.err(); err != nil || s.any {
		return err
	}
	return &failure{status: statusFailed, Kind: kindNothing, Message: "nothing was found", quiet: true, told: true}
}

// kindNothing is that nothing was found.
const kindNothing = "nothing"

// prepare tells a worker the pattern.
func (s *search) prepare(ctx context.Context, w *outwork.Worker) error {
	_, err := setPattern.Call(ctx, w, s.pattern.Spec())
	return err
}

// how is what workers are told of all files.
func (s *search) how() how {
	h := how{From: int64(s.begin), To: int64(s.end), Back: s.back, Most: int64(min(s.most, math.MaxInt64)), Context: int64(s.context), Show: !s.names && !s.count, Count: s.count, Stats: s.stats}
	if s.names {
		h.Most = 1
	}
	return h
}

// work searches a file.
func (s *search) work(ctx context.Context, w *outwork.Worker, name string, c container.Container, emit func(found) error) error {
	matches, err := searchFile.Call(ctx, w, searchArgs{c, s.how()})
	if err != nil {
		return err
	}
	for m, err := range matches.All() {
		switch {
		case err != nil:
			return err
		case m.Done:
			s.stat.add(name, w, m.Stats)
		default:
			if err = s.check(&m); err == nil {
				err = emit(m)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// check is what is wrong with a match that a worker, whom nobody trusts, tells of: it is
// printed as it says.
func (s *search) check(f *found) error {
	n := int64(len(f.Bytes))
	switch {
	case f.Count < 0, f.Offset < 0, f.Length < 0, f.Index < 0, f.Index >= len(s.pattern.Spec().Texts):
	case f.Before < 0, f.Before > n, f.Inside < 0, f.Inside > n-f.Before, f.Inside > f.Length, n > 2*maxContext+maxMatch:
	case s.how().Show && f.Inside == 0: // a match has a byte at least
	default:
		return nil
	}
	return fmt.Errorf("the worker tells of a match that cannot be: %d bytes at %d, pattern %d, %d bytes from %d of %d", f.Length, f.Offset, f.Index, f.Inside, f.Before, n)
}

// together searches small files, whose bytes go along.
func (s *search) together(ctx context.Context, w *outwork.Worker, batch []*task[found]) error {
	total := int64(0)
	for _, t := range batch {
		total += t.file.Size()
	}
	call := batchArgs{Bytes: make([]byte, 0, total), How: s.how()}
	var files []*task[found]
	for _, t := range batch {
		size := t.file.Size()
		b := call.Bytes[len(call.Bytes):][:size]
		if n, _ := t.file.ReadAt(b, 0); n < len(b) {
			continue // work says what is wrong
		}
		call.Bytes = call.Bytes[:len(call.Bytes)+len(b)]
		call.Sizes = append(call.Sizes, size)
		files = append(files, t)
	}
	if len(files) == 0 {
		return nil
	}
	all, err := searchBatch.Call(ctx, w, call)
	if err != nil {
		return err
	}
	for m, err := range all.All() {
		switch {
		case err != nil:
			return err
		case m.File < 0 || m.File >= len(files) || files[m.File].done:
			return fmt.Errorf("the worker speaks of a file %d that it was not given", m.File)
		case m.Done:
			s.stat.add(files[m.File].name, w, m.Stats)
			files[m.File].end(nil)
		default:
			if err = s.check(&m); err == nil {
				err = files[m.File].emit(ctx, m)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// show prints what is found in a file, as soon as it is.
func (s *search) show(t *task[found]) error {
	for {
		select {
		case f, ok := <-t.found:
			if !ok {
				return s.ended(t)
			}
			if err := s.print(t.name, &f); err != nil {
				return err
			}
			continue
		default:
		}
		if err := s.out.Flush(); err != nil {
			return err
		}
		f, ok := <-t.found
		if !ok {
			return s.ended(t)
		}
		if err := s.print(t.name, &f); err != nil {
			return err
		}
	}
}

// ended tells what went wrong with a file.
func (s *search) ended(t *task[found]) error {
	if t.err == nil {
		return nil
	}
	if err := s.out.Flush(); err != nil {
		return err
	}
	return s.failed.add(s.app, t.name, t.err)
}

// failures are the files that could not be worked on.
type failures struct {
	verb  string
	n     int
	worst int // exit status
}

// add tells of one more, unless err ends everything.
func (f *failures) add(a *app, name string, err error) error {
	if errors.Is(err, errOver) {
		return err
	}
	e := fileTrouble(name, err)
	f.n++
	f.worst = max(f.worst, e.status)
	if a.json {
		return a.printJSON(fileObject{File: name, Error: e})
	}
	a.complain(f.verb + ": " + e.Message)
	return nil
}

// fileObject is what JSON says of a file. Offsets come as matchObject.
type fileObject struct {
	File  string   `json:"file"`
	Count *int64   `json:"count,omitempty"`
	Error *failure `json:"error,omitempty"`
}

// err is the failure of all of them.
func (f *failures) err() error {
	if f.n == 0 {
		return nil
	}
	return &failure{status: f.worst, Kind: kindUsage, Message: fmt.Sprintf("%s could not be read", count(f.n, "file")), told: true}
}

// fileTrouble is what went wrong with a file, in a sentence that names it.
func fileTrouble(name string, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	f := &failure{status: statusUsage, Kind: kindOther}
	if errors.Is(err, container.ErrHole) {
		f.Message = fmt.Sprintf("cannot read %s: some of what is looked for lies where nothing is: name a part of it, as in pid:1234@0x400000+0x1000; /proc/PID/maps has those of a process", name)
	} else if lost, ok := errors.AsType[*outwork.LostError](err); ok {
		f.Kind, f.Message = kindLost, fmt.Sprintf("cannot read %s: %s", name, lossText(lost))
	} else if remote, ok := errors.AsType[*outwork.RemoteError](err); ok && !remote.Panicked {
		f.Message = fmt.Sprintf("cannot read %s: %s", name, remote.Message)
	} else if errors.Is(err, context.DeadlineExceeded) {
		f.Kind, f.Message = kindTimeout, fmt.Sprintf("cannot read %s: it took longer than --file-timeout allows", name)
	} else {
		f.Message = fmt.Sprintf("cannot read %s: %v", name, err)
	}
	return f
}

// lineWriter writes to stdout, without what would drive a terminal.
type lineWriter struct{ a *app }

func (w lineWriter) Write(p []byte) (int, error) {
	if err := w.a.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}
