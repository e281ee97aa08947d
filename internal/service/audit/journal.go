package audit

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	native "github.com/outwork-go/outwork/internal/service/logging/journal"
)

// The message ids of records in the journal: journalctl MESSAGE_ID=….
const (
	MessageCall   = "a5dea5d7b46641db8a4c026a9f8d1ca7"
	MessageDone   = "06fb73500b0e4fa28f8297d919f3c08e"
	MessageDenied = "b4c37f8e0bcd44fc9b1cc5d15cdba103"
)

const (
	// journalTimeout is how long a record waits for journald to read.
	journalTimeout = 2 * time.Second

	// journalRest is how long journald is left alone after that: records fail at
	// once meanwhile, so that those who wait for the Log do not wait one by one.
	journalRest = time.Second

	// maxMessage is the length of a MESSAGE, in bytes.
	maxMessage = maxFunction + maxError + 256

	// facility is authpriv: where sudo and sshd log, readable by administrators.
	facility = 10
)

// journald is the sink that is the journal.
type journald struct {
	service string
	conn    *native.Conn
	stuck   error     // why the last record was not taken, if for the time that it took
	until   time.Time // when to try again after that
}

func openJournal(service string) (*journald, error) {
	conn, err := native.Dial(journalTimeout)
	if err != nil {
		return nil, fmt.Errorf("open the audit: journal: %w", err)
	}
	return &journald{service: service, conn: conn}, nil
}

func (*journald) name() string           { return "journal" }
func (j *journald) describe() string     { return j.name() }
func (*journald) prepare(int, int) error { return nil }
func (*journald) spare() bool            { return true }
func (*journald) reopen(int) error       { return nil }
func (j *journald) close() error         { return j.conn.Close() }

func (j *journald) write(record []byte) error {
	if j.stuck != nil && time.Now().Before(j.until) {
		return j.stuck
	}
	err := j.conn.Send(record)
	j.stuck = nil
	if errors.Is(err, os.ErrDeadlineExceeded) {
		j.stuck, j.until = err, time.Now().Add(journalRest)
	}
	return err
}

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
