// Package tcp is hosts over TCP: those that ssh cannot reach [Join] a manager by themselves,
// and a [Listener] takes them there; each is "join://NAME" as a Target.Host then. Both sides
// prove who they are, by a token and TLS 1.3, or by a shared secret, which hides nothing. A
// connection that is cut is dialled again, and loses nothing for as long as Manager.Redial of
// package outwork says.
//
// A program that sets Target.ConnectBack imports it for its effect:
//
//	import _ "github.com/outwork-go/outwork/tcp"
//
// It is apart because TLS, which it links, makes each process of the program start a
// millisecond later, its workers too.
package tcp

import (
	"time"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/gate"
	"github.com/outwork-go/outwork/internal/tcp"
)

// Auto is a Target.ConnectBack that chooses the address by itself: any port of this
// machine, at the address that the agent's ssh connection comes from, or else at each of
// this machine's own.
const Auto = "auto"

// DefaultRedial is how long a host on a TCP connection may be cut off before it is lost,
// when nothing else is said: two minutes.
const DefaultRedial time.Duration = tcp.DefaultRedial

// MaxRedial bounds Manager.Redial and JoinConfig.Redial: an hour.
const MaxRedial time.Duration = tcp.MaxRedial

func init() { tcp.Provide(provider{}) }

// provider is of tcp.Provider.
type provider struct{}

// config is what a gate is told, but who may join.
func config(keys channel.Config, c tcp.Listening) gate.Config {
	return gate.Config{Channel: keys, Silence: c.Silence, Redial: c.Redial, Log: c.Log}
}
