package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

const (
	// openFiles is the limit under which containers are shared.
	openFiles = 1024
	// sharedBytes is the size of each.
	sharedBytes = 64
	// opened is how many of them each worker opens, evenly spread.
	opened = 1000
	// sharers is how many workers they are shared with.
	sharers = 10
	// shareLimit is for a turn of the table.
	shareLimit = 2 * time.Minute
)

func shareTable() table {
	return table{
		name:  containersName,
		title: fmt.Sprintf("Containers: 100,000 shared with %d workers, of 64 bytes each, under a limit of 1,024 open files", sharers),
		note: "Memory is what the processes' RSS grew by, for each container; of the workers it is the mean. With -quick there are 10,000. " +
			"Opening is done in all workers at once, 1,000 of them in each, and reads their bytes: the time is that of all, for each. Kept is what the manager has, of what it grew by, " +
			"when they are unshared and closed: what is not in the heap is what Go's runtime keeps for the next, most of it for cleanups. A descriptor that is left is a failure.",
		metrics: []metric{
			{"share", "µs each"},
			{"open", "µs each"},
			{"unshare", "µs each"},
			{"manager", "bytes each"},
			{"worker", "bytes each"},
			{"kept in the heap", "bytes each"},
			{"kept", "bytes each"},
		},
		modes:   []mode{free},
		probes:  append([]probe{{name: "share memfd", run: probeMemfds}}, outworkProbes("share")...),
		subject: outworkRow,
		goals: []goal{
			{row: outworkRow, column: "kept in the heap", of: outworkRow, ofColumn: "manager", atMost: 0.1},
			{row: outworkRow, column: "kept", of: outworkRow, ofColumn: "manager", atMost: 0.3},
		},
	}
}

// probeMemfds is what a memfd each would cost. They cannot all stay open.
func probeMemfds(j job) ([]reading.Reading, error) {
	if err := limitOpenFiles(); err != nil {
		return nil, err
	}
	content := payload(sharedBytes)
	took, err := reading.Duration(func() error {
		for range j.Shares {
			if err := sealedMemfd(content); err != nil {
				return err
			}
		}
		return nil
	})
	return []reading.Reading{{
		Row: "a memfd each, made, sealed, closed", Metric: "share", Value: each(took, j.Shares),
	}}, err
}

func sealedMemfd(content []byte) error {
	fd, err := unix.MemfdCreate("bench", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, content); err != nil {
		return err
	}
	const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
	return err
}

// limitOpenFiles limits this process and all that it starts from now on.
func limitOpenFiles() error {
	limit := unix.Rlimit{Cur: openFiles, Max: openFiles}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit open files to %d: %w", openFiles, err)
	}
	return nil
}

func each(took time.Duration, n int) float64 { return reading.Micros(took) / float64(n) }
