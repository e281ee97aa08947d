package proc

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// Status is what a process has and had.
type Status struct {
	RSS     int // resident memory, KiB
	HWM     int // the most that RSS has been
	Threads int
	Files   int // open file descriptors
}

// StatusOf reads the status of pid.
func StatusOf(pid int) (Status, error) {
	s, err := readStatus(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return s, fmt.Errorf("status of process %d: %w", pid, err)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	s.Files = len(files)
	return s, err
}

func readStatus(path string) (s Status, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	fields := map[string]*int{"VmRSS": &s.RSS, "VmHWM": &s.HWM, "Threads": &s.Threads}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if field := fields[name]; field != nil {
			if _, err := fmt.Sscan(value, field); err != nil {
				return s, fmt.Errorf("%q: %w", lines.Text(), err)
			}
		}
	}
	return s, lines.Err()
}
