// Package confine is what holds a worker that may be taken over: a [Policy] says what it may
// do, and is carried out by two, the process that starts the worker (package supervise: namespaces,
// control groups) and the worker itself, before it has seen an untrusted byte (ids and
// capabilities, the view of the file system, Landlock, resource limits, no new privileges, and
// last a seccomp filter). The worker then tries what it must not be able to do, and tells in its
// greeting what holds it: a [Report].
//
// A program of Go confines itself, on all its threads, in [Enter]. An interpreter, and a program
// built with cgo (whose threads Go cannot reach), is started by a stage: this program again,
// which confines one locked thread and becomes the other there.
//
// What cannot be had fails the start, naming it and what to do, unless Policy.AllowReduced says
// that the report may tell it instead. Nothing here trusts the worker after Enter has returned.
//
// # Order
//
// Each step needs what a later one takes away:
//
//	started     by package supervise: in namespaces and control groups of its own, the policy in its environment
//	checked     it has found that its namespaces are others
//	fixed       no new privileges, on all threads; where Go cannot reach them, on one from here on
//	shown       its view: what is granted, at an empty root; or everything, read-only
//	landlocked  no file, TCP port, abstract socket or signal but what its rules allow
//	nobody      its id, without groups and capabilities; it dies with who started it
//	limited     resource limits
//	filtered    seccomp, on all threads
//	tried       what must fail has failed
//
// A program built with cgo executes itself between nobody and limited, a stage the other program
// after filtered: that one execve is let through, because its three pointers are addresses that
// were chosen at random. With limits alone, there are only checked and limited.
//
// # Verdicts
//
// A filter answers a call in one of these ways:
//
//	allow     what every program needs: its memory, threads, open files, time
//	rule      where an argument says whether it is harmless: mmap, clone, socket, ioctl, fcntl, prctl, kill …
//	EPERM     what libraries try, and do without
//	EACCES    paths, where none is granted
//	ENOSYS    what this version does not know, and clone3, which hides its flags
//	SIGSYS    what only an attacker tries (ptrace, mount, bpf, io_uring, keys …), and calls of
//	          another architecture: the process is killed
//
// An error of Enter or Stage is the last word of the process; a policy that does not decode, that
// is of no level, or that gives what this machine has not, is one.
package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Levels of confinement.
const (
	None      = "none"      // a plain child
	Contained = "contained" // reads files, starts processes; no network, no writing, no privileges
	Strict    = "strict"    // computes, and talks to its manager; nothing else
)

// Levels are all levels, the freest first.
func Levels() []string { return []string{None, Contained, Strict} }

// PolicyVariable is the environment variable in which a started process finds its policy.
const PolicyVariable = "OUTWORK_CONFINE"

// Policy is what a worker is to be held by. The manager makes it; it goes along with the
// request to start the worker, and through the environment to the worker.
type Policy struct {
	Level        string   `json:"level"`
	ReadOnly     []string `json:"ro,omitempty"`      // files and folders, absolute
	ReadWrite    []string `json:"rw,omitempty"`      // files and folders, absolute
	Devices      []string `json:"devices,omitempty"` // device files, absolute
	Network      bool     `json:"network,omitempty"`
	Subprocesses bool     `json:"subprocesses,omitempty"`
	AllowReduced bool     `json:"reduced,omitempty"`
	Limits       Limits   `json:"limits"`

	// Exec is the program that a stage becomes; nil: the worker confines itself.
	Exec *Exec `json:"exec,omitempty"`

	// Given is what the process that started the worker has seen to.
	Given Given `json:"given"`

	// Held is for a program that has become itself once more, by a stage in it: what holds it
	// already, as a Report. What is missing is the last filter.
	Held string `json:"held,omitempty"`
	Data uint64 `json:"data,omitempty"` // the private memory in bytes that it had before
}

// Exec is a program to become.
type Exec struct {
	Path  string   `json:"path"`
	Args  []string `json:"args"`
	Reads []string `json:"reads,omitempty"` // files and folders that are its own: it may run what is there
}

// Limits bound what a worker may use up. 0 is no limit.
type Limits struct {
	Memory    int64         `json:"memory,omitempty"`    // bytes
	CPU       time.Duration `json:"cpu,omitempty"`       // of all its threads; rounded up to seconds
	Files     int           `json:"files,omitempty"`     // open at once
	Processes int           `json:"processes,omitempty"` // threads and processes at once
}

// Any reports whether there is a limit.
func (l Limits) Any() bool { return l != Limits{} }

// Given is what the process that starts a worker has done for its confinement.
type Given struct {
	Namespaces []string `json:"ns,omitempty"`      // "user", "pid", "mnt", "net", "ipc", "uts", "cgroup": as in /proc/self/ns
	Outside    []uint64 `json:"outside,omitempty"` // their numbers outside, in the same order: the worker's must be others
	Cgroups    []string `json:"cgroups,omitempty"` // controllers that hold it: "memory v1", "pids v2"
	UID        int      `json:"uid,omitempty"`     // the unused id that it is to take, when it is started as root; 0: it stays who it is
	Missing    []string `json:"missing,omitempty"` // what could not be had, each a sentence that says why
}

// Active reports whether the policy asks for anything.
func (p *Policy) Active() bool {
	return p != nil && (p.Level != "" && p.Level != None || p.Limits.Any())
}

// grants reports whether there is any file that it gives.
func (p *Policy) grants() bool { return len(p.ReadOnly)+len(p.ReadWrite)+len(p.Devices) > 0 }

// Encode is the policy as it travels. It is empty for one that asks for nothing.
func (p *Policy) Encode() []byte {
	if !p.Active() {
		return []byte{}
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // there is nothing in it that could not be told
	}
	return b
}

// Decode reads a policy; nil is one that asks for nothing.
func Decode(b []byte) (*Policy, error) {
	if len(b) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	var p Policy
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("the confinement asked for: %w", err)
	}
	if d.More() {
		return nil, errors.New("the confinement asked for: there is more behind it")
	}
	return &p, p.Check()
}

// Check is why a policy makes no sense, or nil.
func (p *Policy) Check() error {
	if p.Level != "" && !slices.Contains(Levels(), p.Level) {
		return fmt.Errorf("no such level of confinement: %q: there are %s", p.Level, strings.Join(Levels(), ", "))
	}
	for _, path := range slices.Concat(p.ReadOnly, p.ReadWrite, p.Devices) {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("the confinement grants %q, which is no absolute path", path)
		}
	}
	whole := func(path string) bool { return filepath.Clean(path) == "/" }
	if slices.ContainsFunc(p.ReadWrite, whole) || p.Level == Strict && slices.ContainsFunc(p.ReadOnly, whole) {
		return errors.New("the confinement grants / as a whole: name what is needed, or take the level contained, which reads everything")
	}
	if p.Level == "" || p.Level == None {
		if len(p.ReadOnly)+len(p.ReadWrite)+len(p.Devices) > 0 || p.Network || p.Subprocesses {
			return errors.New("the confinement has grants but no level: without one everything is allowed")
		}
	}
	if l := p.Limits; l.Memory < 0 || l.CPU < 0 || l.Files < 0 || l.Processes < 0 {
		return errors.New("a limit is below 0")
	}
	if p.Limits.Memory > MostMemory {
		return fmt.Errorf("a memory limit of %d bytes is more than any machine has: 0 is no limit", p.Limits.Memory)
	}
	if 0 < p.Limits.Memory && p.Limits.Memory < LeastMemory {
		return fmt.Errorf("a memory limit of %d bytes: a worker needs at least %d", p.Limits.Memory, LeastMemory)
	}
	return nil
}

// MostMemory is the largest memory limit in bytes.
const MostMemory = 1 << 60

// LeastMemory is the least memory limit in bytes: a Go process does not start with less.
const LeastMemory = 64 << 20
