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
	// opened is how many of them the worker opens, evenly spread.
	opened = 1000
)

func shareTable() table {
	return table{
		name:  "share",
		title: "100,000 containers shared with one worker, of 64 bytes each, under a limit of 1,024 open files",
		note: "Memory is what the processes' RSS grew by, for each container. With -quick there are 10,000. " +
			"Opening is done in the worker, for 1,000 of them, and reads their bytes.",
		metrics: []metric{
			{"share", "µs each"},
			{"open", "µs each"},
			{"manager", "bytes each"},
			{"worker", "bytes each"},
		},
		modes:   []mode{free},
		probes:  append([]probe{{name: "memfd", run: probeMemfds}}, outworkProbes("share")...),
		subject: outworkRow,
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
