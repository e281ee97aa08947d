// Package fault holds the errors that a daemon answers with beside those of its
// functions. They cross with their fields, so that errors.As finds them at the
// client; package service names them for everybody.
package fault

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/output"
)

// The codes under which they cross.
var (
	_ = outwork.RegisterError("service.denied", (*Denied)(nil))
	_ = outwork.RegisterError("service.busy", (*Busy)(nil))
	_ = outwork.RegisterError("service.invalid", (*Invalid)(nil))
	_ = outwork.RegisterError("service.internal", (*Internal)(nil))
)

// Denied is a call that the policy does not allow. The function was not
// entered.
type Denied struct {
	Function string   `cbor:"function"`
	UID      uint32   `cbor:"uid"`     // the caller's
	Rule     string   `cbor:"rule"`    // that decided, as FILE:LINE or a phrase; "" when none matched
	Missing  []string `cbor:"missing"` // what would have allowed it, a phrase each: "the group hostctl"
	Text     string   `cbor:"text"`    // the whole sentence; "" is one made of the other fields
}

// Error says what is missing. Like that of the others it is one sentence, fit
// for a terminal.
func (e *Denied) Error() string {
	if e.Text != "" {
		return plain(e.Text)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is denied to uid %d", e.Function, e.UID)
	if e.Rule != "" {
		b.WriteString(" by " + e.Rule)
	}
	if len(e.Missing) > 0 {
		b.WriteString(": it takes " + strings.Join(e.Missing, " or "))
	}
	return plain(b.String())
}

// Is makes a denial a matter of permission to errors.Is, on both sides.
func (e *Denied) Is(target error) bool { return target == fs.ErrPermission }

// Busy is a call that was not begun because the daemon, or the caller, has too
// many under way. It may be tried again.
type Busy struct {
	Text string `cbor:"text"` // which limit was reached; "" leaves it open
}

// Error says which limit was reached.
func (e *Busy) Error() string {
	if e.Text == "" {
		return "the service is busy: try again later"
	}
	return plain(e.Text)
}

// Invalid is a call whose argument does not fit the function's description. The
// function was not entered.
type Invalid struct {
	Function string `cbor:"function"` // "" when it is not known which
	Field    string `cbor:"field"`    // as on the wire, a.b[2] when it is nested; "" is the argument as a whole
	Problem  string `cbor:"problem"`  // continues a sentence: "must be at most 5"
}

// Error names the field, and leaves it to who knows to name the function.
func (e *Invalid) Error() string {
	subject := e.Field
	if subject == "" {
		subject = "the argument"
	}
	return plain(subject + " " + e.Problem)
}

// Internal is a function that panicked, or a daemon that could not do its part.
// What went wrong is in the daemon's log, under the request's id, and is not
// told to clients.
type Internal struct {
	Request string `cbor:"request"`
}

// Error names the request.
func (e *Internal) Error() string {
	return plain("an internal error of the service: its log tells more under the request " + e.Request)
}

// plain is text, which may be a peer's word, on one line and fit for a terminal.
func plain(text string) string {
	return string(output.Sanitize([]byte(strings.ReplaceAll(text, "\n", " "))))
}
