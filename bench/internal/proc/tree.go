package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Tree is pid followed by all of its descendants, parents first.
func Tree(pid int) ([]int, error) {
	children, err := childrenOfAll()
	if err != nil {
		return nil, err
	}
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree, nil
}

// Children is the direct children of pid.
func Children(pid int) ([]int, error) {
	children, err := childrenOfAll()
	return children[pid], err
}

func childrenOfAll() (map[int][]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		parent, err := parentOf(pid)
		if err != nil {
			continue // it has ended since
		}
		children[parent] = append(children[parent], pid)
	}
	return children, nil
}

func parentOf(pid int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name is in parentheses and may hold spaces and parentheses itself.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, fmt.Errorf("process %d: stat is cut short", pid)
	}
	return strconv.Atoi(string(fields[1]))
}
