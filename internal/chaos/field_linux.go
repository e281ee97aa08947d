package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// process is one of the world.
type process struct {
	pid, parent int
	name        string // as the kernel has it
	args        string
	state       string // a letter: Z is a zombie
	inner       bool   // it is the first of a pid namespace
}

func (p process) String() string {
	return fmt.Sprintf("%d %s %s (%.80q)", p.pid, p.state, p.name, p.args)
}

// kind is which part of the product it is; empty: none that is to be disturbed.
func (p process) kind() string {
	switch {
	case p.state == "Z", p.name == "sshd" && p.inner, p.name == "nsenter":
		return ""
	case p.name == "sshd":
		return "session"
	case p.name == "ssh":
		return "ssh"
	case strings.Contains(p.args, "[starter]"):
		return "starter"
	case strings.Contains(p.args, "[agent]"):
		return "agent"
	case strings.HasPrefix(p.name, "python3"), strings.Contains(p.args, " ["):
		return "worker"
	case strings.HasPrefix(p.args, joinerPath):
		return "joiner"
	}
	return ""
}

// processes are all that this world has, by number.
func processes() (all []process) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if p, ok := readProcess(dir); ok {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b process) int { return a.pid - b.pid })
	return all
}

func readProcess(dir string) (p process, ok bool) {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return p, false
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return p, false
	}
	p.name = string(stat[open+1 : end])
	if _, err := fmt.Sscan(string(stat[end+1:]), &p.state, &p.parent); err != nil {
		return p, false
	}
	p.pid, err = strconv.Atoi(filepath.Base(dir))
	args, _ := os.ReadFile(dir + "/cmdline")
	p.args = strings.TrimSpace(string(bytes.ReplaceAll(args, []byte{0}, []byte{' '})))
	b, _ := os.ReadFile(dir + "/status")
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "NSpid:" {
			p.inner = f[len(f)-1] == "1"
		}
	}
	return p, err == nil
}

// marked are the processes whose environment has a variable with that value.
func marked(variable, value string) (all []process) {
	want := []byte(variable + "=" + value)
	for _, p := range processes() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
		if err == nil && slices.ContainsFunc(bytes.Split(b, []byte{0}), func(v []byte) bool { return bytes.Equal(v, want) }) {
			all = append(all, p)
		}
	}
	return all
}

// field is what can be disturbed.
type field struct {
	machines []*machine
	children []*child // loads and the daemon
}

// some draws one of the processes of these kinds; ok is false when there is none.
func (f *field) some(r interface{ IntN(int) int }, kinds ...string) (p process, ok bool) {
	var all []process
	for _, p := range processes() {
		if slices.Contains(kinds, p.kind()) {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return p, false
	}
	return all[r.IntN(len(all))], true
}
