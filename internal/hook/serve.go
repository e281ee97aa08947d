package hook

import (
	"context"
	"log/slog"
	"time"
)

// Serve serves s, a service.Service, to clients in this process. Package service
// sets it.
var Serve func(s any, o ServeOptions) (*Served, error)

// ServeOptions are what the daemon finds on its machine.
type ServeOptions struct {
	Log *slog.Logger

	PolicyDir   string // "" for no files
	PolicyOwner uint32 // the uid that may write them besides root

	// Names are the users and groups that there are.
	Names interface {
		UserID(name string) (uint32, error)
		GroupID(name string) (uint32, error)
		UserName(uid uint32) (string, error)
	}

	// Polkit answers for polkit; nil is a machine without it. An error is no
	// answer.
	Polkit func(ctx context.Context, c Caller, action string) (bool, error)

	// Record takes what the daemon records. It may be called concurrently.
	Record func(Record)
}

// Served is a daemon in this process.
type Served struct {
	// Connect connects a client, and returns its *client.Conn.
	Connect func(context.Context, Caller) (any, error)

	// Stop cancels the calls that run, and returns when no connection is left.
	Stop func()
}

// Caller is who calls, as the kernel would tell it.
type Caller struct {
	UID, GID uint32
	Groups   []uint32 // all of them, sorted, without duplicates
}

// Record is one that a daemon keeps.
type Record struct {
	Event, Request string
	UID            uint32
	Function       string
	Args           string // JSON
	Decision, Rule string
	Result, Error  string
	Duration       time.Duration
}
