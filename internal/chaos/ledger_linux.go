package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/lost"
)

// outcome is how a call ended.
type outcome string

const (
	right      outcome = "right"
	deliberate outcome = "failed"   // a function's own error, which was asked for
	lostCall   outcome = "lost"     // *LostError
	protocol   outcome = "protocol" // *ProtocolError, where somebody broke it
	ended      outcome = "context"
	refused    outcome = "refused" // it was not sent: no host, no descriptor, closed
	bad        outcome = "bad"     // none of these, which is a finding
)

var outcomes = []outcome{right, deliberate, lostCall, protocol, ended, refused, bad}

// entry is a call in the ledger.
type entry struct {
	id       string
	what     string
	began    time.Time
	limit    time.Duration // within which it must have ended
	fails    bool          // its function is to return an error
	hostile  bool          // its function breaks the worker, or the protocol
	relayed  bool          // its function hands it on, and may fail as that does
	start    bool          // it is no call, but the start of a worker or of a connection
	runs     int           // how often it may have run; 0: once. Above that its error says nothing of runs
	outcome  outcome       // empty: it has not ended
	err      error
	mustNot  bool // it has not run, as the error says
	reported bool
}

// ledger holds each call that was issued in a round, and how often each has run. Findings go to
// tell. It is safe for concurrent use.
type ledger struct {
	prefix string
	calm   bool // nothing may fail
	tell   func(finding string)

	mu    sync.Mutex
	n     int               // guarded by mu
	calls map[string]*entry // guarded by mu
	ran   map[string]int    // guarded by mu
}

func newLedger(prefix string, calm bool, tell func(string)) *ledger {
	return &ledger{prefix: prefix, calm: calm, tell: tell, calls: map[string]*entry{}, ran: map[string]int{}}
}

// begin issues a call.
func (l *ledger) begin(c entry) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	c.id, c.began = fmt.Sprintf("%s-%d", l.prefix, l.n), time.Now()
	l.calls[c.id] = &c
	return &c
}

// mark notes that a call's function was entered.
func (l *ledger) mark(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ran[id]++
}

// end notes how a call ended: err is what it returned, wrong what is wrong with its result.
func (l *ledger) end(ctx context.Context, c *entry, err, wrong error) {
	o, finding := judge(ctx, c, err)
	if err == nil && wrong != nil {
		o, finding = bad, "a wrong result: "+wrong.Error()
	}
	if l.calm && finding == "" && o != right && o != deliberate && !c.hostile {
		finding = fmt.Sprintf("in the calm it ended as %s: %v", o, err)
	}
	l.mu.Lock()
	twice := c.outcome != ""
	c.outcome, c.err, c.mustNot = o, err, !mayHaveRun(o, err)
	l.mu.Unlock()
	if twice {
		l.tell(fmt.Sprintf("call %s (%s) ended twice", c.id, c.what))
	}
	if finding != "" {
		l.tell(fmt.Sprintf("call %s (%s), after %v: %s", c.id, c.what, time.Since(c.began).Round(time.Millisecond), finding))
	}
}

// anyRight reports whether a call has gone well.
func (l *ledger) anyRight() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		if c.outcome == right && !c.start {
			return true
		}
	}
	return false
}

// judge is the outcome of a call, and what is wrong with that.
func judge(ctx context.Context, c *entry, err error) (o outcome, finding string) {
	var remote *outwork.RemoteError
	var gone *outwork.LostError
	var broke *outwork.ProtocolError
	switch {
	case err == nil && c.fails:
		return bad, "it went well, but was to fail"
	case err == nil:
		return right, ""
	case over(ctx, err):
		return ended, ""
	case errors.As(err, &broke):
		if c.hostile {
			return protocol, ""
		}
		return bad, fmt.Sprintf("nobody breaks the protocol, but: %v", err)
	case errors.As(err, &gone):
		return lostCall, blamed(c, gone)
	case errors.As(err, &remote):
		switch {
		case c.fails:
			return deliberate, ""
		case c.hostile && remote.Panicked:
			return deliberate, ""
		case busy(err), c.relayed, errors.Is(err, syscall.EMFILE):
			return refused, ""
		}
		return bad, fmt.Sprintf("its function fails: %v\n%s", err, remote.Stack)
	case unsent(err):
		return refused, ""
	}
	return bad, fmt.Sprintf("an error of no kind: %T: %v", err, err)
}

// over reports whether err says that ctx has ended: the worker may have known a little before.
func over(ctx context.Context, err error) bool {
	end, ok := ctx.Deadline()
	if ok && errors.Is(err, context.DeadlineExceeded) && time.Until(end) < time.Second {
		return true
	}
	return ctx.Err() != nil && errors.Is(err, ctx.Err())
}

// blamed says what is wrong with the cause of a loss: an honest worker is lost by what is done to it
// and nothing else.
func blamed(c *entry, e *outwork.LostError) string {
	cause, ok := errors.AsType[lost.Cause](e)
	switch {
	case c.hostile, !ok, cause == lost.Killed, cause == lost.Overdue, cause == lost.Host:
		return ""
	case strings.Contains(string(e.Stderr), "too many open files"):
		return ""
	}
	return fmt.Sprintf("its worker is said to be lost because %v: %v", cause, e)
}

// unsent reports whether err says why a call could not be sent.
func unsent(err error) bool {
	if _, ok := errors.AsType[*host.Error](err); ok {
		return true
	}
	for _, e := range []error{
		outwork.ErrClosed, outwork.ErrBusy, syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC, syscall.EAGAIN, syscall.ENOMEM,
		syscall.ECONNREFUSED, syscall.ENOENT, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// mayHaveRun reports whether a call that ended so may have.
func mayHaveRun(o outcome, err error) bool {
	switch o {
	case refused:
		_, answered := errors.AsType[*outwork.RemoteError](err)
		return answered // by a service that could not record it, perhaps
	case lostCall:
		gone, _ := errors.AsType[*outwork.LostError](err)
		return gone.MayHaveRun
	}
	return true
}

// overdue tells of calls that should have ended long ago, each once.
func (l *ledger) overdue(slack time.Duration) (n int) {
	l.mu.Lock()
	var late []*entry
	for _, c := range l.calls {
		if c.outcome == "" && !c.reported && time.Since(c.began) > c.limit+slack {
			c.reported = true
			late = append(late, c)
		}
	}
	l.mu.Unlock()
	for _, c := range late {
		l.tell(fmt.Sprintf("call %s (%s) has not ended after %v, with a limit of %v", c.id, c.what, time.Since(c.began).Round(time.Second), c.limit))
	}
	return len(late)
}

// read adds the runs that were noted in a file, a line each.
func (l *ledger) read(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		l.mark(s.Text())
	}
	return s.Err()
}

// close balances the ledger, when all workers have ended and all runs are noted.
func (l *ledger) close() (t tally) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t = tally{}
	for _, c := range l.calls {
		n, of := l.ran[c.id], fmt.Sprintf("call %s (%s)", c.id, c.what)
		t[string(c.outcome)]++
		switch {
		case c.outcome == "":
			l.tell(of + " never ended")
			t["unended"]++
		case n > max(c.runs, 1):
			l.tell(fmt.Sprintf("%s ran %d times, and may %d: it ended as %s: %v", of, n, max(c.runs, 1), c.outcome, c.err))
			t["doubled"]++
		case c.start:
			t["starts"]++
		case c.outcome == right && n == 0:
			l.tell(of + " has a result, and never ran")
			t["unran"]++
		case c.mustNot && c.runs == 0 && n > 0:
			l.tell(fmt.Sprintf("%s ran, though that is ruled out by its error: %v", of, c.err))
			t["unsaid"]++
		}
	}
	for id := range l.ran {
		if l.calls[id] == nil {
			l.tell(fmt.Sprintf("%q ran, which nobody called", id))
			t["uncalled"]++
		}
	}
	t["calls"] += int64(len(l.calls))
	return t
}

// tally counts what has happened, by outcome and other words.
type tally map[string]int64

func (t tally) add(more tally) {
	for k, n := range more {
		t[k] += n
	}
}
