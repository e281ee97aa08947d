package outwork

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/transport"
	"github.com/outwork-go/outwork/sandbox"
)

// Fork starts a worker that is a copy of w, whose process must be an interpreter: what
// w has imported and loaded the copy has too, and starting it takes about a
// millisecond. It is a worker of its own, by that name or, when it is empty, one made
// up; it ends with w at the latest. w should run nothing else meanwhile: its other
// threads are not in the copy.
//
// The copy is confined as w is, and in what confines w: limits of memory and processes are for
// w and its copies together, the others for each. With [sandbox.Strict] it needs
// Subprocesses of its [sandbox.Config].
func (w *Worker) Fork(ctx context.Context, name string) (*Worker, error) {
	if w.asks == nil {
		return nil, fmt.Errorf("fork %s: it is no interpreter: start one with Target.Lang", w.place())
	}
	if w.level == sandbox.Strict && !w.sandbox.Subprocesses {
		return nil, fmt.Errorf("fork %s: its sandbox allows no new processes: start it with Sandbox.Subprocesses", w.place())
	}
	t := &Target{Name: name, Lang: w.asks.lang, Sandbox: w.sandbox, Limits: said(w.limits)}
	return w.m.start(ctx, t, func(c *Worker, _ context.Context, _ *Target) (mux.Transport, error) {
		if w.plain {
			return nil, errPlainFork
		}
		return c.forkFrom(w)
	})
}

// said is l, in which the defaults are, as a target says it: what is no limit must not become one.
func said(l sandbox.Limits) sandbox.Limits {
	l.Memory, l.CPU, l.WallTime = or(l.Memory, -1), or(l.CPU, -1), or(l.WallTime, -1)
	l.Files, l.Processes = or(l.Files, -1), or(l.Processes, -1)
	l.Output, l.Reply = or(l.Output, -1), or(l.Reply, -1)
	return l
}

// forkFrom makes c a copy of w.
func (c *Worker) forkFrom(w *Worker) (mux.Transport, error) {
	ours, theirs, err := transport.SocketPair()
	if err != nil {
		return nil, err
	}
	p, err := openPipes()
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, err
	}
	c.tap, c.limits = w.m.sink.Worker(c.name), w.limits
	if c.capture, err = output.NewCapture(p.out[0], p.err[0], c.deliver); err != nil {
		p.closeReaders()
		p.closeWriters()
		ours.Close()
		theirs.Close()
		return nil, err
	}
	f := &forked{of: w, began: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer p.closeWriters()
		defer theirs.Close()
		f.call(&forkArgs{c.name, theirs, p.out[1], p.err[1]})
	}()
	c.proc = f // its end tells what went wrong; until then its link may begin
	return ours, nil
}

// outside is the number that the copy has here, where it calls itself otherwise: it is one of those
// that its origin has started. 0: it has ended.
func (f *forked) outside(inside int) int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", f.of.PID())) // the pattern is good
	for _, list := range lists {
		b, _ := os.ReadFile(list) // it may end meanwhile
		for child := range strings.FieldsSeq(string(b)) {
			if innermost(child) == inside {
				pid, _ := strconv.Atoi(child) // the kernel wrote it
				return pid
			}
		}
	}
	return 0
}

// innermost is the number of a process in its own pid namespace.
func innermost(pid string) int {
	b, _ := os.ReadFile("/proc/" + pid + "/status")
	_, rest, _ := strings.Cut(string(b), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	numbers := strings.Fields(line)
	if len(numbers) == 0 {
		return -1
	}
	n, err := strconv.Atoi(numbers[len(numbers)-1])
	if err != nil {
		return -1
	}
	return n
}
