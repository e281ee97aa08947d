package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

// mapName names the tables of maps over files.
const mapName = "map"

// Rows of the tables.
const (
	mapStrictRow = "`outwork map`, strict"
	mapPlainRow  = "`outwork map --sandbox=none`"
	mapXargsRow  = "`xargs -n1 outwork run`"
	importsRow   = "examples/imports.star over " + inspectFolder
)

// xargsFiles is how many files are done by a process each.
const xargsFiles = 200

// trivialMap is a script that tells a file's size.
const trivialMap = "def main(c):\n    return c.size\n"

// mapTables is of a trivial script, and of a real one.
func mapTables() []table {
	return []table{mapTable(), mapShareTable()}
}

func mapTable() table {
	return table{
		name:  mapName,
		title: "A trivial function of each of many small files",
		note: fmt.Sprintf("Files of %d bytes. Of the command it is all of its time, from its start to its end, with a line of JSON for each file; "+
			"of the pool that of its map alone. xargs does %d of the files.", fileBytes, xargsFiles),
		metrics: []metric{{"rate", "k files/s"}},
		modes:   []mode{free},
		probes: []probe{
			pythonProbe("pool", poolProgram, lacksPython, func(j job) []string { return []string{filesDirectory(j)} }),
			{name: "map", run: prepared(mapFiles)},
			{name: "xargs", run: prepared(mapXargs)},
		},
		programs: []program{commandProgram},
		subject:  mapStrictRow,
		goals: []goal{
			{row: mapStrictRow, column: "rate", of: poolRow, atLeast: 3},
			{row: mapStrictRow, column: "rate", of: mapXargsRow, atLeast: 10},
		},
	}
}

func mapShareTable() table {
	return table{
		name:     mapName,
		title:    "A script that parses, over many files: whose time it takes",
		note:     "The share of the CPU time that is not the manager's.",
		metrics:  []metric{{"share", "%"}, {"rate", "files/s"}},
		modes:    []mode{free},
		probes:   []probe{{name: "imports", run: mapImports}},
		programs: []program{commandProgram},
		subject:  importsRow,
		goals:    []goal{{row: importsRow, column: "share", atLeast: 85, unit: "%"}},
	}
}

// prepared is run when the files are there.
func prepared(run func(job) ([]reading.Reading, error)) func(job) ([]reading.Reading, error) {
	return func(j job) ([]reading.Reading, error) {
		j, err := preparePython(j)
		if err != nil {
			return nil, err
		}
		return run(j)
	}
}

func trivialMapScript(j job) (string, error) {
	path := filepath.Join(j.Programs, "trivial.star")
	return path, os.WriteFile(path, []byte(trivialMap), 0o644)
}

func mapFiles(j job) (readings []reading.Reading, err error) {
	script, err := trivialMapScript(j)
	if err != nil {
		return nil, err
	}
	for _, of := range []struct {
		row   string
		flags []string
	}{{mapStrictRow, nil}, {mapPlainRow, []string{"--sandbox=none"}}} {
		args := append(append([]string{"map", "--quiet"}, of.flags...), script, "-r", filesDirectory(j))
		var out bytes.Buffer
		cmd := commandProgram.command(j, args...)
		cmd.Stdout, cmd.Stderr = &out, os.Stderr
		took, err := reading.Duration(cmd.Run)
		if err != nil {
			return nil, err
		}
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != j.Files {
			return nil, fmt.Errorf("%d lines, not %d", n, j.Files)
		}
		readings = append(readings, reading.Reading{Row: of.row, Metric: "rate", Value: float64(j.Files) / took.Seconds() / 1e3})
	}
	return readings, nil
}

// mapXargs has a process of the command do each file.
func mapXargs(j job) ([]reading.Reading, error) {
	names, err := filepath.Glob(filepath.Join(filesDirectory(j), "*"))
	if err != nil {
		return nil, err
	}
	names = names[:min(xargsFiles, len(names))]
	// What is shared has a name there.
	single := filepath.Join(j.Programs, "single.star")
	if err := os.WriteFile(single, []byte("def main():\n    return shared(\"data\").size\n"), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command("xargs", "-I{}", filepath.Join(j.Programs, commandProgram.name), "run", "--share", "data={}", single)
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Join(names, "\n")), os.Stderr
	took, err := reading.Duration(cmd.Run)
	return []reading.Reading{{Row: mapXargsRow, Metric: "rate", Value: float64(len(names)) / took.Seconds() / 1e3}}, err
}

// mapImports reads what the kernel counts for the command and for what it has waited for.
func mapImports(j job) ([]reading.Reading, error) {
	cmd := commandProgram.command(j, "map", "--quiet", filepath.Join("..", "examples", "imports.star"), "-r", inspectFolder)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	var share float64
	took, err := reading.Duration(func() error {
		if err := cmd.Start(); err != nil {
			return err
		}
		var err error
		share, err = workersShare(cmd.Process.Pid)
		return errors.Join(err, failedAlone(cmd.Wait()))
	})
	if err != nil {
		return nil, err
	}
	files := bytes.Count(out.Bytes(), []byte("\n"))
	return []reading.Reading{
		{Row: importsRow, Metric: "share", Value: 100 * share},
		{Row: importsRow, Metric: "rate", Value: float64(files) / took.Seconds()},
	}, nil
}

// failedAlone forgives the exit status that says that some files are no programs.
func failedAlone(err error) error {
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() == 1 {
		return nil
	}
	return err
}

// workersShare waits until a process has ended, and is the share of its children of the CPU time of all.
func workersShare(pid int) (float64, error) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, err
		}
		break
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(after)
	var ticks [4]float64 // utime, stime, cutime, cstime: proc_pid_stat(5)
	for i := range ticks {
		if ticks[i], err = strconv.ParseFloat(fields[11+i], 64); err != nil {
			return 0, err
		}
	}
	children := ticks[2] + ticks[3]
	return children / (ticks[0] + ticks[1] + children), nil
}
