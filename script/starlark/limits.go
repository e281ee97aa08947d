package starlark

import (
	"cmp"
	"time"
)

// Limits bounds a script. A zero field means the default named beside it.
type Limits struct {
	Steps  uint64 // steps of the interpreter, about ten a line: DefaultSteps
	Depth  int    // nested calls: DefaultDepth; at most MaxDepth
	Memory int64  // bytes by which the heap of the process may grow: DefaultMemory
}

// What a zero field of Limits means, and the most that Depth may be.
const (
	DefaultSteps  uint64 = 5_000_000_000 // steps, a minute or two
	DefaultDepth         = 1000          // calls
	MaxDepth             = 50_000        // calls; some 2 KiB of Go stack each
	DefaultMemory int64  = 192 << 20     // bytes; see below
)

// DefaultMemory is also what keeps the interpreter off the end of Go's stack,
// which ends the process: it hashes and freezes values by recursion, and the
// tuples nested five million deep that fit need half of the stack there is.

// Bounds that no caller needs to change.
const (
	maxSource  = 1 << 20  // bytes of one file; the parser's and compiler's stack grow with it
	maxModules = 1000     // modules loaded in one run
	maxRead    = 64 << 20 // bytes of one read
	maxText    = 64 << 20 // bytes that one operation may produce
	maxItems   = 8 << 20  // items of a list that one operation may produce
	maxIntBits = 1 << 20  // bits of a product
	maxNesting = 200      // values within values, where they are printed or returned
	maxParse   = 10_000   // values within values, in text that is read
	maxResult  = 16 << 20 // bytes of a result, about; bytes or a string alone may be larger
	maxMatches = 1 << 20  // matches that find_all returns

	maxGlob    = 1 << 18  // paths that host.glob returns; maxText bytes in all
	maxPattern = 4096     // bytes of a pattern
	dirBatch   = 1024     // entries of a folder read between two looks at the context
	maxOutput  = 16 << 20 // bytes that a command may print, to stdout and to stderr each
	smallFile  = 64 << 10 // bytes of a file that host.open reads at once

	killGrace = time.Second            // from SIGTERM to SIGKILL, and from that until a command counts as one that cannot be killed
	pipeGrace = 200 * time.Millisecond // that others have to let go of the pipes of a command that has ended

	checkSteps    = 4096                  // steps between two looks at the depth, at most
	minCheckSteps = 64                    // and at least: depth may be overrun by as many
	watchInterval = 10 * time.Millisecond // between two looks at the heap
	stuckAfter    = 2 * time.Second       // from a stop to the call of Host.Stuck
	stuckMemory   = 4                     // times the limit at which Host.Stuck is called at once
)

func (l Limits) orDefaults() Limits {
	return Limits{
		Steps:  cmp.Or(l.Steps, DefaultSteps),
		Depth:  min(cmp.Or(l.Depth, DefaultDepth), MaxDepth),
		Memory: cmp.Or(l.Memory, DefaultMemory),
	}
}
