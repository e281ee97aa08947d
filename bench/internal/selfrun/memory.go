package selfrun

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/outwork-go/outwork/bench/internal/proc"
	"github.com/outwork-go/outwork/bench/internal/reading"
)

// Settle is how long children may take to come to rest.
const Settle = 200 * time.Millisecond

// memory measures n idle children, what this process has grown by for each,
// and the processes that are its own children and none of the n (a starter).
func (m Measures) memory(n int) (readings []reading.Reading, err error) {
	before, err := ownMemory()
	if err != nil {
		return nil, err
	}
	var pids []int
	for range n {
		child, err := m.Begin()
		if err != nil {
			return nil, err
		}
		defer child.Close()
		pid, err := child.PID()
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	time.Sleep(Settle)
	after, err := ownMemory()
	if err != nil {
		return nil, err
	}
	row := fmt.Sprintf("%s, %d", m.Name, n)
	grown := reading.Reading{Row: row, Metric: reading.Grown, Value: float64(after.RSS-before.RSS) / float64(n)}
	if readings, err = memoryOf(row, pids); err != nil {
		return nil, err
	}
	helpers, err := m.helpers(pids)
	return slices.Concat(readings, []reading.Reading{grown}, helpers), err
}

// helpers is the memory of this process's children that are not in pids.
func (m Measures) helpers(pids []int) ([]reading.Reading, error) {
	children, err := proc.Children(os.Getpid())
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(children, func(pid int) bool { return slices.Contains(pids, pid) })
	if len(others) == 0 {
		return nil, nil
	}
	return memoryOf(fmt.Sprintf("%s's starter, %d", m.Name, len(pids)), others)
}

func memoryOf(row string, pids []int) ([]reading.Reading, error) {
	mean, err := proc.MeanMemory(pids)
	return []reading.Reading{
		{Row: row, Metric: reading.RSS, Value: float64(mean.RSS)},
		{Row: row, Metric: reading.PSS, Value: float64(mean.PSS)},
	}, err
}

// ownMemory is what this process holds when its garbage is gone.
func ownMemory() (proc.Memory, error) {
	debug.FreeOSMemory()
	return proc.MemoryOf(os.Getpid())
}
