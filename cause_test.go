package outwork_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

// starved is what Go's runtime says that falls over memory it did not get.
const starved = "SIGSEGV: segmentation violation\nPC=0x43b5a5 m=5 sigcode=1 addr=0x10\n\n" +
	"goroutine 0 gp=0xc000582380 m=5 mp=0xc000580008 [idle]:\nruntime.(*spanQueue).tryDrain(...)\n\t/src/runtime/mgcmark_greenteagc.go:520\n"

func TestCauses(t *testing.T) {
	cpu := sandbox.Limits{CPU: time.Second}
	for _, c := range []struct {
		exit   starter.Exit
		words  string
		limits sandbox.Limits
		want   lost.Cause
	}{
		{exit: starter.Exit{}, want: lost.Exit},
		{exit: starter.Exit{Code: 3}, want: lost.Exit},
		{exit: starter.Exit{Code: 3}, words: "panic: it went on", want: lost.Exit},
		{exit: starter.Exit{}, words: "panic: it went on", want: lost.Exit},
		{exit: starter.Exit{Code: 2}, words: "usage: worker FILE", want: lost.Exit},
		{exit: starter.Exit{Code: 2}, words: "don't panic: it is said in the middle", want: lost.Exit},
		{exit: starter.Exit{Code: 2}, words: "panic: boom\n\ngoroutine 1 [running]:", want: lost.Crash},
		{exit: starter.Exit{Code: 2}, words: "a line\nfatal error: all goroutines are asleep - deadlock!\n", want: lost.Crash},
		{exit: starter.Exit{Code: 2}, words: "fatal error: stack overflow", want: lost.Crash},
		{exit: starter.Exit{Code: 2}, words: "SIGSEGV: segmentation violation\nPC=0x0", want: lost.Crash},
		{exit: starter.Exit{Code: 2}, words: "SIGSYS: bad system call\nPC=0x0", want: lost.Policy},
		{exit: starter.Exit{Code: 2}, words: "SIGQUIT: quit\nPC=0x0", want: lost.Killed},
		{exit: starter.Exit{Code: 2}, words: "runtime: out of memory: cannot allocate 4194304-byte block (8 in use)\nfatal error: out of memory\n", want: lost.Memory},
		{exit: starter.Exit{Code: 2}, words: "fatal error: runtime: out of memory\n", want: lost.Memory},
		{exit: starter.Exit{Code: 2}, limits: sandbox.Limits{Memory: 64 << 20}, words: "runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\n", want: lost.Memory},
		{exit: starter.Exit{Code: 2}, limits: sandbox.Limits{Memory: 1 << 30, Processes: 256}, words: "runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\n", want: lost.Memory},
		{exit: starter.Exit{Code: 2}, limits: sandbox.Limits{Memory: 1 << 30, Processes: 64}, words: "runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\n", want: lost.Crash},
		{exit: starter.Exit{Code: 2}, words: "runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\n", want: lost.Crash},
		{exit: starter.Exit{Code: 2}, words: "fatal error: runtime: cannot allocate memory\n", want: lost.Memory},
		{exit: starter.Exit{Code: 2}, limits: sandbox.Limits{Memory: 64 << 20}, words: starved, want: lost.Memory},
		{exit: starter.Exit{Code: 2}, words: starved, want: lost.Crash},
		{exit: starter.Exit{Code: 2}, limits: sandbox.Limits{Memory: 64 << 20}, words: strings.Replace(starved, "runtime.(*spanQueue)", "main", 1), want: lost.Crash},
		{exit: starter.Exit{Code: 2}, limits: sandbox.Limits{Memory: 64 << 20}, words: strings.Replace(starved, "\n\n", "\nsignal arrived during cgo execution\n\n", 1), want: lost.Crash},
		{exit: starter.Exit{Code: 7}, words: "fatal error: runtime: out of memory\n", want: lost.Exit},
		{exit: starter.Exit{Code: 1}, words: "Traceback (most recent call last):\n  File \"x\", line 1\nMemoryError\n", want: lost.Memory},
		{exit: starter.Exit{Code: 66}, words: "==7==ERROR: ThreadSanitizer failed to allocate 0x1000 bytes", want: lost.Memory},
		{exit: starter.Exit{Code: -1, Signal: 6}, words: "terminate called after throwing an instance of 'std::bad_alloc'", want: lost.Memory},
		{exit: starter.Exit{Code: -1, Signal: 6}, words: "Fatal Python error: Aborted", want: lost.Crash},
		{exit: starter.Exit{Code: -1, Signal: 6}, want: lost.Crash},
		{exit: starter.Exit{Code: -1, Signal: 11}, words: "fatal error: runtime: out of memory", want: lost.Crash},
		{exit: starter.Exit{Code: -1, Signal: 7}, want: lost.Crash},
		{exit: starter.Exit{Code: -1, Signal: 4}, want: lost.Crash},
		{exit: starter.Exit{Code: -1, Signal: 8}, want: lost.Crash},
		{exit: starter.Exit{Code: -1, Signal: 5}, want: lost.Crash},
		{exit: starter.Exit{Code: -1, Signal: 13}, want: lost.Crash}, // its own doing
		{exit: starter.Exit{Code: -1, Signal: 31}, want: lost.Policy},
		{exit: starter.Exit{Code: -1, Signal: 9}, want: lost.Killed},
		{exit: starter.Exit{Code: -1, Signal: 15}, want: lost.Killed},
		{exit: starter.Exit{Code: -1, Signal: 2}, want: lost.Killed},
		{exit: starter.Exit{Code: -1, Signal: 9, OutOfMemory: true}, want: lost.Memory},
		{exit: starter.Exit{Code: 2, OutOfMemory: true}, want: lost.Memory},
		{exit: starter.Exit{OutOfMemory: true}, want: lost.Exit}, // a child of it was killed
		{exit: starter.Exit{Code: -1, Signal: 11, OutOfMemory: true}, want: lost.Crash},
		{exit: starter.Exit{Code: -1, Signal: 24}, want: lost.CPU},
		{exit: starter.Exit{Code: -1, Signal: 9, User: time.Second, System: time.Millisecond}, limits: cpu, want: lost.CPU},
		{exit: starter.Exit{Code: -1, Signal: 9, User: 999 * time.Millisecond}, limits: cpu, want: lost.Killed},
		{exit: starter.Exit{Code: -1, Signal: 9, User: time.Hour}, want: lost.Killed},
		{exit: starter.Exit{Code: -1, Signal: 11, User: time.Hour}, limits: cpu, want: lost.Crash},
	} {
		if got := outwork.CauseOf(c.exit, c.words, c.limits); got != c.want {
			t.Errorf("%+v, %q, %v: %q, want %q", c.exit, c.words, c.limits, got, c.want)
		}
	}
}

func TestLossTexts(t *testing.T) {
	limits := sandbox.Limits{Memory: 64 << 20, CPU: time.Second, WallTime: time.Minute, Output: 1 << 20, Grace: 2 * time.Second}
	used := outwork.LostError{Worker: "w", ExitCode: -1, Signal: "killed", PeakMemory: 63<<20 + 512<<10, CPU: 1234 * time.Millisecond}
	of := func(cause error) outwork.LostError {
		e := used
		e.Cause = cause
		return e
	}
	crashed := outwork.LostError{Worker: "w", ExitCode: 2, Cause: lost.Crash, PeakMemory: 1, CPU: 1, Stderr: []byte("well\nFatal Python error: Aborted\n")}
	for _, c := range []struct {
		e      outwork.LostError
		limits sandbox.Limits
		want   string
	}{
		{of(lost.Memory), limits, "it was out of memory (limit 64 MiB, peak 63.5 MiB, 1.2 s of CPU)"},
		{of(lost.Memory), sandbox.Limits{}, "it was out of memory (peak 63.5 MiB, 1.2 s of CPU)"},
		{of(lost.CPU), limits, "it used up its CPU time (limit 1s, peak 63.5 MiB, 1.2 s of CPU)"},
		{of(lost.Time), limits, "its time was up (limit 1m0s, peak 63.5 MiB, 1.2 s of CPU)"},
		{of(lost.Output), limits, "it printed and logged more than it may (limit 1 MiB, peak 63.5 MiB, 1.2 s of CPU)"},
		{of(lost.Policy), limits, "it tried what its sandbox forbids"},
		{of(lost.Overdue), limits, "killed: a call did not return within 2s of being cancelled"},
		{of(lost.Overdue), sandbox.Limits{}, "killed: a call did not return when it was cancelled"},
		{of(lost.Killed), limits, "signal killed (peak 63.5 MiB, 1.2 s of CPU)"},
		{of(nil), limits, "signal killed"},
		{of(outwork.ErrClosed), limits, "closed by its manager"},
		{of(errors.New("the line was cut")), limits, "the line was cut"},
		{outwork.LostError{Worker: "w", ExitCode: 3, Cause: lost.Exit, PeakMemory: 1}, limits, "exit status 3"},
		{outwork.LostError{Worker: "w", ExitCode: 2, Cause: lost.Memory}, sandbox.Limits{}, "it was out of memory"},
		{crashed, limits, "it crashed: exit status 2; its last words: Fatal Python error: Aborted"},
	} {
		if got, want := outwork.Loss(c.e, c.limits).Error(), `worker "w" is lost: `+c.want; got != want {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
}

// What this side has done counts more than what became of the host, and that more than how the
// process ended; why the link ended counts when the process was killed for that.
func TestEndings(t *testing.T) {
	cut, gone := errors.New("it was cut"), fmt.Errorf("%w: silence", lost.Host)
	killed, exited := starter.Exit{Code: -1, Signal: 9}, starter.Exit{Code: 3}
	for _, c := range []struct {
		exit           starter.Exit
		link, lost, by error
		forced         bool
		want           []error
		text           string
	}{
		{killed, io.EOF, nil, nil, false, []error{lost.Killed}, "signal killed"},
		{killed, syscall.ECONNRESET, nil, nil, false, []error{lost.Killed}, "signal killed"},
		{exited, io.EOF, nil, nil, true, []error{lost.Exit}, "exit status 3"},
		{exited, cut, nil, nil, false, []error{lost.Exit, cut}, "exit status 3; its link: it was cut"},
		{exited, cut, nil, nil, true, []error{lost.Exit, cut}, "exit status 3; its link: it was cut"},
		{killed, cut, nil, nil, true, []error{cut}, "it was cut"},
		{killed, io.EOF, nil, nil, true, nil, "it ended its link"},
		{starter.Exit{Code: -1, Signal: 9, OutOfMemory: true}, io.EOF, nil, nil, true, []error{lost.Memory}, "it was out of memory"},
		{starter.Exit{Code: -1}, io.EOF, gone, nil, false, []error{lost.Host}, "its host is lost: silence"},
		{starter.Exit{Code: -1}, io.EOF, fmt.Errorf("%w: its agent: %w", lost.Host, lost.Protocol), nil, false, []error{lost.Host, lost.Protocol}, "its host is lost: its agent: it broke the protocol"},
		{starter.Exit{Code: -1}, io.EOF, gone, lost.Time, false, []error{lost.Time}, "its time was up"},
		{killed, io.EOF, nil, lost.Output, false, []error{lost.Output}, "it printed and logged more than it may"},
		{exited, cut, nil, outwork.ErrClosed, false, []error{outwork.ErrClosed}, "closed by its manager"},
	} {
		got := outwork.Ending(c.exit, c.link, c.lost, c.by, c.forced)
		e := outwork.LostError{Worker: "w", ExitCode: c.exit.Code, Cause: got}
		if c.exit.Signal != 0 {
			e.Signal = "killed"
		}
		if text := e.Error(); text != `worker "w" is lost: `+c.text {
			t.Errorf("%+v: %s", c, text)
		}
		for _, want := range c.want {
			if !errors.Is(&e, want) {
				t.Errorf("%+v: %v is not found", c, want)
			}
		}
		if _, caused := errors.AsType[lost.Cause](got); caused && len(c.want) == 0 {
			t.Errorf("%+v: %v has a cause", c, got)
		}
	}
}

// A cause is found in what wraps it.
func TestCauseIsFound(t *testing.T) {
	for _, err := range []error{
		&outwork.LostError{Cause: lost.Protocol},
		&outwork.ProtocolError{},
	} {
		err := fmt.Errorf("parse: %w", err)
		if got, ok := errors.AsType[lost.Cause](err); !ok || got != lost.Protocol || !errors.Is(err, lost.Protocol) || errors.Is(err, lost.Crash) {
			t.Errorf("%T: found %q", err, got)
		}
	}
}
