package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

// pythonName names the tables of workers whose process is an interpreter.
const pythonName = "python"

const (
	// debianPython is the interpreter that Debian's packages are for.
	debianPython = "/usr/bin/python3"
	// pythonVariable names another, as it does for outwork.
	pythonVariable = "OUTWORK_PYTHON"
	// pythonPrograms is where the contenders' programs are, in the directory of
	// this module, and the functions that all of them call.
	pythonPrograms = "programs/python"
	mitogenProgram = "mitogen_side.py"
	poolProgram    = "pool_side.py"
	findProgram    = "find_side.py"

	sharedMemoryProgram = "shared_memory_side.py"
)

// Rows of the tables, as the programs below pythonPrograms name theirs.
const (
	isolatedRow   = "`python3 -I -c pass`"
	passRow       = "`python3 -c pass`"
	mitogenRow    = "Mitogen"
	preloadingRow = "Mitogen, preloading the package"
	poolRow       = "ProcessPoolExecutor(2), chunksize=1"
	findRow       = "bytes.find in one process"

	scriptRow     = "outwork, a script"
	functionRow   = "outwork, a function of the standard library"
	servedRow     = "outwork, a function of a served module"
	zygoteRow     = "outwork, from a zygote"
	plainRow      = "outwork, over plain pipes"
	plainFindRow  = "a search in the worker, and one round trip"
	mappedFindRow = outworkRow
)

// Round trips of links that are late.
const (
	importRoundTrip = 50 * time.Millisecond
	searchRoundTrip = 20 * time.Millisecond
)

func pythonStartTable() table {
	return table{
		name:  pythonName,
		title: "Python: start to the first result",
		note: "All have the same interpreter. The manager runs. Of outwork it is Start and " +
			"then a script that returns a number, unless the row says what else.",
		metrics: []metric{{"first result", "ms"}},
		modes:   []mode{pinned, free},
		probes: []probe{
			{name: "start", run: startPython, lacks: lacksPython},
			mitogenProbe("first", func(j job) []string { return []string{strconv.Itoa(j.Starts)} }),
		},
		subject: outworkRow,
		goals: bothModes(
			goal{row: outworkRow, column: "first result", of: isolatedRow, atMost: 1.35},
			goal{row: functionRow, column: "first result", of: isolatedRow, atMost: 1.35},
			goal{row: zygoteRow, column: "first result", of: passRow, atMost: 1. / 8},
		),
	}
}

func pythonCallTable() table {
	return table{
		name:    pythonName,
		title:   "Python: a call of a function that does nothing",
		metrics: []metric{{"p50", "µs"}},
		modes:   []mode{pinned, free},
		probes: []probe{
			mitogenProbe("calls", func(j job) []string { return []string{fmt.Sprint(j.Budget.Seconds())} }),
			{name: "outwork calls", run: callPython, lacks: lacksPython},
		},
		subject: outworkRow,
		goals:   bothModes(goal{row: outworkRow, column: "p50", of: mitogenRow, atMost: 1. / 2}),
	}
}

func pythonImportTable() table {
	return table{
		name:  pythonName,
		title: fmt.Sprintf("Python: the first call of a function that imports a package of %d modules", chainModules),
		note: fmt.Sprintf("Over pipes with a round trip of %v, once the worker is up and has answered a call. Neither has "+
			"the function's module yet. The function imports a module of the package, and that the next, and so on. Neither "+
			"has imported the package where it serves it from, unless it says so. Mitogen preloads by "+
			"forward_modules, within the time. No call takes less than one round trip.", importRoundTrip),
		metrics: []metric{{"first call", "ms"}},
		modes:   []mode{free},
		probes: []probe{
			mitogenProbe("package", packageArguments),
			{name: "outwork package", run: importPython, lacks: lacksPython},
		},
		subject: outworkRow,
		goals: []goal{
			{row: outworkRow, column: "first call", of: mitogenRow, atMost: 1. / 5},
			{row: outworkRow, column: "first call", of: preloadingRow, atMost: 0.7},
		},
	}
}

func pythonSearchTable() table {
	return table{
		name:  pythonName,
		title: "Python: a search through 10 MiB for what is at their end",
		note: fmt.Sprintf("Timed in the worker, once it has the container. The plain pipes have a round trip of %v; "+
			"one is measured as the shortest question to the manager.", searchRoundTrip),
		metrics: []metric{{"first time", "ms"}, {"again", "ms"}},
		modes:   []mode{pinned, free},
		probes: []probe{
			pythonProbe("bytes.find", findProgram, lacksPython, func(job) []string { return []string{strconv.Itoa(searchRepeat)} }),
			{name: "outwork search", run: searchPython, lacks: lacksPython},
			{name: "outwork search, plain", run: searchPythonPlain, lacks: lacksPython},
		},
		subject: mappedFindRow,
		goals: bothModes(
			goal{row: mappedFindRow, column: "first time", of: findRow, ofColumn: "again", atMost: 1.1},
			goal{row: mappedFindRow, column: "again", of: findRow, atMost: 1.1},
			goal{row: plainRow, column: "again", of: plainFindRow, atMost: 1},
		),
	}
}

func pythonLinesTable() table {
	return table{
		name:  pythonName,
		title: "Python: printed lines, forwarded",
		note: "Until all are with the manager's writer, or with the master's log handler. Mitogen's child is " +
			"told to make its standard output blocking: otherwise a print that outruns it fails.",
		metrics: []metric{{"rate", "k lines/s"}, {"lost", "lines"}},
		modes:   []mode{free},
		probes: []probe{
			mitogenProbe("lines", func(j job) []string { return []string{strconv.Itoa(j.Lines)} }),
			{name: "outwork lines", run: printPython, lacks: lacksPython},
		},
		subject: outworkRow,
		goals:   []goal{{row: outworkRow, column: "rate", of: mitogenRow, atLeast: 8}},
	}
}

func pythonFilesTable() table {
	return table{
		name:  pythonName,
		title: "Python: the length and sum of small files, in 2 processes that are up",
		note: fmt.Sprintf("Files of %d bytes, a call each, told by their paths; outwork has %d calls under way in each worker.",
			fileBytes, inFlight),
		metrics: []metric{{"rate", "k files/s"}},
		modes:   []mode{free},
		probes: []probe{
			pythonProbe("pool", poolProgram, lacksPython, func(j job) []string { return []string{filesDirectory(j)} }),
			{name: "outwork files", run: readPython, lacks: lacksPython},
		},
		subject: outworkRow,
		goals:   []goal{{row: outworkRow, column: "rate", of: poolRow, atLeast: 2}},
	}
}

// bothModes is each of the goals pinned and free.
func bothModes(goals ...goal) []goal {
	var both []goal
	for _, g := range goals {
		for _, m := range []mode{pinned, free} {
			in := g
			in.column = string(m) + " " + g.column
			if g.ofColumn != "" {
				in.ofColumn = string(m) + " " + g.ofColumn
			}
			both = append(both, in)
		}
	}
	return both
}

// pythonPath is the interpreter of all contenders.
func pythonPath() string { return cmp.Or(os.Getenv(pythonVariable), debianPython) }

func lacksPython() error {
	if _, err := exec.LookPath(pythonPath()); err != nil {
		return fmt.Errorf("no Python (Debian's package python3, or what %s names): %w", pythonVariable, err)
	}
	return nil
}

var lacksMitogen = sync.OnceValue(func() error {
	if err := lacksPython(); err != nil {
		return err
	}
	if pythonCommand("-c", "import mitogen").Run() != nil {
		return fmt.Errorf("%s has no module mitogen (Debian's package python3-mitogen)", pythonPath())
	}
	return nil
})

// pythonCommand is the interpreter as it is: PYTHONUNBUFFERED, for one, would double the
// writes of all but outwork, whose workers do not look at it.
func pythonCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(pythonPath(), args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PYTHON") })
	return cmd
}

// mitogenProbe has Mitogen do a task, as its program says.
func mitogenProbe(task string, arguments func(job) []string) probe {
	return pythonProbe("mitogen "+task, mitogenProgram, lacksMitogen, func(j job) []string {
		return append([]string{task}, arguments(j)...)
	})
}

// pythonProbe runs a program of pythonPrograms.
func pythonProbe(name, file string, lacks func() error, arguments func(job) []string) probe {
	run := func(j job) ([]reading.Reading, error) {
		prepared, err := preparePython(j)
		if err != nil {
			return nil, err
		}
		args := append([]string{"-B", filepath.Join(pythonPrograms, file)}, arguments(prepared)...)
		return readingsOf(pythonCommand(args...))
	}
	return probe{name: name, run: run, lacks: lacks}
}

func packageArguments(j job) []string {
	self, err := os.Executable()
	if err != nil {
		self = selfExe
	}
	return []string{chainDirectory(j), self, roleDelay, (importRoundTrip / 2).String()}
}

// The package that is imported over a link that is late.
const (
	chainUser    = "user"
	chainPackage = "chain"
	chainModules = 10
	chainValue   = "value"
	chainFiller  = 20 // functions of a module that nobody calls
)

// fileBytes is the size of the files that are read.
const fileBytes = 1 << 10

func chainDirectory(j job) string { return filepath.Join(j.Programs, "modules") }
func filesDirectory(j job) string { return filepath.Join(j.Programs, "files") }

// preparePython writes what the probes are about, unless one before has done so.
func preparePython(j job) (job, error) {
	return j, errors.Join(
		once(chainDirectory(j), writeChain),
		once(filesDirectory(j), func(dir string) error { return writeFiles(dir, j.Files) }),
	)
}

// once makes dir and has it filled, unless it is there.
func once(dir string, fill func(dir string) error) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		return err
	}
	return fill(dir)
}

// writeChain writes a module with a function that imports a package, of which each
// module but the first imports the next, and adds 1 to the value of that.
func writeChain(dir string) error {
	files := map[string]string{
		chainUser + ".py":                          fmt.Sprintf("def %s():\n    %s", chainValue, chainLink(1, "\n    return ")),
		filepath.Join(chainPackage, "__init__.py"): `"""Imports nothing by itself."""` + "\n",
	}
	for i := 1; i < chainModules; i++ {
		source := fmt.Sprintf("\n\ndef %s():\n    return 1\n", chainValue)
		if i < chainModules-1 {
			source = chainLink(i+1, fmt.Sprintf("\n\n\ndef %s():\n    return 1 + ", chainValue))
		}
		for f := range chainFiller {
			source += fmt.Sprintf("\n\ndef filler_%d(first, second):\n    \"\"\"Nobody calls this.\"\"\"\n    return [first, second]\n", f)
		}
		files[filepath.Join(chainPackage, fmt.Sprintf("m%d.py", i))] = source
	}
	if err := os.Mkdir(filepath.Join(dir, chainPackage), 0o755); err != nil {
		return err
	}
	for name, source := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(source), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// chainLink imports module i, and behind then calls it.
func chainLink(i int, then string) string {
	return fmt.Sprintf("from %s import m%d%sm%[2]d.%[4]s()\n", chainPackage, i, then, chainValue)
}

func writeFiles(dir string, n int) error {
	content := payload(fileBytes)
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d", i)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
