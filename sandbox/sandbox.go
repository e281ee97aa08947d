// Package sandbox says how a worker is confined, and what it may use up. A [Config] is the
// Sandbox of an outwork.Target, and [Limits] are its Limits:
//
//	w, err := m.Start(ctx, outwork.Target{
//		Sandbox: sandbox.Config{Level: sandbox.Strict},
//		Limits:  sandbox.Limits{Memory: 256 << 20, CPU: time.Minute},
//	})
//
// They are plain data: nothing here confines anything, or starts a goroutine. The kernel of the
// machine that the worker runs on holds it, and the worker has tried what it must not be able to
// do before Start returns; its [Report] (outwork.Worker.Confinement) tells what holds it. A worker
// that a limit ends, or that tries what is forbidden, is lost with a lost.Cause (package lost).
// SECURITY.md has the table of what each level allows, and what of the kernel holds it.
package sandbox

import "github.com/outwork-go/outwork/internal/confine"

// The levels of a [Config], the freest first.
const (
	// None is a plain child: it may do what its user may.
	None = confine.None
	// Contained reads the files that its user may read (as root: that anybody may), and starts
	// processes, which end with it. It has no network, sees and signals no other process,
	// writes nothing but what is granted, and gains no privileges.
	Contained = confine.Contained
	// Strict computes and talks to its manager, and that is all: no file system, not even stat,
	// no network, no processes, no memory that is made executable.
	Strict = confine.Strict
)

// Config is how a worker is confined. The zero value is not at all. A Start fails that is given
// another level than these, a path that is not absolute, all of / (with Contained that may be read), or
// anything besides the level with [None].
type Config struct {
	// Level is None, Contained or Strict; empty: None, with which nothing else may be set.
	Level string

	// ReadOnly and ReadWrite are files and folders that the worker may use all the same,
	// by the rights of the user that it runs as: as root an id that nobody has. The paths are
	// absolute, on the machine that the worker runs on. With Strict, its working directory
	// is kept if that is granted, or leads to what is; otherwise it is /. What is above a
	// grant can be entered there, and not listed.
	ReadOnly, ReadWrite []string

	// Devices are device files that it may open for reading and writing, as absolute paths.
	Devices []string

	// Network leaves it the network of the machine that it runs on.
	Network bool

	// Subprocesses lets it start processes, confined as it is; Contained does so. With Strict
	// what they are must be granted, as ReadOnly.
	Subprocesses bool

	// AllowReduced has a worker start although something of this cannot be had on its machine:
	// its Report tells what is missing. Without it such a start fails.
	AllowReduced bool
}

// Report is what holds a worker, as it has told before it saw anything untrusted:
// outwork.Worker.Confinement returns it. The lists are the receiver's own.
type Report struct {
	Level string // of the Config; None for a plain worker
	// Active is what is in force: "seccomp", "landlock 7", "namespace pid", "memory by cgroup v1".
	Active []string
	// Missing is what was asked for and cannot be had there: a sentence each, that says why.
	// It is empty unless Config.AllowReduced is set.
	Missing []string
}
