// Package tcp is what package outwork and agents know of links over TCP: not how they are
// made. Package outwork/tcp brings that, and with it TLS, whose start each process would
// pay for, a worker too; and it is given here what it needs of a manager.
package tcp

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/outwork-go/outwork/internal/resume"
)

// Provider makes the links of agents that connect back.
type Provider interface {
	// Back takes agents that connect back, at what a Target.ConnectBack says.
	Back(back string, c Listening) (Door, error)
	// Dial is the side that dials addresses, HOST:PORT, in that order.
	Dial(addresses []string, i Invitation) (Dialler, error)
}

// provider is set by Provide.
var provider Provider

// Provide makes p the one that there is. It is called by the init of one package.
func Provide(p Provider) { provider = p }

// Get is the provider, or an error that says where one is to be had.
func Get() (Provider, error) {
	if provider == nil {
		return nil, errors.New(`links over TCP are not linked in: import _ "github.com/outwork-go/outwork/tcp"`)
	}
	return provider, nil
}

// Listening is what a manager's listeners have in common.
type Listening struct {
	Silence time.Duration
	Redial  time.Duration
	Log     *slog.Logger
}

// Door is where agents connect back.
type Door interface {
	// Expect admits one agent to stream: it gets what Invitation says. forget undoes that.
	Expect(name string, stream *resume.Conn) (i Invitation, forget func(), err error)
	Close() error
}

// Invitation is what an agent is told that is to connect back.
type Invitation struct {
	Addresses []string // of the manager, to be dialled in this order: HOST:PORT
	Port      int      // not 0: to be dialled first, at the address that ssh comes from
	Pin       []byte   // the manager's
	Key       []byte   // the seed of the key that was made for this one agent
	Session   []byte
}

// Dialler is the side that dials.
type Dialler interface {
	// Join attaches stream to the first address that admits it, and returns that, and the
	// name that the host has.
	Join(ctx context.Context, stream *resume.Conn) (address, name string, err error)
	// Keep joins again whenever stream is cut, until it is over or ctx ends.
	Keep(ctx context.Context, stream *resume.Conn)
}
