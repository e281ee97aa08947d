package gate

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"sync"

	"github.com/outwork-go/outwork/internal/codec"
)

// The messages of PROTOCOL.md, Admission. Each is an array, behind its length.

// join is what the side that dials says first.
type join struct {
	Version  uint8
	Session  []byte
	Attempt  uint64
	Received uint64
	Name     string
	Token    []byte
	Secret   []byte
}

// admit is what it gets.
type admit struct {
	Code     uint8
	Text     string
	Received uint64
	Name     string // empty: the host has none that may be said
}

// Codes of an ADMIT.
const (
	codeAdmitted uint8 = iota
	codeKey            // no token, or one that is worth nothing, or another key
	codeName           // a name that it may not have
	codeUnknown        // a session that is not known any more
	codeFull           // closing, or as many hosts as there may be
	codeAttempt        // not newer than one that was admitted
	codeVersion        // a JOIN of another version, or none
	codeTaken          // the name of a host that is here
)

const (
	joinVersion = 1
	lengthSize  = 2
	maxMessage  = 2048 // bytes, without the length
	maxText     = 1024 // bytes of an ADMIT's text
	maxName     = 64   // bytes
)

// lazy is a message's plan, made when it is first needed.
func lazy[T any]() func() *codec.Plan {
	return sync.OnceValue(func() *codec.Plan {
		p, err := codec.PlanOf(reflect.TypeFor[T]())
		if err != nil {
			panic(err)
		}
		return p
	})
}

var (
	joinPlan  = lazy[join]()
	admitPlan = lazy[admit]()
)

// packed is a message behind its length.
func packed[T any](p *codec.Plan, v *T) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, lengthSize, 256))
	if err := p.Append(buf, v, true); err != nil {
		return nil, err
	}
	b := buf.Bytes()
	if len(b)-lengthSize > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes, more than %d", len(b)-lengthSize, maxMessage)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-lengthSize))
	return b, nil
}

// unpack decodes b, a message without its length, into v, which is zero.
func unpack[T any](p *codec.Plan, b []byte, v *T) error {
	rest, err := p.Decode(b, v, true)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes too many", len(rest))
	}
	return err
}

// reader is the part of a channel that messages are read from.
type reader interface{ ReadFull(b []byte) error }

// readMessage is the next message, without its length.
func readMessage(r reader) ([]byte, error) {
	var head [lengthSize]byte
	if err := r.ReadFull(head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint16(head[:])
	if n == 0 || n > maxMessage {
		return nil, &malformed{fmt.Errorf("a length of %d, not of 1 to %d", n, maxMessage)}
	}
	b := make([]byte, n)
	return b, r.ReadFull(b)
}

// malformed is a message that came whole, and is none.
type malformed struct{ err error }

func (m *malformed) Error() string { return m.err.Error() }
func (m *malformed) Unwrap() error { return m.err }

// parseJoin decodes and checks a JOIN. Its error is *malformed.
func parseJoin(b []byte) (*join, error) {
	if v, ok := versionOf(b); ok && v != joinVersion {
		return nil, &malformed{fmt.Errorf("version %d: this side speaks version %d", v, joinVersion)}
	}
	j := &join{}
	if err := unpack(joinPlan(), b, j); err != nil {
		return nil, &malformed{err}
	}
	if err := j.check(); err != nil {
		return nil, &malformed{err}
	}
	return j, nil
}

// versionOf is the first element of an array, which a JOIN of whatever version has.
func versionOf(b []byte) (v byte, ok bool) {
	const array, few = 0x80, 24 // as CBOR has them
	if len(b) < 2 || b[0] < array || b[0] >= array+few || b[1] >= few {
		return 0, false
	}
	return b[1], true
}

func (j *join) check() error {
	token, secret := len(j.Token), len(j.Secret)
	switch {
	case j.Version != joinVersion:
		return fmt.Errorf("version %d: this side speaks version %d", j.Version, joinVersion)
	case len(j.Session) != len(Session{}):
		return fmt.Errorf("a session of %d bytes, not of %d", len(j.Session), len(Session{}))
	case (token != 0 || secret != 0) && (token != idSize || secret != secretSize):
		return fmt.Errorf("a token of %d and %d bytes, not of %d and %d, or none", token, secret, idSize, secretSize)
	}
	return nil
}

// parseAdmit decodes and checks an ADMIT.
func parseAdmit(b []byte) (*admit, error) {
	a := &admit{}
	if err := unpack(admitPlan(), b, a); err != nil {
		return nil, &malformed{err}
	}
	switch {
	case len(a.Text) > maxText:
		return nil, &malformed{fmt.Errorf("a text of %d bytes, more than %d", len(a.Text), maxText)}
	case a.Code == codeAdmitted && a.Name != "" && !validName(a.Name):
		return nil, &malformed{fmt.Errorf("a name that is none: %s", quoted(a.Name))}
	}
	return a, nil
}

// validName reports whether name may be a host's.
func validName(name string) bool {
	if name == "" || len(name) > maxName || name[0] == '.' || name[0] == '-' {
		return false
	}
	for _, c := range []byte(name) {
		if !letterOrDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func letterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// nameRule says what a name is, to people.
const nameRule = "a name is 1 to 64 letters, digits, dots, dashes and underscores, and begins with none of dot and dash"

// quoted is text of the other side as it may be shown: on one line, and short.
func quoted(text string) string {
	const most = 128
	if len(text) > most {
		return fmt.Sprintf("%q and %d bytes more", text[:most], len(text)-most)
	}
	return fmt.Sprintf("%q", text)
}

// plain is text of the other side as it stands where it is a sentence, else quoted.
func plain(text string) string {
	const most = 512
	for _, r := range text {
		if r < ' ' || r > '~' {
			return quoted(text)
		}
	}
	if len(text) > most {
		return quoted(text)
	}
	return text
}
