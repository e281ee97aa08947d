package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/outwork-go/outwork"
)

// task is an attempt for a worker.
type task struct {
	Name    string
	Program bool // by a program that the worker starts
	Scene   scene

	Sealed, File, Terminal *os.File
}

func (a *task) hands() hands {
	return hands{sealed: int(a.Sealed.Fd()), file: int(a.File.Fd()), terminal: int(a.Terminal.Fd())}
}

func (a *task) close() {
	a.Sealed.Close()
	a.File.Close()
	a.Terminal.Close()
}

// try has the worker do it itself, or a program of its.
var try = outwork.Func("attack.try", func(_ context.Context, a task) (outcome, error) {
	defer a.close()
	if a.Program {
		return byProgram(&a)
	}
	return tell(attemptNamed(a.Name).do(&a.Scene, a.hands())), nil
})

func attemptNamed(name string) attempt {
	all := slices.Concat(all(), grants)
	i := slices.IndexFunc(all, func(a attempt) bool { return a.name == name })
	if i < 0 {
		panic("no attempt " + name)
	}
	return all[i]
}

// tell is the outcome of what was done.
func tell(err error) (o outcome) {
	if err == nil {
		return o
	}
	if errno, ok := errnoOf(err).(syscall.Errno); ok {
		return outcome{Errno: int(errno)}
	}
	return outcome{Odd: err.Error()}
}

// byProgram starts the hostile program, which tells in what it prints.
func byProgram(a *task) (o outcome, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return o, err
	}
	defer r.Close()
	about, err := json.Marshal(a.Scene)
	if err != nil {
		return o, err
	}
	p, err := os.StartProcess(a.Scene.Program, []string{hostileName, a.Name, string(about)}, &os.ProcAttr{
		Files: []*os.File{w, w, w, a.Sealed, a.File, a.Terminal},
	})
	w.Close()
	if err != nil {
		return o, fmt.Errorf("start the hostile program: %w", err)
	}
	var said bytes.Buffer
	said.ReadFrom(r)
	state, err := p.Wait()
	if err != nil {
		return o, err
	}
	return ofProgram(state, said.Bytes()), nil
}

func ofProgram(state *os.ProcessState, said []byte) (o outcome) {
	status := state.Sys().(syscall.WaitStatus)
	switch {
	case status.Signaled() && status.Signal() == syscall.SIGSYS:
		o.Killed = true
	case !state.Success() || json.Unmarshal(told(said), &o) != nil:
		o.Lost = fmt.Sprintf("%v, %q", state, said)
	}
	return o
}

// told is what the program itself has said: the race detector may have had something to say first.
func told(said []byte) []byte {
	return said[max(0, bytes.LastIndexByte(said, '{')):]
}

// hostile is the hostile program. Without an attempt it tells whether it is root.
func hostile() {
	if len(os.Args) != 3 {
		syscall.Exit(min(os.Geteuid(), 1)) // not os.Exit, before which the race detector waits
	}
	var s scene
	if err := json.Unmarshal([]byte(os.Args[2]), &s); err != nil {
		panic(err)
	}
	b, err := json.Marshal(tell(attemptNamed(os.Args[1]).do(&s, hands{sealed: 3, file: 4, terminal: 5})))
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(b)
	syscall.Exit(0)
}
