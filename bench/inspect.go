package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

// inspectFolder has the programs that are inspected.
const inspectFolder = "/usr/bin"

// Rows of the table of inspecting.
const (
	readelfEachRow = "readelf -d, a process for each file"
	readelfAllRow  = "readelf -d, one process for all"
	readelfMoreRow = "readelf -d -S --dyn-syms, one process for all"
	debugELFRow    = "debug/elf's ImportedLibraries, in the manager"
	inspectHereRow = "outwork, in the manager"
	inspectOneRow  = "outwork, one worker, a call at a time"
	inspectManyRow = "outwork, 2 workers, 4 calls under way in each"
)

func inspectTable() table {
	return table{
		name:  "inspect",
		title: "Every ELF file of " + inspectFolder + ", inspected",
		note: "Files a second. readelf and debug/elf tell the libraries that a file needs; outwork's report has " +
			"sections, facts, and all symbols with their versions too.",
		metrics: []metric{{"rate", "files/s"}},
		modes:   []mode{free},
		probes: []probe{
			{name: "readelf", run: inspectReadelf, lacks: lacksReadelf},
			{name: "debug/elf", run: inspectDebugELF},
			{name: "outwork", run: inspectOutwork},
		},
		subject: inspectManyRow,
		goals:   []goal{{row: inspectOneRow, column: "rate", of: readelfEachRow, atLeast: 1}},
	}
}

func lacksReadelf() error {
	_, err := exec.LookPath("readelf")
	return err
}

// elfFiles are the ELF files of inspectFolder, links left out.
func elfFiles() ([]string, error) {
	var files []string
	err := filepath.WalkDir(inspectFolder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && isELF(path) {
			files = append(files, path)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = errors.New("there is no ELF file in " + inspectFolder)
	}
	return files, err
}

func isELF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = f.ReadAt(magic[:], 0)
	return err == nil && string(magic[:]) == elf.ELFMAG
}

// rateOf reads how many files a second fn does, of which it does n.
func rateOf(row string, n int, fn func() error) (reading.Reading, error) {
	took, err := reading.Duration(fn)
	if err != nil {
		err = fmt.Errorf("%s: %w", row, err)
	}
	return reading.Reading{Row: row, Metric: "rate", Value: float64(n) / took.Seconds()}, err
}

func inspectReadelf(job) ([]reading.Reading, error) {
	files, err := elfFiles()
	if err != nil {
		return nil, err
	}
	each, err := rateOf(readelfEachRow, len(files), func() error {
		for _, path := range files {
			if err := readelf("-dW", path); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all, err := rateOf(readelfAllRow, len(files), func() error { return readelf("-dW", files...) })
	if err != nil {
		return nil, err
	}
	more, err := rateOf(readelfMoreRow, len(files), func() error { return readelf("-dSW", append([]string{"--dyn-syms"}, files...)...) })
	return []reading.Reading{each, all, more}, err
}

func readelf(flags string, args ...string) error {
	out, err := exec.Command("readelf", append([]string{flags}, args...)...).Output()
	if err == nil && len(out) == 0 {
		err = errors.New("it says nothing")
	}
	return err
}

func inspectDebugELF(job) ([]reading.Reading, error) {
	files, err := elfFiles()
	if err != nil {
		return nil, err
	}
	r, err := rateOf(debugELFRow, len(files), func() error {
		for _, path := range files {
			f, err := elf.Open(path)
			if err != nil {
				return err
			}
			_, err = f.ImportedLibraries()
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
		return nil
	})
	return []reading.Reading{r}, err
}
