package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/sandbox"
)

// sandboxHelp is for the help of verbs whose workers are confined unless they are told not to be.
const sandboxHelp = `The workers are confined (--sandbox=strict): one that is taken over by what it reads can do
nothing to this machine, and has at most 1 GiB of memory. Files are opened here, by your
rights. Where something of that cannot be had, nothing is read: --allow-reduced does with
what there is, and --sandbox=none with nothing.`

// sandboxFlags are the flags that say how the workers of a verb are confined.
type sandboxFlags struct {
	level                oneOf
	read, write, devices []string
	network, processes   bool
	reduced              bool
	memory               amount
	cpu                  shell.Timeout
	verbose              bool

	away      bool // the workers are on hosts: what is granted is there
	unhurried bool // their CPU time has no limit that was not given

	once   sync.Once // tells what holds the first of several
	warned sync.Once // that a grant is not enough
}

// add makes the flags those of f, for a verb whose workers run what is not this command's own.
func (s *sandboxFlags) add(f *pflag.FlagSet, byDefault string) {
	s.addLevel(f, byDefault)
	f.StringArrayVar(&s.read, "allow-read", nil, "a `path` that a confined worker may read; may be repeated")
	f.StringArrayVar(&s.write, "allow-write", nil, "a `path` that it may read and write; may be repeated")
	f.StringArrayVar(&s.devices, "allow-device", nil, "a device, by its `path`, that it may open; may be repeated")
	f.BoolVar(&s.network, "allow-network", false, "leave it the network")
	f.BoolVar(&s.processes, "allow-processes", false, "let it start processes, confined as it is")
	s.addLimits(f, "10m if it is confined")
}

// addFew is add for a verb whose workers read many files with code of this command's: they need
// nothing else, and their time is that of all files.
func (s *sandboxFlags) addFew(f *pflag.FlagSet, byDefault string) {
	s.unhurried = true
	s.addLevel(f, byDefault)
	s.addLimits(f, "no limit")
}

func (s *sandboxFlags) addLevel(f *pflag.FlagSet, byDefault string) {
	s.level = oneOf{byDefault, confine.Levels(), "level"}
	f.Var(&s.level, "sandbox", "confine the workers: "+list(confine.Levels())+";\nwithout a value "+sandbox.Strict)
	f.Lookup("sandbox").NoOptDefVal = sandbox.Strict
	f.BoolVar(&s.reduced, "allow-reduced", false, "go on without what of the sandbox cannot be had: see -v")
}

func (s *sandboxFlags) addLimits(f *pflag.FlagSet, cpu string) {
	f.Var(&s.memory, "memory", "the most memory of a worker, as in 256M (default: 1G if it is confined)")
	f.Var(&s.cpu, "cpu", "the most CPU time of a worker, in whole seconds, as in 30s\n(default: "+cpu+")")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "tell what confines the workers, and what is missing, on standard error")
}

// complete completes the values of the flags, which cmd has.
func (s *sandboxFlags) complete(cmd *cobra.Command) {
	for name, complete := range map[string]cobra.CompletionFunc{
		"sandbox": s.level.complete, "memory": cobra.NoFileCompletions, "cpu": cobra.NoFileCompletions,
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete) // the flags are those above
	}
}

// active reports whether the workers are confined.
func (s *sandboxFlags) active() bool {
	return s.level.value != "" && s.level.value != sandbox.None
}

// apart refuses a level that stands apart from --sandbox in line, the command line up to the
// first word that is no flag, if words behind that belong to somebody else: it would be taken
// for a file.
func (s *sandboxFlags) apart(line []string) error {
	for i, word := range line {
		if word == "--" {
			return nil
		}
		if i > 0 && line[i-1] == "--sandbox" && slices.Contains(confine.Levels(), word) {
			return usage("--sandbox %s: write --sandbox=%[1]s; a file of that name is ./%[1]s", word)
		}
	}
	return nil
}

// target has t be confined as the flags say. Paths of this machine are made absolute, and must
// be there.
func (s *sandboxFlags) target(t *outwork.Target) error {
	t.Limits.Memory, t.Limits.CPU = int64(s.memory), time.Duration(s.cpu)
	if s.unhurried && s.cpu == 0 {
		t.Limits.CPU = -1
	}
	if 0 < s.memory && s.memory < confine.LeastMemory {
		return usage("--memory %s: a worker needs at least %dM", &s.memory, confine.LeastMemory>>20)
	}
	if !s.active() {
		return s.idle()
	}
	b := sandbox.Config{Level: s.level.value, Network: s.network, Subprocesses: s.processes, AllowReduced: s.reduced}
	for _, grant := range []struct {
		flag  string
		paths []string
		to    *[]string
	}{{"read", s.read, &b.ReadOnly}, {"write", s.write, &b.ReadWrite}, {"device", s.devices, &b.Devices}} {
		for _, path := range grant.paths {
			path, err := s.granted(path, grant.flag == "device")
			if err != nil {
				return usage("--allow-%s %v", grant.flag, err)
			}
			*grant.to = append(*grant.to, path)
		}
	}
	t.Sandbox = b
	return nil
}

// idle refuses flags that mean nothing, because no worker is confined.
func (s *sandboxFlags) idle() error {
	flag := ""
	switch {
	case len(s.read) > 0:
		flag = "read"
	case len(s.write) > 0:
		flag = "write"
	case len(s.devices) > 0:
		flag = "device"
	case s.network:
		flag = "network"
	case s.processes:
		flag = "processes"
	case s.reduced:
		flag = "reduced"
	default:
		return nil
	}
	return usage("--allow-%s is for a worker that is confined, and this one may do all that its user may: see --sandbox", flag)
}

// granted is a path that is granted, absolute; its error begins with it.
func (s *sandboxFlags) granted(path string, device bool) (string, error) {
	if !utf8.ValidString(path) { // the worker could not be told
		return "", fmt.Errorf("%q: it is not UTF-8: grant the folder that it lies in", path)
	}
	if s.away {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("%q: write an absolute path: it is of the host", path)
		}
		return filepath.Clean(path), nil
	}
	if path == "" {
		return "", fmt.Errorf("%q: it is empty", path)
	}
	info, err := os.Stat(path)
	if err == nil && device && info.Mode()&fs.ModeDevice == 0 {
		err = errors.New("it is no device: see --allow-read and --allow-write")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %v", path, bare(err))
	}
	return filepath.Abs(path)
}

// begin starts a worker at t, which is as target says. Where that is confined, or it is to be
// told, it waits until the worker has said how: that it cannot be is no error of its calls. The
// error is a *startError.
func (s *sandboxFlags) begin(ctx context.Context, m *outwork.Manager, t outwork.Target) (*outwork.Worker, error) {
	w, err := m.Begin(ctx, t)
	if err == nil && (s.active() || s.verbose) {
		err = s.ready(ctx, w)
	}
	if err != nil {
		return nil, &startError{unconfined{err}}
	}
	return w, nil
}

// unconfined is that a worker did not start, in words of the command line.
type unconfined struct{ error }

func (e unconfined) Error() string {
	text := e.error.Error()
	if lost, ok := errors.AsType[*outwork.LostError](e.error); ok {
		// It is the last that such a worker says.
		if _, why, ok := strings.Cut(string(lost.Stderr), "outwork: confine this worker: "); ok {
			text = "the worker cannot be confined: " + firstLine(why)
			if lost.Host != "" {
				text = "the worker at " + lost.Host + strings.TrimPrefix(text, "the worker")
			}
		}
	}
	return strings.ReplaceAll(text, "Sandbox.AllowReduced", "--allow-reduced")
}

func (e unconfined) Unwrap() error { return e.error }

func (s *sandboxFlags) ready(ctx context.Context, w *outwork.Worker) error {
	err := w.Ready(ctx)
	if err != nil {
		w.Close()
	}
	return err
}

// tell writes what holds w, which has begun, if that is wanted, and what of its grants it cannot use.
func (s *sandboxFlags) tell(out io.Writer, prefix string, w *outwork.Worker) {
	s.warned.Do(func() { io.WriteString(out, s.shut(w.Confinement())) })
	if s.verbose {
		out.Write(output.Sanitize([]byte(confinementText(prefix, w.Confinement()))))
	}
}

// shut says which of what was granted a worker may not use that has an id of its own: it is one of
// those whom a file's mode calls others. It is a line for each, or nothing.
func (s *sandboxFlags) shut(c sandbox.Report) string {
	if s.away || !slices.ContainsFunc(c.Active, func(what string) bool { return strings.HasPrefix(what, "user id ") }) {
		return ""
	}
	var b strings.Builder
	for _, grant := range []struct {
		flag, does string
		paths      []string
		bits       string
	}{{"read", "read it", s.read, "r"}, {"write", "write there", s.write, "rw"}} {
		for _, path := range grant.paths {
			if bits := lacking(path, grant.bits); bits != "" {
				fmt.Fprintf(&b, "warning: --allow-%s %s: the worker may not %s: root's workers have a user id of their own, and others lack the rights: chmod o+%s %[2]s\n", grant.flag, path, grant.does, bits)
			}
		}
	}
	return string(output.Sanitize([]byte(b.String())))
}

// lacking is which of the rights, and of that to enter a folder, others lack to a file.
func lacking(path, rights string) (lack string) {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if info.IsDir() {
		rights += "x"
	}
	for _, right := range rights {
		if info.Mode()&map[rune]fs.FileMode{'r': 4, 'w': 2, 'x': 1}[right] == 0 {
			lack += string(right)
		}
	}
	return lack
}

// tellOnce is tell for the first of several workers, which are all the same.
func (s *sandboxFlags) tellOnce(out io.Writer, w *outwork.Worker) {
	s.once.Do(func() { s.tell(out, "", w) })
}

// confinementText is what holds a worker, each on a line, behind the prefix.
func confinementText(prefix string, c sandbox.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%sconfinement: %s\n", prefix, firstLine(c.Level))
	for _, s := range c.Active {
		fmt.Fprintf(&b, "%s  active:  %s\n", prefix, firstLine(s))
	}
	for _, s := range c.Missing {
		fmt.Fprintf(&b, "%s  missing: %s\n", prefix, firstLine(s))
	}
	return b.String()
}

// amount is a flag that takes a number of bytes.
type amount int64

// units are what an amount may end with, the largest first.
var units = []struct {
	name  string
	bytes int64
}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}}

func (a *amount) Type() string { return "bytes" }

func (a *amount) String() string {
	if *a == 0 {
		return ""
	}
	for _, u := range units {
		if int64(*a)%u.bytes == 0 {
			return strconv.FormatInt(int64(*a)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*a), 10)
}

func (a *amount) Set(s string) error {
	digits, unit := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(s), "B"), "I"), int64(1) // 64MiB is 64M
	for _, u := range units {
		if cut, ok := strings.CutSuffix(digits, u.name); ok {
			digits, unit = cut, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 {
		return errors.New("it is a number of bytes with its unit, as in 512K, 256M or 1G")
	}
	if n > math.MaxInt64/unit {
		return errors.New("it is more than there can be")
	}
	*a = amount(n * unit)
	return nil
}
