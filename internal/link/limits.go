package link

import "time"

// The limits of the protocol; each has its line in PROTOCOL.md.

// A link.
const (
	HandshakeTimeout = 10 * time.Second
	Silence          = 15 * time.Second    // Alive of links to other hosts
	Noticed          = Silence * 2 / 3     // when Gaps tells of a line that is silent
	LastingSilence   = Silence + time.Hour // Alive of those over a lasting stream, which has signs of life of its own
	PauseWait        = time.Second         // how long Pause tries to tell the peer
	ManagerStreams   = 65536               // streams that a manager may have open on one link
	WorkerStreams    = 1024                // streams that a worker may have open on one link
)

// Calls.
const (
	MaxName      = 1024                   // bytes of a function's, module's or container's name
	LiftBytes    = 32 << 10               // bytes: longer []byte and strings travel beside CBOR
	SlowFunction = 100 * time.Microsecond // then the next calls leave the reader alone
	slowCalls    = 64                     // and so many they are
)

// What a worker logs and prints.
const (
	LogQueue  = 1 << 20     // bytes of log records that wait to be written
	LogWait   = time.Second // then the worker waits so long, then drops
	MaxAttrs  = 1000        // attributes of a log record
	MaxPath   = 64          // names of one's path: its groups' and its key
	MaxOutput = 64 << 10    // bytes of one OUTPUT
)

// What a worker asks for.
const (
	MaxRequests = 2 * WorkerStreams // modules, containers and parts of them that wait for their answer on one link
	askers      = 16                // of those requests, how many are worked on at once
)

// Containers.
const (
	MaxPaged   = 65536       // containers that stay at the manager, for one link
	MaxCarried = 1 << 30     // bytes of a container that travels as its bytes
	MaxPage    = 1 << 20     // bytes that are read of one at a time
	MaxPattern = 64 << 10    // bytes of all texts that are searched for in one
	MaxTexts   = 4096        // and so many they are
	MaxMatches = 65536       // matches that are asked for at once
	StuckWait  = time.Second // how long a source that does not answer is waited for after the end
)

// Processes that an agent starts.
const (
	MaxSpawn     = 60 << 10 // bytes of what an agent is asked to start: its arguments and environment
	MaxQuestion  = 5 << 10  // bytes of what a process at an agent asks
	MaxQuestions = 64       // times that it may ask
)
