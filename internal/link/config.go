package link

import (
	"log/slog"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/mux"
)

// Config is what a Link needs to know of the process around it. All functions
// may be called from several goroutines, unless said otherwise.
type Config struct {
	Side      mux.Side
	Hello     Hello     // what this side tells; digest, window and streams are filled in
	Functions *Registry // what this side implements, or calls
	Errors    *Errors
	Streams   int // how many streams the peer may open; 0: the named constant of its side; a service goes by Limits

	// Service says that the link is one between a client, on the manager's side,
	// and a service: see PROTOCOL.md, Services.
	Service bool

	// Limits are what a service holds its client to: with Service, on the worker's
	// side. Elsewhere they do nothing.
	Limits Limits

	// Serving makes the link read all the time, and run short functions in the
	// reader. Workers and services set it.
	Serving bool

	// NoFiles says that file descriptors cannot cross the transport: both sides say
	// so. A call or result with an open file is an error then. Containers that would
	// need one are paged when a manager shares them or passes them as arguments: their
	// bytes stay there, and the worker asks for parts of them (package pages). Others
	// travel as their bytes if they are immutable, and are an error if not.
	NoFiles bool

	// Quota is how many bytes of paged containers may be read, searched, hashed and
	// compared for the peer; 0 is no limit.
	Quota int64

	// Collect is how many bytes of byte slices and strings one message of the peer may bring
	// beside itself; 0 is no limit. A message that says that it brings more fails: the call that it
	// is the result of, or what it calls.
	Collect int64

	// Holes says that the peer's OPENs may skip numbers: an agent in between answers
	// some of them.
	Holes bool

	// Met says that both preambles have crossed the transport already.
	Met bool

	// Same says that the peer is likely to have the same functions of the same types, so
	// that calls may be made before it has said so: they are encoded for that, and break a
	// rule at a peer that has not.
	Same bool

	// Patient makes HandshakeTimeout begin with Expect, not with New.
	Patient bool

	// Excused, when set, is asked when HandshakeTimeout has passed, and when it says no, after
	// Noticed again: whether the peer could not be heard since it was asked last, and has
	// HandshakeTimeout once more. It must be quick.
	Excused func() bool

	// Alive is how long nothing may come before the link ends with a *mux.SilentError;
	// 0 is no limit. Each side then says something from time to time. It counts from
	// the handshake on, and not while this side does not read because one of the
	// functions here blocks.
	Alive time.Duration

	// Paced keeps what is under way near what the transport carries, so that bulk does not
	// wait in it in front of what is more urgent. It is for a transport with a long queue.
	Paced bool

	// Of a manager. They may be nil, and then the worker's asking breaks a rule.
	Drain     func()       // delivers what the worker has printed so far; called from one goroutine at a time
	Log       func(Record) // from one goroutine at a time, in order
	Modules   func(lang, name string) ([]module.Module, error)
	Container func(name string, have uint64) (share uint64, c container.Container, err error) // c is nil when share is have

	// Output takes what the worker has printed to fd, 1 or 2, and sends itself
	// because the manager does not hold its standard streams. It is called from one
	// goroutine at a time, in order, and must not keep p. While it blocks nothing of
	// the link is read.
	Output func(fd int, p []byte)

	// Of a worker.
	Level    func(slog.Level) // the manager's log level; from one goroutine at a time
	Shutdown func()           // the manager asks to finish

	// Of an agent: starts a process and relays what it reads and writes. It is called
	// in a goroutine of its own, which Close waits for, and must end with Ended or
	// Failed. nil: a RELAY breaks a rule.
	Relay      func(*Relayed)
	RelayComes func(*Relayed) // is told of it first, by the reader: what is said of the process later finds it; nil: nobody

	// Owner is what Owner returns: whatever the link is for.
	Owner any

	// Closed is called once, when the link has ended.
	Closed func(error)

	// Record, when set, sees every frame, under a lock: it must be quick.
	Record func(sent bool, h frame.Header, payload []byte)
}
