package audit

import (
	"crypto/rand"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The events of records.
const (
	EventCall   = "call"   // a mutating call is about to run
	EventDone   = "done"   // it ended, or was refused after all: see Error
	EventDenied = "denied" // a call that was not let in; Count of them
	EventOthers = "others" // Count denials of which nothing else is known
	EventTorn   = "torn"   // the line before it is a torn end that was found in the file; Error is some of it
)

// The results of calls.
const (
	ResultOK        = "ok"
	ResultError     = "error"
	ResultPanic     = "panic"
	ResultCancelled = "cancelled"
	ResultDeadline  = "deadline"
)

// Record is one record. What is empty is left out. A text that is longer than its
// limit, in bytes once escaped, is cut and ends with "…".
//
// A record of a call has everything but the last block; a record that it is done
// has who, what and how: no Groups, Exe, Label, Args, Decision or Rule, which its
// call with the same Request has.
type Record struct {
	Time    time.Time // set by the method that writes it
	Event   string    // set by the method that writes it
	Request string    // from NewRequest: the same before and after

	UID, GID uint32
	Groups   []uint32 // the first maxGroups are written
	PID      int      // a hint, as Exe is
	Exe      string
	Label    string

	Function string
	Args     json.RawMessage // without secrets; if long or no JSON, written as a string that is cut
	Decision string
	Rule     string

	Result   string
	Error    string
	Duration time.Duration

	Count int64     // of coalesced denials; 0 is 1
	First time.Time // of the first of them
}

// The limits of texts, in bytes once escaped, and of what is made of them.
const (
	maxRequest  = 64
	maxWord     = 32 // of Decision and Result
	maxExe      = 512
	maxLabel    = 256
	maxFunction = 256
	maxArgs     = 4 << 10
	maxRule     = 512
	maxError    = 1 << 10
	maxGroups   = 32 // elements

	// MaxLine is the longest line of a record, in bytes, its newline included.
	MaxLine = 8 << 10

	// maxDone is the longest line of a done record: what is kept free for each
	// call that is open.
	maxDone = 2 << 10
)

// NewRequest returns a new request id: ten letters and digits that are drawn once
// a process, a hyphen and a count. It is unique over restarts and processes, and
// no secret. It costs one allocation. It may be called concurrently.
func NewRequest() string {
	b := make([]byte, 0, 24)
	b = append(b, process()...)
	b = append(b, '-')
	return string(strconv.AppendUint(b, requests.Add(1), 36))
}

var (
	requests atomic.Uint64

	// process holds 50 random bits.
	process = sync.OnceValue(func() string { return strings.ToLower(rand.Text()[:10]) })
)
