package audit

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// MaxOpen is how many calls may be open at once: begun and not yet done.
const MaxOpen = 4096

var (
	errClosed = errors.New("the audit is closed")
	errOpen   = fmt.Errorf("%d calls are open already, and no more can be recorded", MaxOpen)
)

// Log records calls and denials. Its methods may be called concurrently. They
// block while a sink does: the file as long as its disk, the journal 2 s.
type Log struct {
	timers sync.WaitGroup // counts the timer while it is armed or runs

	mu      sync.Mutex
	posts   []*post     // those in it guarded by mu
	open    int         // guarded by mu: calls between Before and After
	denials denials     // guarded by mu
	stderr  complaints  // guarded by mu
	timer   *time.Timer // guarded by mu: nil when nothing waits for the time
	closed  bool        // guarded by mu
}

func newLog(c Config, sinks []sink) *Log {
	l := &Log{denials: newDenials(), stderr: newComplaints(c)}
	for _, s := range sinks {
		l.posts = append(l.posts, &post{sink: s})
	}
	return l
}

// Sinks says where records go, and which promise a sink cannot keep here, for the
// daemon to log when it starts.
func (l *Log) Sinks() (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.posts {
		names = append(names, p.describe())
	}
	return names
}

// Before records that a call is about to run: it sets r's Event and Time. If it
// fails, the call must not run; the error names the sink that did not take the
// record. If not, After must follow, once. The Log keeps nothing of r.
func (l *Log) Before(r *Record) error {
	r.Event, r.Time = EventCall, time.Now()
	e := l.encode(r)
	defer e.free()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.admit(r, e); err != nil {
		return fmt.Errorf("%s did not run, for it could not be recorded: %w", r.Function, err)
	}
	l.open++
	return nil
}

func (l *Log) admit(r *Record, e *encoded) error {
	if l.closed {
		return errClosed
	}
	if l.open >= MaxOpen {
		return errOpen
	}
	l.flushUserLocked(r.UID)
	for i, p := range l.posts {
		if err := p.settle(l.open); err != nil {
			return err
		}
		if err := p.ready(len(e.records[i]), l.open+1); err != nil {
			return err
		}
	}
	for i, p := range l.posts {
		if err := p.put(e.records[i]); err != nil {
			l.takeBack(r, l.posts[:i], err)
			return err
		}
	}
	return nil
}

// takeBack tells those that took the record of a call that it did not run.
func (l *Log) takeBack(r *Record, took []*post, why error) {
	done := *r
	done.Event, done.Result, done.Error = EventDone, ResultError, "did not run: "+why.Error()
	for _, p := range took {
		if err := p.take(p.encode(nil, &done), l.open); err != nil {
			l.complain("request %s (%s of uid %d) did not run, which is not recorded: %v", r.Request, r.Function, r.UID, err)
		}
	}
}

// After records that a call ended: it sets r's Event and Time. An error means
// that a sink did not take the record; the call is over none the less, its record
// is kept until that sink takes it, and until then every Before fails.
func (l *Log) After(r *Record) error {
	r.Event, r.Time = EventDone, time.Now()
	e := l.encode(r)
	defer e.free()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushUserLocked(r.UID)
	l.open = max(0, l.open-1)
	var err error
	for i, p := range l.posts {
		err = errors.Join(err, l.finish(p, e.records[i]))
	}
	if err != nil {
		l.armLocked()
		l.complain("request %s (%s of uid %d) ended: %s; no mutating call is let in until this is recorded: %v",
			r.Request, r.Function, r.UID, r.Result, err)
	}
	return err
}

// finish writes a done record, or keeps it.
func (l *Log) finish(p *post, record []byte) error {
	err := p.settle(l.open)
	if err == nil {
		err = p.take(record, l.open)
	}
	if err != nil {
		p.owed = append(p.owed, append([]byte(nil), record...))
	}
	return err
}

// Reopen opens the file anew, for who has renamed it. The new one is opened, and
// has room for the done records of open calls, before the old one is let go; if
// that fails, the old one stays.
func (l *Log) Reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errClosed
	}
	var errs []error
	for _, p := range l.posts {
		if err := p.reopen(l.open); err != nil {
			errs = append(errs, fmt.Errorf("open the audit anew: %s: %w", p.name(), err))
		}
	}
	return errors.Join(errs...)
}

// Close writes what waits and closes the sinks. The error says what could not be
// written. Calls that are open can no longer be recorded. Closing twice is
// harmless.
func (l *Log) Close() error {
	err := l.end()
	l.timers.Wait()
	return err
}

func (l *Log) end() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.timer != nil && l.timer.Stop() {
		l.timers.Done()
	}
	l.flushLocked()
	l.stderr.flush()
	var errs []error
	for _, p := range l.posts {
		errs = append(errs, p.settle(0), p.unsaid(), p.close())
	}
	return errors.Join(errs...)
}

// complain says something on standard error, within a rate. What is only counted
// is told of by the timer, if not before.
func (l *Log) complain(format string, args ...any) {
	l.stderr.say(format, args...)
	if l.stderr.unsaid > 0 {
		l.armLocked()
	}
}

// encoded is a record as each sink takes it.
type encoded struct{ records [][]byte }

var buffers = sync.Pool{New: func() any { return new(encoded) }}

func (l *Log) encode(r *Record) *encoded {
	e := buffers.Get().(*encoded)
	for len(e.records) < len(l.posts) {
		e.records = append(e.records, nil)
	}
	for i, p := range l.posts {
		e.records[i] = p.encode(e.records[i][:0], r)
	}
	return e
}

func (e *encoded) free() { buffers.Put(e) }
