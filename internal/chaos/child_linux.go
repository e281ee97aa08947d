package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// markVariable is in the environment of a child and all that it starts on this machine.
const markVariable = "OUTWORK_CHAOS_MARK"

// child is a process that the run starts, and starts again when it was killed: a load, or the daemon.
type child struct {
	what     string
	command  func(birth int) *exec.Cmd
	messages func(message) // what it says, if it is a load
	tell     func(string)

	mu     sync.Mutex
	proc   *os.Process    // guarded by mu: nil, it does not run
	stdin  io.WriteCloser // guarded by mu
	births int            // guarded by mu
	killed bool           // guarded by mu: by a disturbance
	stop   bool           // guarded by mu: it is to end
	done   chan struct{}  // closed when it has ended for good
	said   tail
}

// tail is the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte // guarded by mu
}

func (t *tail) Write(b []byte) (int, error) {
	const most = 16 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if n := len(t.b) - most; n > 0 {
		t.b = t.b[n:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// keep starts the process, waits for its end, and so on until it ends for good.
func (c *child) keep() {
	defer close(c.done)
	for {
		mark, err := c.once()
		c.mu.Lock()
		killed, stop := c.killed, c.stop
		c.killed = false
		c.mu.Unlock()
		switch {
		case killed:
			c.orphans(mark)
		case err != nil:
			c.tell(fmt.Sprintf("%s ends with %v: %s", mark, err, &c.said))
		case !stop:
			c.tell(mark + " ends by itself")
		}
		if race := c.said.String(); strings.Contains(race, "DATA RACE") {
			c.tell(mark + " says: " + race)
		}
		if stop || !killed {
			return
		}
	}
}

// once is one life of the process.
func (c *child) once() (mark string, err error) {
	c.mu.Lock()
	c.births++
	mark = fmt.Sprintf("%s-%d", c.what, c.births)
	cmd := c.command(c.births)
	cmd.Env = append(cmd.Env, markVariable+"="+mark)
	cmd.Stdout, cmd.Stderr = nil, &c.said
	out, pipeErr := cmd.StdoutPipe()
	if pipeErr == nil {
		c.stdin, pipeErr = cmd.StdinPipe()
	}
	if pipeErr == nil {
		pipeErr = cmd.Start()
	}
	if pipeErr != nil {
		c.mu.Unlock()
		return mark, pipeErr
	}
	c.proc = cmd.Process
	if c.stop {
		c.end()
	}
	c.mu.Unlock()
	s := bufio.NewScanner(out)
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		var m message
		if json.Unmarshal(s.Bytes(), &m) == nil {
			c.messages(m)
		}
	}
	err = cmd.Wait()
	c.mu.Lock()
	c.proc = nil
	c.mu.Unlock()
	return mark, err
}

// calm has the process end in peace.
func (c *child) calm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = true
	if c.proc != nil {
		c.end()
	}
}

// end is calm for a process that runs: a load ends when it is told, the daemon by a signal.
func (c *child) end() {
	if c.what == "daemon" {
		c.proc.Signal(syscall.SIGTERM)
	}
	io.WriteString(c.stdin, "calm\n")
}

// kill is a disturbance. It returns false when there is nothing to kill.
func (c *child) kill() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc == nil || c.stop {
		return false
	}
	c.killed = true
	c.proc.Kill()
	return true
}

// signal sends a signal to the process, if it runs.
func (c *child) signal(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc != nil {
		c.proc.Signal(s)
	}
}

// pid is the process's number; 0: it does not run.
func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.proc == nil {
		return 0
	}
	return c.proc.Pid
}

// orphanTime is how long what a killed process had may live on: a second, and as long as a starter may be
// stopped, on a busy machine.
const orphanTime = 5*time.Second + longestStop

// orphans tells of what is left of a process that was killed.
func (c *child) orphans(mark string) {
	end := time.Now().Add(orphanTime)
	for {
		left := marked(markVariable, mark)
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			for _, p := range left {
				c.tell(fmt.Sprintf("%v after %s was killed there still is %v", orphanTime, mark, p))
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
