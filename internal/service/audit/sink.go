package audit

import (
	"fmt"
	"io"
)

// sink is where records go. The Log's mutex guards it, but for encode.
type sink interface {
	// name says what it is, for errors: "audit file /var/log/x/audit.log".
	name() string

	// describe is name with what its promises lack here, for the daemon's log.
	describe() string

	// encode appends r as the sink takes it.
	encode(b []byte, r *Record) []byte

	// prepare makes room for size bytes now, and for the done records of open
	// calls later.
	prepare(size, open int) error

	// write writes one encoded record, in one piece.
	write(record []byte) error

	// spare reports whether there is room for what may as well be counted.
	spare() bool

	// reopen opens the sink anew, with room for the done records of open calls. If
	// it fails, the sink is as before.
	reopen(open int) error

	close() error
}

// stream is a sink that is somebody's stderr.
type stream struct{ w io.Writer }

func (stream) name() string                      { return "standard error" }
func (s stream) describe() string                { return s.name() }
func (stream) encode(b []byte, r *Record) []byte { return appendJSON(b, r) }
func (stream) prepare(int, int) error            { return nil }
func (stream) spare() bool                       { return true }
func (stream) reopen(int) error                  { return nil }
func (stream) close() error                      { return nil }

func (s stream) write(record []byte) error {
	_, err := s.w.Write(record)
	return err
}

// post is a sink and how it stands with it. The Log's mutex guards it.
type post struct {
	sink
	failed bool     // it did not take the last record
	owed   [][]byte // done records that it did not take, of calls that ran; at most MaxOpen
	missed tally    // denials that it was not given
}

// take writes one record, once there is room for it and for open calls.
func (p *post) take(record []byte, open int) error {
	if err := p.ready(len(record), open); err != nil {
		return err
	}
	return p.put(record)
}

// ready makes room for a record of size bytes and for open calls.
func (p *post) ready(size, open int) error {
	return p.note(p.prepare(size, open))
}

// put writes one record for which there is room.
func (p *post) put(record []byte) error {
	return p.note(p.write(record))
}

// note remembers how it went, and names the sink in an error.
func (p *post) note(err error) error {
	p.failed = err != nil
	if err != nil {
		return fmt.Errorf("%s: %w", p.name(), err)
	}
	return nil
}

// settle writes what is owed, in order.
func (p *post) settle(open int) error {
	for len(p.owed) > 0 {
		if err := p.take(p.owed[0], open); err != nil {
			return fmt.Errorf("%w (calls that ended and are not recorded there yet: %d)", err, len(p.owed))
		}
		p.owed = p.owed[1:]
	}
	p.owed = nil
	return nil
}
