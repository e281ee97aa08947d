// Package control is how other processes of a user talk to their "outwork listen": by a
// unix socket, of which nobody else may know more than that it is there.
//
// # The socket
//
// [Path] says where it is. Its mode is 0600, and both sides ask the kernel who the other
// is (SO_PEERCRED): the user of this process or root, and nobody else. One that nobody
// listens on any more is replaced.
//
// # What crosses
//
// A connection is one request. The client sends 8 bytes, "outwork" and the version, 1;
// then both send records: a kind (u8), a length (u24, big-endian, 65,536 at most), and so
// many bytes.
//
//	1 REQUEST  client  JSON, see Request; first, once, within 10 s
//	2 ANSWER   server  JSON, see Answer; last, once; or the end of it, behind
//	6 MORE     server  pieces of JSON that is longer: 16 MiB in all
//	3 DATA     both    a lane (u8) and bytes: 0 standard input, from the client; 1 output
//	                   and 2 errors, from the server. Without bytes it is the lane's end
//	4 TOOK     both    a lane (u8) and a count (u32): so many bytes of it were consumed
//	5 STOP     client  empty: the command is to be told to stop
//
// DATA, TOOK and STOP belong to the request "attach", which runs a command on a host that
// has joined. 256 KiB of a lane may be on the way and not be consumed: so both sides always
// read, a reader that is slow holds up its lane alone, and the end of the other side is
// seen at once. A client that goes away has its command told to stop, and killed when it
// does not. Anything else than this ends the connection.
package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outwork-go/outwork/cmd/outwork/internal/program"
)

// Limits.
const (
	Connections = 1024 // at once

	preamble   = "outwork\x01"
	maxPayload = 64 << 10         // bytes of a record
	maxAnswer  = 16 << 20         // bytes
	window     = 256 << 10        // bytes of a lane that were not consumed
	patience   = 10 * time.Second // for a request, from the beginning of its connection
)

// What may be asked for.
const (
	List   = "list"   // Hosts
	Token  = "token"  // makes one: Names, Uses, Expires
	Revoke = "revoke" // Text is the token
	attach = "attach" // runs Argv on Host
)

// Request is what a client wants.
type Request struct {
	Do      string
	Names   string        `json:",omitempty"`
	Uses    int           `json:",omitempty"`
	Expires time.Duration `json:",omitempty"`
	Text    string        `json:",omitempty"`
	Host    string        `json:",omitempty"`
	Argv    [][]byte      `json:",omitempty"`
}

// Answer is what became of a request.
type Answer struct {
	Error   string `json:",omitempty"` // for people, without a request's name; else it went well
	Lost    bool   `json:",omitempty"` // the error is that there is no such host (any more)
	Address string `json:",omitempty"` // where the listener listens
	Hosts   []Host `json:",omitempty"`
	Token   string `json:",omitempty"`
	Status  int    `json:",omitempty"` // exit status of the command
}

// Host is one that has joined.
type Host struct {
	Name  string    `json:"name"`
	Addr  string    `json:"address"`
	Since time.Time `json:"since"`
	Cut   bool      `json:"cut"` // it has no connection just now
}

// Backend is what a server asks. It is called by several goroutines.
type Backend interface {
	Address() string
	Hosts() []Host
	// Token makes a token for a name or a pattern of names.
	Token(names string, uses int, expires time.Duration) (string, error)
	Revoke(token string) error
	// Run runs a command on a host; when ctx ends it is told to stop. The error is a
	// *LostError when there is no host of that name, or not any more.
	Run(ctx context.Context, host string, c program.Command) (program.End, error)
}

// LostError is a host that is not there, or not any more.
type LostError struct{ Text string }

func (e *LostError) Error() string { return e.Text }

// NoListenerError is that nobody listens.
type NoListenerError struct{ Path string }

func (e *NoListenerError) Error() string {
	return fmt.Sprintf("no listener runs at %s: start one with outwork listen :7000", e.Path)
}

// errEnded is a connection that has ended before its answer.
var errEnded = errors.New("the connection has ended")
