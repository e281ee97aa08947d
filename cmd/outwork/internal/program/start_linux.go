package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/legible"
)

// process is a command that runs in this worker.
type process struct {
	cmd            *exec.Cmd
	stdin          *os.File
	input          io.ReadCloser // what stdin is fed with, or nil
	stdout, stderr *tail
	copies         sync.WaitGroup
	done           chan struct{} // closed when nothing of it is left
	end            End           // set before

	mu    sync.Mutex
	ended bool // its leader has: its group must not be signalled any more
}

// start is the function: it starts a command, whose output is the result's.
func start(ctx context.Context, a arguments) (result, error) {
	argv := a.argv()
	if len(argv) == 0 || argv[0] == "" {
		return result{}, &Unstarted{StatusNotFound, "cannot run a command without a name"}
	}
	p := &process{cmd: command(argv, a.Self), input: a.Stdin, done: make(chan struct{})}
	if err := p.start(); err != nil {
		return result{}, unstarted(argv[0], err)
	}
	go p.supervise(ctx, a.Signals)
	ending := func(yield func(End, error) bool) {
		<-p.done
		yield(p.end, nil)
	}
	return result{p.stdout, p.stderr, outwork.StreamOf(ending)}, nil
}

// self is this program, wherever it lies, also when it lies nowhere.
const self = "/proc/self/exe"

func (a *arguments) argv() (all []string) {
	for _, arg := range a.Argv {
		all = append(all, string(arg))
	}
	return all
}

func command(argv []string, ourselves bool) *exec.Cmd {
	if ourselves {
		return &exec.Cmd{Path: self, Args: argv}
	}
	return exec.Command(argv[0], argv[1:]...)
}

// unstarted is err of starting a program, for people.
func unstarted(name string, err error) error {
	name = legible.Visible(name)
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return &Unstarted{StatusNotFound, fmt.Sprintf("cannot run %s: there is no such program", name)}
	case errors.Is(err, exec.ErrDot):
		return &Unstarted{StatusNotFound, fmt.Sprintf("cannot run %s: it is in the working folder; write ./%[1]s", name)}
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		err = e
	}
	return &Unstarted{StatusNotRun, fmt.Sprintf("cannot run %s: %v", name, err)}
}

// start starts the process with a pipe for each of its standard files.
func (p *process) start() (err error) {
	var theirs [3]*os.File
	var ours [3]*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
		if err != nil {
			for _, f := range ours {
				f.Close()
			}
		}
	}()
	for fd := range theirs {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		theirs[fd], ours[fd] = w, r
		if fd == 0 {
			theirs[fd], ours[fd] = r, w
		}
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs[0], theirs[1], theirs[2]
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.stdin, p.stdout, p.stderr = ours[0], &tail{f: ours[1]}, &tail{f: ours[2]}
	return p.cmd.Start()
}

// supervise returns when nothing of the process is left.
func (p *process) supervise(ctx context.Context, signals *outwork.Stream[int]) {
	defer close(p.done)
	stop := context.AfterFunc(ctx, func() { p.signal(syscall.SIGKILL) })
	defer stop()
	p.copies.Go(p.feed)
	p.copies.Go(func() {
		for s, err := range signals.All() {
			if err == nil {
				p.signal(syscall.Signal(s))
			}
		}
	})
	p.wait()
	p.stdout.end()
	p.stderr.end()
	signals.Close()
	p.stdin.Close()
	if p.input != nil {
		p.input.Close()
	}
	p.copies.Wait()
}

// feed copies standard input, and passes its end on.
func (p *process) feed() {
	defer p.stdin.Close()
	if p.input == nil {
		return
	}
	io.Copy(p.stdin, p.input) // a command need not read all
	p.input.Close()
}

// signal sends s to the process's group, unless its leader has ended.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// wait waits for the leader, and ends what it left in its group before the number of
// that can be given to another.
func (p *process) wait() {
	for unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.signal(syscall.SIGKILL)
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.cmd.Wait()
	p.end.Code = p.cmd.ProcessState.ExitCode()
	if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		p.end.Signal = int(s.Signal())
	}
}
