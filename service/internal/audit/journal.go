package audit

import (
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	native "github.com/outwork-go/outwork/service/internal/logging/journal"
)

// The message ids of records in the journal: journalctl MESSAGE_ID=….
const (
	MessageCall   = "5b0ee2d7a0c44f6c9d0a4c8f1e7b3a61"
	MessageDone   = "c1f3a95d8e624b0fa7d25b96e4083f7c"
	MessageDenied = "8f27d4163bca49e5b1507ea9c2d86e04"
)

const (
	// journalTimeout is how long a record waits for journald to read.
	journalTimeout = 2 * time.Second

	// maxMessage is the length of a MESSAGE, in bytes.
	maxMessage = maxFunction + maxError + 256

	// facility is authpriv: where sudo and sshd log, readable by administrators.
	facility = 10
)

// journald is the sink that is the journal.
type journald struct {
	service string
	conn    *native.Conn
}

func openJournal(service string) (*journald, error) {
	conn, err := native.Dial(journalTimeout)
	if err != nil {
		return nil, fmt.Errorf("open the audit: journal: %w", err)
	}
	return &journald{service, conn}, nil
}

func (*journald) name() string                { return "journal" }
func (*journald) prepare(int, int) error      { return nil }
func (*journald) spare() bool                 { return true }
func (*journald) reopen(int) error            { return nil }
func (j *journald) write(record []byte) error { return j.conn.Send(record) }
func (j *journald) close() error              { return j.conn.Close() }

func (j *journald) encode(b []byte, r *Record) []byte {
	id, priority := kind(r)
	e := native.Entry(b).Text("MESSAGE", message(r), maxMessage)
	e = e.Int("PRIORITY", int64(priority))
	e = e.Int("SYSLOG_FACILITY", facility)
	e = e.Text("SYSLOG_IDENTIFIER", j.service, maxFunction)
	e = e.Text("MESSAGE_ID", id, maxFunction)
	s := journalEntry{e}
	r.put(&s)
	return s.e
}

// kind returns the message id and the priority of a record.
func kind(r *Record) (id string, p journal.Priority) {
	switch r.Event {
	case EventCall:
		return MessageCall, journal.PriNotice
	case EventDone:
		switch r.Result {
		case ResultOK:
			return MessageDone, journal.PriNotice
		case ResultPanic:
			return MessageDone, journal.PriErr
		}
		return MessageDone, journal.PriWarning
	}
	return MessageDenied, journal.PriWarning
}

// message is a record as a sentence.
func message(r *Record) string {
	switch r.Event {
	case EventCall:
		return fmt.Sprintf("%s is called by uid %d", r.Function, r.UID)
	case EventDone:
		if r.Error != "" {
			return fmt.Sprintf("%s for uid %d ended after %v: %s: %s", r.Function, r.UID, r.Duration, r.Result, r.Error)
		}
		return fmt.Sprintf("%s for uid %d ended after %v: %s", r.Function, r.UID, r.Duration, r.Result)
	case EventOthers:
		return fmt.Sprintf("%d more calls were denied: %s", r.Count, r.Error)
	}
	if r.Count > 1 {
		return fmt.Sprintf("%s is denied to uid %d, %d times: %s", r.Function, r.UID, r.Count, r.Rule)
	}
	return fmt.Sprintf("%s is denied to uid %d: %s", r.Function, r.UID, r.Rule)
}
