// Package frame is the codec of the 12-byte frame header and of the preamble
// of PROTOCOL.md. It is pure: no I/O, no state, and it allocates nothing for
// what a header claims. It checks what one header can tell by itself; what
// depends on a stream's state is package mux's.
package frame

import (
	"encoding/binary"
	"fmt"
)

// Sizes and limits.
const (
	HeaderSize   = 12      // bytes of a header
	PreambleSize = 12      // bytes of the preamble
	MaxPayload   = 1 << 20 // bytes of a payload
	MaxFDs       = 32      // file descriptors of one frame
	Version      = 1       // the protocol's version
)

// Magic starts the preamble. It is no text in any encoding, so that a login
// banner or a stray print is never mistaken for a peer.
const Magic = "\x89owk\r\n\x1a\n"

// Kind is what a frame does to its stream.
type Kind uint8

// The kinds.
const (
	Open    Kind = 1 + iota // a new stream's first message
	Message                 // a message, or a piece of one
	Data                    // raw bytes
	Credit                  // more credit for the peer
	Reset                   // the sender wants the stream to end
)

func (k Kind) String() string {
	if k < Open || k > Reset {
		return fmt.Sprintf("kind %d", uint8(k))
	}
	return [...]string{"OPEN", "MESSAGE", "DATA", "CREDIT", "RESET"}[k-Open]
}

// Flags of a frame.
type Flags uint8

// The flags.
const (
	End  Flags = 1 << iota // the sender sends nothing more on this stream
	More                   // the message goes on in the stream's next MESSAGE
)

// Handle names a message; see the tables of PROTOCOL.md.
type Handle uint8

// On stream 0.
const (
	Hello      Handle = 1
	ForwardLog Handle = 2
	Shutdown   Handle = 3
	LogLevel   Handle = 4
	Ping       Handle = 5
	Pong       Handle = 6
	Output     Handle = 7
	Pause      Handle = 8
)

// On other streams: what opens them, then what follows.
const (
	CallFunction Handle = 16
	GetModule    Handle = 17
	GetContainer Handle = 18
	Bulk         Handle = 19

	ReadContainer   Handle = 20
	SearchContainer Handle = 21
	HashContainer   Handle = 22

	Relay Handle = 23

	CompareContainer Handle = 24
	ExtentContainer  Handle = 25

	Reply    Handle = 32
	Error    Handle = 33
	Progress Handle = 34
	Item     Handle = 35
)

var handleNames = map[Handle]string{
	Hello: "HELLO", ForwardLog: "FORWARD_LOG", Shutdown: "SHUTDOWN", LogLevel: "LOG_LEVEL", Ping: "PING", Pong: "PONG", Output: "OUTPUT", Pause: "PAUSE",
	CallFunction: "CALL_FUNCTION", GetModule: "GET_MODULE", GetContainer: "GET_CONTAINER", Bulk: "BULK",
	ReadContainer: "READ_CONTAINER", SearchContainer: "SEARCH_CONTAINER", HashContainer: "HASH_CONTAINER", Relay: "RELAY",
	CompareContainer: "COMPARE_CONTAINER", ExtentContainer: "EXTENT_CONTAINER",
	Reply: "REPLY", Error: "ERROR", Progress: "PROGRESS", Item: "ITEM",
}

func (h Handle) String() string {
	if s, ok := handleNames[h]; ok {
		return s
	}
	return fmt.Sprintf("handle %d", uint8(h))
}

// Header is a frame's header.
type Header struct {
	Length uint32 // bytes of the payload
	Stream uint32 // 0 is the link itself
	Kind   Kind
	Handle Handle
	Flags  Flags
	FDs    uint8 // file descriptors that belong to the frame
}

// Violation is a broken rule of the protocol: Rule is its name in
// PROTOCOL.md's list of what kills a link, Detail what was seen.
type Violation struct{ Rule, Detail string }

func (v *Violation) Error() string { return "rule " + v.Rule + ": " + v.Detail }

// Violated makes a Violation.
func Violated(rule, format string, args ...any) error {
	return &Violation{rule, fmt.Sprintf(format, args...)}
}

// Put writes h to the first HeaderSize bytes of b.
func (h Header) Put(b []byte) {
	_ = b[HeaderSize-1]
	binary.BigEndian.PutUint32(b, h.Length)
	binary.BigEndian.PutUint32(b[4:], h.Stream)
	b[8], b[9], b[10], b[11] = byte(h.Kind), byte(h.Handle), byte(h.Flags), h.FDs
}

// Append appends h's bytes to b.
func (h Header) Append(b []byte) []byte {
	var a [HeaderSize]byte
	h.Put(a[:])
	return append(b, a[:]...)
}

// Parse reads a header from the first HeaderSize bytes of b. Its error is a
// *Violation.
func Parse(b []byte) (Header, error) {
	_ = b[HeaderSize-1]
	h := Header{
		Length: binary.BigEndian.Uint32(b),
		Stream: binary.BigEndian.Uint32(b[4:]),
		Kind:   Kind(b[8]),
		Handle: Handle(b[9]),
		Flags:  Flags(b[10]),
		FDs:    b[11],
	}
	return h, h.check()
}

func (h Header) check() error {
	switch {
	case h.Length > MaxPayload:
		return Violated("length", "a payload of %d bytes, more than %d", h.Length, MaxPayload)
	case h.Kind < Open || h.Kind > Reset:
		return Violated("kind", "%s", h.Kind)
	case h.Flags&^(End|More) != 0:
		return Violated("flags", "flags %#x", uint8(h.Flags))
	case h.FDs > MaxFDs:
		return Violated("fds", "%d file descriptors in one frame, more than %d", h.FDs, MaxFDs)
	case h.Stream == 0:
		return h.checkControl()
	}
	return h.checkStream()
}

// checkControl is what the link's own messages must keep.
func (h Header) checkControl() error {
	switch {
	case h.Kind == Open:
		return Violated("stream", "OPEN of stream 0")
	case h.Kind != Message:
		return Violated("kind", "%s on stream 0", h.Kind)
	case h.Handle < Hello || h.Handle > Pause:
		return Violated("handle", "%s on stream 0", h.Handle)
	case h.Flags != 0:
		return Violated("flags", "flags %#x on stream 0", uint8(h.Flags))
	case h.FDs != 0:
		return Violated("fds", "file descriptors with %s", h.Handle)
	}
	return nil
}

func (h Header) checkStream() error {
	switch h.Kind {
	case Open:
		if h.Handle < CallFunction || h.Handle > ExtentContainer {
			return Violated("handle", "OPEN for %s", h.Handle)
		}
	case Message:
		if h.Handle < Reply || h.Handle > Item {
			// The continuation of a long OPEN has its handle.
			if h.Handle != CallFunction {
				return Violated("handle", "MESSAGE %s on stream %d", h.Handle, h.Stream)
			}
		}
	default:
		return h.checkPlain()
	}
	if h.Flags == End|More {
		return Violated("flags", "END of an unfinished message")
	}
	return nil
}

// checkPlain is for the kinds that carry no message.
func (h Header) checkPlain() error {
	switch {
	case h.Handle != 0:
		return Violated("handle", "%s with %s", h.Kind, h.Handle)
	case h.FDs != 0:
		return Violated("fds", "file descriptors with %s", h.Kind)
	case h.Flags&More != 0, h.Kind != Data && h.Flags != 0:
		return Violated("flags", "flags %#x with %s", uint8(h.Flags), h.Kind)
	case h.Kind == Credit && h.Length != 4:
		return Violated("length", "a CREDIT of %d bytes", h.Length)
	case h.Kind == Reset && (h.Length < 2 || h.Length > 2+MaxReason):
		return Violated("length", "a RESET of %d bytes", h.Length)
	}
	return nil
}

// MaxReason bounds the text of a RESET, in bytes.
const MaxReason = 1024

// Preamble is what each side sends first.
func Preamble() []byte {
	b := append(make([]byte, 0, PreambleSize), Magic...)
	return append(b, 0, Version, 0, 0)
}

// lasting is the kind in the preamble of a lasting stream; a link's is 0.
const lasting = 1

// LastingPreamble is what begins a lasting stream where it is not clear from elsewhere that
// there is one.
func LastingPreamble() []byte {
	b := Preamble()
	b[PreambleSize-1] = lasting
	return b
}

// IsLasting reports whether b, a preamble, begins a lasting stream.
func IsLasting(b []byte) bool { return string(b) == string(LastingPreamble()) }

// CheckPreamble reads the peer's preamble of a link. Its error is a *Violation.
func CheckPreamble(b []byte) error {
	if string(b[:len(Magic)]) != Magic {
		return Violated("preamble", "the peer does not speak outwork: it began with %q", b)
	}
	if v := binary.BigEndian.Uint16(b[len(Magic):]); v != Version {
		return Violated("version", "the peer speaks version %d, this side version %d", v, Version)
	}
	if kind := binary.BigEndian.Uint16(b[len(Magic)+2:]); kind != 0 {
		return Violated("preamble", "a stream of kind %d where a link is due", kind)
	}
	return nil
}
