package main

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/selfrun"
)

// standardRow is of Go's runtime and standard library.
const standardRow = "Go itself"

// weighed is the programs whose modules are weighed, each run so that it does nothing.
var weighed = []struct {
	column  string
	program program
	args    []string
}{
	{"command", commandProgram, []string{"version"}},
	{"small program", smallProgram, []string{selfrun.End}},
	{"service", servedProgram, []string{"--help"}},
}

func weightTable() table {
	t := table{
		name:  "weight",
		title: "What modules add to programs",
		note: "Code and data that the linker has kept of each, without what Go's runtime needs to tell where it is, nor types; and the time of its packages' " +
			"initialization, of each start of a process. The command has all of outwork; a small program, and so its workers, just the root package; a service is a daemon with the command made for it.",
		modes:  []mode{pinned},
		probes: []probe{{name: "modules", run: weigh}},
	}
	for _, w := range weighed {
		t.metrics = append(t.metrics, metric{w.column, "KiB"}, metric{w.column + " begins", "µs"})
		t.programs = append(t.programs, w.program)
	}
	return t
}

// weigh reads the weights in each program, the heaviest first.
func weigh(j job) (readings []reading.Reading, err error) {
	for _, w := range weighed {
		m, err := modulesOf(filepath.Join(j.Programs, w.program.name))
		if err != nil {
			return nil, err
		}
		began, err := m.initOf(w.program.command(j, w.args...))
		if err != nil {
			return nil, err
		}
		heaviest := func(a, b string) int { return cmp.Compare(m[b], m[a]) }
		for _, module := range slices.SortedFunc(maps.Keys(m), heaviest) {
			readings = append(readings,
				reading.Reading{Row: module, Metric: w.column, Value: m[module] / 1024},
				reading.Reading{Row: module, Metric: w.column + " begins", Value: reading.Micros(began[module])})
		}
	}
	return readings, nil
}

// modules is how many bytes of a program each of its modules is.
type modules map[string]float64

// modulesOf weighs the modules of the program at path.
func modulesOf(path string) (modules, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := modules{standardRow: 0, outworkRow: 0}
	for _, d := range info.Deps {
		if !own(d.Path) {
			m[d.Path] = 0
		}
	}
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range symbols {
		if i := int(s.Section); i < len(f.Sections) && f.Sections[i].Type == elf.SHT_PROGBITS {
			m[m.of(s.Name)] += float64(s.Size)
		}
	}
	return m, nil
}

const ownModule = "github.com/outwork-go/outwork"

func own(path string) bool { return path == ownModule || strings.HasPrefix(path, ownModule+"/") }

// of is the module that a symbol or a package belongs to.
func (m modules) of(name string) string {
	if own(name) || strings.HasPrefix(name, ownModule+".") || strings.HasPrefix(name, "main.") || name == "main" {
		return outworkRow
	}
	longest := standardRow
	for path := range m {
		if rest, ok := strings.CutPrefix(name, path); ok && (rest == "" || rest[0] == '.' || rest[0] == '/') && len(path) > len(longest) {
			longest = path
		}
	}
	return longest
}

// initOf is how long the packages of each module take to begin, by what the runtime says
// while cmd runs.
func (m modules) initOf(cmd *exec.Cmd) (map[string]time.Duration, error) {
	var trace bytes.Buffer
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	took := make(map[string]time.Duration)
	for lines := bufio.NewScanner(&trace); lines.Scan(); {
		var name, clock, unit string
		if _, err := fmt.Sscanf(lines.Text(), "init %s @%s ms, %s %s clock,", &name, new(string), &clock, &unit); err != nil {
			continue // the program's own words
		}
		d, err := time.ParseDuration(clock + unit)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		took[m.of(name)] += d
	}
	return took, nil
}
