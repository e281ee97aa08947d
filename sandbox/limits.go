package sandbox

import "time"

// Limits bound what a worker may use in its whole life. Zero is no limit, but for a worker with a
// [Config]: see [DefaultLimits]. Below zero is no limit there either. What ends for a limit is an
// *outwork.LostError with a lost.Cause. Copies (outwork.Worker.Fork) share the memory and the
// processes of what they are copies of, and have each their own of all else.
type Limits struct {
	Memory    int64         // bytes, at least 64 MiB; what it maps of containers does not count: lost.Memory
	CPU       time.Duration // of all its threads; rounded up to seconds: lost.CPU
	WallTime  time.Duration // since its start, or since its host was reached: lost.Time
	Files     int           // that are open at once, at least 32; one more cannot be opened
	Processes int           // processes and threads at once, at least 32; one more cannot be started, and a Go program whose runtime needs a thread then ends: lost.Crash
	Output    int64         // bytes that it prints and logs; what is more is not delivered: lost.Output
	Reply     int64         // bytes of []byte and strings in one result, or one argument of a call back: what has more fails, and the worker lives on

	// Served is how many bytes may be read, searched, hashed and compared for the worker by its
	// manager, of containers whose bytes stay there: live sources, and where no file descriptor
	// crosses all of more than 32 KiB. Patterns count too. When they are spent, what more is
	// asked is answered with an error that says so, and the worker lives on. What an agent has
	// kept, and what the worker maps or has itself, costs nothing. At most 16 requests of a
	// worker are worked on at once, whatever this says.
	Served int64

	// Grace is how long a call may go on when its context has ended, before the worker is
	// killed for it: lost.Overdue. Zero: Manager.Grace, which is 2 s unless it is set, for a
	// worker with a Config or in a pool or whose process is an interpreter; a plain one is left
	// alone. Below zero: so are they all. It begins anew while this program's own log handler,
	// progress callback or writer of output keeps the end of the call from being read.
	Grace time.Duration
}

// DefaultLimits are those of a worker with a [Config] of Contained or Strict, for each field of
// its Limits that is zero. There is none for WallTime and Served: name one. Grace has one of its own.
func DefaultLimits() Limits {
	return Limits{Memory: 1 << 30, CPU: 10 * time.Minute, Files: 512, Processes: 256, Output: 256 << 20, Reply: 256 << 20}
}
