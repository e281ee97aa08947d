package supervise

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// markVar, with a value of one TOKEN-NUMBER for each supervisor above it, joined
// by slashes, is in the environment of a leader and of what descends from it.
const markVar = "OUTWORK_ID="

const (
	// sweepPause lies between two sweeps, so that a process whose orphans die
	// in a row does not make us read /proc all the time.
	sweepPause = 2 * time.Millisecond

	// maxSweeps bounds the sweeps for one reason: they are repeated for
	// processes whose environment is empty, because they are caught between two
	// programs or because it simply is.
	maxSweeps = 20
)

func (s *Supervisor) mark(number uint64) string {
	return s.outer + s.token + "-" + strconv.FormatUint(number, 10)
}

// marked finds the number of the leader, started by the supervisor of that token,
// from which a process with this environment descends.
func marked(environ []byte, token string) (number uint64, ok bool) {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		value, ok := bytes.CutPrefix(entry, []byte(markVar))
		if !ok {
			continue
		}
		for part := range strings.SplitSeq(string(value), "/") {
			digits, ok := strings.CutPrefix(part, token+"-")
			if number, err := strconv.ParseUint(digits, 10, 64); ok && err == nil {
				return number, true
			}
		}
	}
	return 0, false
}

// strayed tells the sweeper that processes may have been reparented to this one.
func (s *Supervisor) strayed() {
	select {
	case s.dirty <- struct{}{}:
	default: // a sweep is due already
	}
}

// sweepLoop is a goroutine of its own, so that reading /proc delays nobody's
// Done. What it kills is reaped by the loop, which calls for the next sweep: so
// a tree of any depth goes, a generation at a time.
func (s *Supervisor) sweepLoop() {
	for s.sweepDue() {
		for range maxSweeps {
			again := s.sweep(s.orphaned)
			if !s.pause(sweepPause) || !again {
				break
			}
		}
	}
}

// sweepDue waits for a reason to sweep; false means that Close was called.
func (s *Supervisor) sweepDue() bool {
	select {
	case <-s.dirty:
		return true
	case <-s.closing:
		return false
	}
}

// pause is false if Close was called.
func (s *Supervisor) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.closing:
		return false
	}
}

type verdict int

const (
	spare verdict = iota
	condemn
	undecided
)

// sweep kills those children of this process that judge condemns, and reports
// whether one was undecided. Without a readable /proc it finds nothing; New made
// sure that there is one.
func (s *Supervisor) sweep(judge func(pid int) verdict) (again bool) {
	pids, _ := s.proc.children()
	for _, pid := range pids {
		if s.sweepOne(pid, judge) == undecided {
			again = true
		}
	}
	return again
}

// sweepOne opens the pidfd before it looks: if the number passes to another
// process at any time after, the signal goes to the one that is gone.
func (s *Supervisor) sweepOne(pid int, judge func(pid int) verdict) verdict {
	if s.leader(pid) != nil {
		return spare
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return spare // gone
	}
	defer unix.Close(pidfd)
	st, err := s.proc.stat(pid)
	if err != nil || st.dead() || st.ppid != s.proc.self {
		return spare
	}
	v := judge(pid)
	if v == condemn {
		_ = unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0) // it may have ended by itself
	}
	return v
}

// orphaned condemns what descends from a leader that is dead.
func (s *Supervisor) orphaned(pid int) verdict {
	environ, err := s.proc.environ(pid)
	if err != nil {
		return spare // not ours to read: Close will get it
	}
	if len(environ) == 0 {
		return undecided // exec empties it for a moment
	}
	number, ok := marked(environ, s.token)
	if !ok || s.alive(number) {
		return spare
	}
	return condemn
}

// everyone condemns any process; it is for Close.
func everyone(int) verdict { return condemn }

// outerMark is the mark of this process itself, if it is supervised too.
func outerMark() string {
	if own, ok := os.LookupEnv(strings.TrimSuffix(markVar, "=")); ok {
		return own + "/"
	}
	return ""
}
