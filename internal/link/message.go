package link

import (
	"bytes"
	"fmt"
	"reflect"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/module"
)

// The messages of PROTOCOL.md, in its order. All but HELLO are arrays.

// Hello is what each side tells first.
type Hello struct {
	Name        string            `cbor:"name"`
	Build       string            `cbor:"build"`
	Digest      []byte            `cbor:"digest"`
	Window      uint32            `cbor:"window"`
	Streams     uint32            `cbor:"streams"`
	Level       int               `cbor:"level"`
	Languages   []string          `cbor:"languages"`
	Confinement string            `cbor:"confinement"`
	Functions   map[string]string `cbor:"functions"`
	PID         int               `cbor:"pid"`
}

// Record is one log record.
type Record struct {
	Time    int64 // nanoseconds since 1970; 0: none
	Level   int
	Message string
	Source  Source
	Attrs   []Attr
	Dropped uint64 // records that were dropped before this one
}

// Source is where a log record was made.
type Source struct {
	Function, File string
	Line           int
}

// Attr is an attribute of a log record; Path is its groups' names and its key.
type Attr struct {
	Path []string
	Kind uint8
	Int  int64
	Text string
}

type callHeader struct {
	Function  string
	Remaining int64 // nanoseconds; 0: no deadline
	Parts     []part
	Grants    []string
	Parent    uint32
}

type replyHeader struct{ Parts []part }

// part is a value that travels beside the CBOR.
type part struct {
	Field     int
	Kind      uint8
	Stream    uint32
	Size      int64
	Offset    int64
	Immutable bool
	Inline    []byte
}

// Kinds of parts.
const (
	partBytes uint8 = iota
	partReader
	partStream
	partContainer
	partFile
	partPaged   // a container whose bytes stay at the manager
	partCarried // a container whose bytes come on a BULK stream
)

type failure struct {
	Code  uint8
	Text  string
	Stack string
	Kinds []string
	Data  []typedError
}

type typedError struct {
	Code   string
	Fields []byte
}

// Codes of a failure.
const (
	CodeReturned uint8 = 1 + iota // the function returned an error
	CodePanicked                  // it panicked
	CodeUnknown                   // there is no such function
	CodeMismatch                  // the arguments do not fit
	CodeResult                    // the result cannot be encoded
	CodeRefused                   // it may not be asked
)

type progress struct {
	Done, Total int64
	Label       string
}

type moduleRequest struct{ Language, Name string }

type moduleReply struct{ Modules []module.Module }

type containerRequest struct {
	Call uint32 // unused by version 1: 0
	Name string
	Have uint64 // the share that the worker holds already under this name; 0: none
}

type containerReply struct {
	Share uint64
	Same  bool // the worker has it
	Part  part
}

// The requests about a container that was answered as paged, and their answers.

type readRequest struct {
	Share          uint64
	Offset, Length int64
}

type hashRequest struct {
	Share          uint64
	Offset, Length int64
	Algorithm      string
}

type bytesReply struct{ Bytes []byte }

type searchRequest struct {
	Share  uint64
	Kind   uint8
	Texts  [][]byte
	Fold   bool
	UTF16  bool
	From   int64 // of the offsets that a match may begin at,
	Before int64 // and their end
	To     int64 // where a match may end at most
	Limit  int64 // of the matches in one answer
	Count  bool  // the number of all matches is wanted, and nothing else of them
	Back   bool
}

type searchReply struct {
	Offsets []int64
	Lengths []int64 // one: all are alike
	Indexes []int64 // of patterns of several texts alone
	Next    int64   // where to go on; -1: there is no more
	Count   int64
}

type compareRequest struct {
	Share       uint64
	Offset      int64
	Other       uint64
	OtherOffset int64
	Length      int64
}

type compareReply struct{ At int64 }

type extentRequest struct {
	Share  uint64
	Offset int64
}

type extentReply struct{ Start, End int64 }

type levelMessage struct{ Level int }

// plan returns the plan of a message's type, which cannot fail.
func plan[T any]() *codec.Plan {
	p, err := codec.PlanOf(reflect.TypeFor[T]())
	if err != nil {
		panic(err)
	}
	return p
}

var (
	helloPlan            = lazy[Hello]{}
	recordPlan           = lazy[Record]{}
	callPlan             = lazy[callHeader]{}
	replyPlan            = lazy[replyHeader]{}
	failurePlan          = lazy[failure]{}
	progressPlan         = lazy[progress]{}
	moduleRequestPlan    = lazy[moduleRequest]{}
	moduleReplyPlan      = lazy[moduleReply]{}
	containerRequestPlan = lazy[containerRequest]{}
	containerReplyPlan   = lazy[containerReply]{}
	readPlan             = lazy[readRequest]{}
	searchPlan           = lazy[searchRequest]{}
	searchReplyPlan      = lazy[searchReply]{}
	hashPlan             = lazy[hashRequest]{}
	bytesReplyPlan       = lazy[bytesReply]{}
	comparePlan          = lazy[compareRequest]{}
	compareReplyPlan     = lazy[compareReply]{}
	extentPlan           = lazy[extentRequest]{}
	extentReplyPlan      = lazy[extentReply]{}
	levelPlan            = lazy[levelMessage]{}
	spawnPlan            = lazy[Spawn]{}
	endedPlan            = lazy[Ended]{}
	relayQuestionPlan    = lazy[RelayQuestion]{}
)

// append adds v to buf. Messages that are maps are HELLO alone.
func (l *lazy[T]) append(buf *bytes.Buffer, v *T) error {
	return l.plan().Append(buf, v, !l.keyed())
}

// bytes is v alone.
func (l *lazy[T]) bytes(v *T) ([]byte, error) {
	var buf bytes.Buffer
	err := l.append(&buf, v)
	return buf.Bytes(), err
}

// first decodes the first item of b; what is wrong with it breaks rule.
func (l *lazy[T]) first(b []byte, v *T, what string) (rest []byte, err error) {
	rest, err = l.plan().Decode(b, v, !l.keyed())
	if err != nil {
		return nil, frame.Violated("message", "%s: %v", what, err)
	}
	return rest, nil
}

// only decodes b, which must hold nothing else.
func (l *lazy[T]) only(b []byte, v *T, what string) error {
	rest, err := l.first(b, v, what)
	if err == nil && len(rest) > 0 {
		err = frame.Violated("message", "%s: %d bytes too many", what, len(rest))
	}
	return err
}

func checkName(what, name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("%s is %d bytes long, more than %d", what, len(name), MaxName)
	}
	return nil
}
