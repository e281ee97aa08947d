package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

const (
	searchBytes  = 10 << 20
	searchFresh  = 3  // containers searched for the first time, a probe
	searchRepeat = 20 // times that each is searched again
)

// Rows of the search.
const (
	localRow      = "outwork, in the manager"
	remoteRow     = "outwork, a call to a worker"
	remoteOnlyRow = "outwork, timed in the worker"
	sharedMemRow  = "Python: multiprocessing.shared_memory, bytes.find"
	pipeCopyRow   = "a copy through a pipe, and bytes.Index"
)

// needle ends the bytes that are searched.
var needle = []byte{0xAA, 0xBB, 0xCC, 0xDD}

func searchTable() table {
	var goals []goal
	for _, row := range []string{remoteRow, remoteOnlyRow} {
		for _, column := range []string{"pinned", "free"} {
			goals = append(goals,
				goal{row: row, column: column + " again", of: localRow, atMost: 1.05},
				goal{row: row, column: column + " first time", of: localRow, ofColumn: column + " again", atMost: firstSearch[row]})
		}
	}
	return table{
		name:  containersName,
		title: "Containers: a search through 10 MiB for what is at their end",
		note: "A call's first time has the manager copy the bytes into sealed memory, once for all workers. Python's first time attaches the memory in another process; " +
			"bytes.find wants bytes, so each search copies them. Both are timed in the worker. The pipe's copy is made by blocking system calls in pieces of 64 KiB.",
		metrics: []metric{{"first time", "ms"}, {"again", "ms"}},
		modes:   []mode{pinned, free},
		probes: append([]probe{
			{name: "search bytes.Index", run: searchMemory},
			{name: "search memfd", run: searchMemfd},
			{name: "search pipe", run: searchPipe},
			pythonProbe("search shared_memory", sharedMemoryProgram, lacksPython, func(job) []string {
				return []string{strconv.Itoa(searchFresh), strconv.Itoa(searchRepeat)}
			}),
		}, outworkProbes("search")...),
		subject: remoteOnlyRow,
		goals:   goals,
	}
}

// firstSearch is what a first search may take, as a multiple of one that is repeated.
var firstSearch = map[string]float64{remoteRow: 10, remoteOnlyRow: 7}

// haystack is searchBytes with needle at the end.
func haystack() []byte {
	b := bytes.Repeat([]byte{0xFF}, searchBytes)
	copy(b[len(b)-len(needle):], needle)
	return b
}

func searchMemory(job) ([]reading.Reading, error) {
	b := haystack()
	again, err := reading.MedianMillis(searchRepeat, func() (time.Duration, error) { return indexIn(b) })
	return []reading.Reading{{Row: "bytes.Index in memory", Metric: "again", Value: again}}, err
}

// searchMemfd is the floor of a search in shared memory: map it afresh, and
// search it.
func searchMemfd(job) ([]reading.Reading, error) {
	fd, err := unix.MemfdCreate("bench", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if _, err := (fdPair{w: fd}).Write(haystack()); err != nil {
		return nil, err
	}
	var again float64
	first, err := reading.MedianMillis(searchFresh, func() (time.Duration, error) {
		began := time.Now()
		b, err := unix.Mmap(fd, 0, searchBytes, unix.PROT_READ, unix.MAP_PRIVATE)
		if err != nil {
			return 0, err
		}
		defer unix.Munmap(b)
		if _, err := indexIn(b); err != nil {
			return 0, err
		}
		took := time.Since(began)
		again, err = reading.MedianMillis(searchRepeat, func() (time.Duration, error) { return indexIn(b) })
		return took, err
	})
	row := "a memfd mapped afresh"
	return []reading.Reading{
		{Row: row, Metric: "first time", Value: first},
		{Row: row, Metric: "again", Value: again},
	}, err
}

// searchPipe is the way without shared memory: the bytes are copied to who is to
// search them.
func searchPipe(job) ([]reading.Reading, error) {
	x := exchange{size: chunkBytes, count: searchBytes / chunkBytes, reply: 1}
	s, err := rawPipe.open(x)
	if err != nil {
		return nil, err
	}
	b := haystack()
	first, err := reading.MedianMillis(searchRepeat, func() (time.Duration, error) {
		return reading.Duration(func() error {
			if err := s.(streamer).stream(b[:chunkBytes], x.count); err != nil {
				return err
			}
			_, err := indexIn(b)
			return err
		})
	})
	return []reading.Reading{{Row: pipeCopyRow, Metric: "first time", Value: first}}, errors.Join(err, s.close())
}

func indexIn(b []byte) (time.Duration, error) {
	began := time.Now()
	at := bytes.Index(b, needle)
	return time.Since(began), checkFound(int64(at))
}

func checkFound(at int64) error {
	if want := int64(searchBytes - len(needle)); at != want {
		return fmt.Errorf("the pattern was found at %d instead of %d", at, want)
	}
	return nil
}
