package proc

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// Memory is what a process holds, in KiB.
type Memory struct {
	RSS int // resident, pages shared with others counted whole
	PSS int // resident, a page shared by n processes counted 1/n
}

// MemoryOf reads the memory of pid.
func MemoryOf(pid int) (Memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return Memory{}, err
	}
	defer f.Close()
	var m Memory
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "Rss":
			_, err = fmt.Sscan(value, &m.RSS)
		case "Pss":
			_, err = fmt.Sscan(value, &m.PSS)
		}
		if err != nil {
			return Memory{}, fmt.Errorf("memory of process %d: %q: %w", pid, lines.Text(), err)
		}
	}
	return m, lines.Err()
}

// MeanMemory is the mean of the memory of pids.
func MeanMemory(pids []int) (Memory, error) {
	var sum Memory
	for _, pid := range pids {
		m, err := MemoryOf(pid)
		if err != nil {
			return Memory{}, err
		}
		sum.RSS += m.RSS
		sum.PSS += m.PSS
	}
	n := max(1, len(pids))
	return Memory{RSS: sum.RSS / n, PSS: sum.PSS / n}, nil
}
