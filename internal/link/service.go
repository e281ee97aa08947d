package link

import (
	"cmp"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/mux"
)

// Limits bound what a client can make its service hold and wait for. A zero field
// is the constant that it names. What one link holds at most follows from them:
// see PROTOCOL.md, Services.
type Limits struct {
	Streams  int           // that the client may have open at once, calls and their parts: ServiceStreams
	Window   int           // bytes that may come on a stream before anybody takes them: mux.MinWindow
	Argument int           // bytes of a call's encoded argument, and of all that travels beside it: ServiceArgument
	Stall    time.Duration // how long what is begun may make no progress: ServiceStall
	CallTime time.Duration // of a call, whatever its client names; 0: no bound
}

// The limits of a service, unless its Config says otherwise.
const (
	ServiceStreams  = 16
	ServiceArgument = 1 << 20 // bytes
	ServiceStall    = 10 * time.Second

	// ServiceHeader is how long the header of a call to a service may be, with the
	// lists of its parts and grants, in bytes.
	ServiceHeader = 16 << 10

	// ServiceHello is how long a client's HELLO may be, in bytes, and any other
	// message of the link itself.
	ServiceHello = 4 << 10

	// ServicePongs is how many PINGs may wait for the client to take their answers.
	ServicePongs = 64

	// ServiceBacklog is how many bytes may wait to be written to a client that does
	// not read; then nothing more is read from it.
	ServiceBacklog = 256 << 10

	// ServiceGrants is how many functions a call may grant to a service.
	ServiceGrants = 64

	// ServiceDecoded is how much memory the arguments of the calls that run on one
	// link may take beyond their own bytes, in bytes.
	ServiceDecoded = 512 << 10
)

// serves reports whether this side is a service, whose peer may be anybody.
func (c *Config) serves() bool { return c.Service && c.Side == mux.WorkerSide }

// limited is c with its limits filled in.
func (c Config) limited() Config {
	switch {
	case c.serves():
		c.Limits.Streams = cmp.Or(c.Limits.Streams, ServiceStreams)
		c.Limits.Window = cmp.Or(c.Limits.Window, mux.MinWindow)
		c.Limits.Argument = cmp.Or(c.Limits.Argument, ServiceArgument)
		c.Limits.Stall = cmp.Or(c.Limits.Stall, ServiceStall)
		c.Streams, c.Serving = c.Limits.Streams, true
	case c.Streams != 0:
	case c.Side == mux.WorkerSide:
		c.Streams = ManagerStreams
	default:
		c.Streams = WorkerStreams
	}
	return c
}

// mux is what the layer below holds the client to.
func (l Limits) mux() mux.Limits {
	return mux.Limits{Window: l.Window, Message: l.Argument + ServiceHeader, Control: ServiceHello, Pongs: ServicePongs, Backlog: ServiceBacklog, Stall: l.Stall, Guarded: true}
}

// window is the initial window of the peer's streams.
func (c *Config) window() int {
	if c.serves() {
		return c.Limits.Window
	}
	return mux.Window
}

// callTime is how long a call may take whose caller says that so many nanoseconds
// remain; 0: as long as it likes.
func (c *Config) callTime(remaining int64) time.Duration {
	left := time.Duration(remaining)
	if most := c.Limits.CallTime; c.serves() && most > 0 && (left == 0 || left > most) {
		return most
	}
	return left
}

// resultRules are how results are decoded, and in the keyed form errors: a client
// lets a newer service say more than it knows, and a service lets a client fill
// no memory.
func (l *Link) resultRules() codec.Rules {
	r := codec.Rules{Positional: l.positional.Load()}
	switch {
	case l.cfg.serves():
		r.Memory = ServiceDecoded
	case l.cfg.Service:
		r.Loose = true
	}
	return r
}
