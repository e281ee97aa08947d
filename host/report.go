package host

import "time"

// Report is what outwork.Manager.Check has found out about a host.
type Report struct {
	Facts     Facts
	RoundTrip time.Duration // the shortest of a few to the shell there
	Times     []Timing      // of Shell (connecting and authenticating included) and Probe
	Binary    error         // why there is no program for its platform; nil if there is one
	Lines     []string      // the last that the host printed besides, made safe for a terminal
}

// Timing is how long a part of a boot took.
type Timing struct {
	Stage Stage // the last stage of that part
	Took  time.Duration
}

// Facts are what a shell on the other side has told. They are the other side's word.
type Facts struct {
	System, Machine string // as uname -s and uname -m have it
	OS, Arch        string // the same in Go's names, if Go has any
	UID             int    // -1: it did not say
	User, Home      string
	Shell           string   // of the user
	Tools           []string // of those that matter to a boot, what there is
	Python          string   // the version of python3, "3.11.2"; "": there is none that works
	Dirs            []Dir    // that were looked at, in order
	Cached          string   // the directory with the program, if Check has found it
	Bounds          []string // what the kernel has to confine workers with, if Check has looked: "landlock 4" (its ABI; "?": nobody there could tell), "userns", "seccomp", "cgroup2"
}

// Dir is a directory that could hold the program.
type Dir struct {
	Path string
	Why  string // why it cannot; "" if it can
}
