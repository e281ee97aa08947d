package starlark

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/legible"
)

func hostRun(r *run, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	c := command{r: r, check: true, text: true, over: make(chan struct{}, 2)}
	if err := starlark.UnpackArgs(name, args, kwargs, "argv", &c.argv, "stdin??", &c.stdin, "check?", &c.check,
		"env??", &c.env, "cwd??", &c.cwd, "timeout??", &c.timeout, "text?", &c.text); err != nil {
		return nil, err
	}
	v, err := c.run()
	if stopped := r.interrupted(); stopped != nil {
		return nil, stopped
	}
	if err != nil {
		return nil, hostError(name, c.argv[0], err)
	}
	return v, nil
}

// command is one call of host.run.
type command struct {
	r       *run
	argv    hostArgv
	stdin   hostData
	check   bool
	env     hostEnv
	cwd     hostPath
	timeout hostTimeout
	text    bool

	cmd    *exec.Cmd
	out    capture
	errOut capture
	over   chan struct{} // has something when the command printed too much
}

// run runs the command and everything after it. When it returns, nothing of
// the command's process group runs.
func (c *command) run() (starlark.Value, error) {
	c.cmd = exec.Command(c.argv[0], c.argv[1:]...)
	c.cmd.Dir = string(c.cwd)
	c.cmd.Env = c.env.over(os.Environ())
	if from := c.stdin.reader(); from != nil {
		c.cmd.Stdin = looking{c.r, from}
	}
	c.out.over, c.errOut.over = c.over, c.over
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.errOut
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.WaitDelay = pipeGrace
	if err := c.start(); err != nil {
		return nil, err
	}
	if err := c.supervise(); err != nil {
		return nil, err
	}
	return c.result()
}

func (c *command) start() error {
	if err := c.r.interrupted(); err != nil {
		return err
	}
	if err := c.checkFolder(); err != nil {
		return err
	}
	err := c.cmd.Start()
	if e, ok := errors.AsType[*exec.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("there is no such command on the PATH")
	}
	if err != nil {
		return fmt.Errorf("cannot start it: %w", plainError(err))
	}
	return nil
}

// checkFolder looks at cwd before the command is started, which would not say
// whether folder or command is missing.
func (c *command) checkFolder() error {
	if c.cwd == "" {
		return nil
	}
	info, err := os.Stat(string(c.cwd))
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return fmt.Errorf("cwd %q: %w", legible.Cut(string(c.cwd), maxLineShown), plainError(err))
	}
	return nil
}

// supervise returns when the command has ended, by itself or because it must.
func (c *command) supervise() (why error) {
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		waitExit(c.cmd.Process.Pid)
	}()
	var late <-chan time.Time
	if c.timeout > 0 {
		timer := time.NewTimer(time.Duration(c.timeout))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-exited:
	case <-c.r.stopped.done:
		why = c.r.interrupted()
	case <-late:
		why = fmt.Errorf("it took longer than its timeout of %v", time.Duration(c.timeout))
	case <-c.over:
		why = errTooMuch
	}
	if !c.end(exited) {
		go c.cmd.Wait() // reaps it whenever it ends
		return fmt.Errorf("%w, and cannot be killed: it may run as another user", why)
	}
	if err := c.cmd.Wait(); c.cmd.ProcessState == nil {
		return err
	} // else the error is the exit status, or that others hold the pipes
	if why == nil && len(c.over) > 0 {
		why = errTooMuch
	}
	if why != nil {
		return fmt.Errorf("%w, and was killed", why)
	}
	return nil
}

// end kills what is left of the command's process group, after it had time to
// end by itself, and reports whether the command did end. The command is not
// reaped, so the group's number is its own.
func (c *command) end(exited <-chan struct{}) bool {
	group := -c.cmd.Process.Pid
	if !isClosed(exited) {
		_ = unix.Kill(group, unix.SIGTERM)
		isClosedWithin(exited, killGrace)
	}
	_ = unix.Kill(group, unix.SIGKILL)
	return isClosedWithin(exited, killGrace)
}

func isClosed(ch <-chan struct{}) bool { return isClosedWithin(ch, 0) }

func isClosedWithin(ch <-chan struct{}, d time.Duration) bool {
	select {
	case <-ch:
		return true
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ch:
		return true
	case <-timer.C:
		return false
	}
}

// waitExit waits until a child has ended, and does not reap it.
func waitExit(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

func (c *command) result() (starlark.Value, error) {
	status := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	code := status.ExitStatus()
	if status.Signaled() {
		code = -int(status.Signal())
	}
	if c.check && code != 0 {
		return nil, c.failure(status)
	}
	return starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
		"status": starlark.MakeInt(code),
		"stdout": c.output(&c.out),
		"stderr": c.output(&c.errOut),
	}), nil
}

// failure is how the command ended, and the last that it said.
func (c *command) failure(status syscall.WaitStatus) error {
	how := fmt.Sprintf("exit status %d", status.ExitStatus())
	if status.Signaled() {
		how = "killed by " + unix.SignalName(status.Signal())
	}
	last := bytes.TrimSpace(c.errOut.b)
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	if len(last) == 0 {
		return errors.New(how)
	}
	said := strings.Map(printable, strings.ToValidUTF8(string(last[:min(len(last), 4*maxLineShown)]), "\uFFFD"))
	return fmt.Errorf("%s: %s", how, legible.Cut(said, maxLineShown))
}

func (c *command) output(from *capture) starlark.Value {
	if c.text {
		return starlark.String(strings.ToValidUTF8(string(from.b), "\uFFFD"))
	}
	return starlark.Bytes(from.b)
}

// capture keeps what a command prints. It belongs to the goroutine that
// os/exec copies in, until Wait has returned.
type capture struct {
	b    []byte
	over chan<- struct{}
}

var errTooMuch = fmt.Errorf("it printed more than %d MiB", maxOutput>>20)

// Write implements io.Writer.
func (c *capture) Write(p []byte) (int, error) {
	if len(c.b)+len(p) > maxOutput {
		c.over <- struct{}{} // once: os/exec stops at the error
		return 0, errTooMuch
	}
	c.b = append(c.b, p...)
	return len(p), nil
}

// hostArgv unpacks a command and its arguments.
type hostArgv []string

// Unpack implements starlark.Unpacker.
func (a *hostArgv) Unpack(v starlark.Value) error {
	list, ok := v.(starlark.Sequence)
	if !ok {
		return fmt.Errorf(`got %s, want a list of strings, as in ["ls", "-l"]: there is no shell`, v.Type())
	}
	if list.Len() > maxItems {
		return tooManyItems(list.Len())
	}
	for item := range starlark.Elements(list) {
		s, ok := starlark.AsString(item)
		if !ok {
			return fmt.Errorf("got %s in it, want strings", item.Type())
		}
		if strings.ContainsRune(s, 0) {
			return errors.New("an argument cannot have a NUL in it")
		}
		*a = append(*a, s)
	}
	if len(*a) == 0 || (*a)[0] == "" {
		return errors.New("there is no command in it")
	}
	return nil
}

// hostEnv unpacks changes to the environment: a string sets a variable, None
// takes it away.
type hostEnv struct {
	set   []string // name=value
	taken []string // names that the changes are of
}

// Unpack implements starlark.Unpacker.
func (e *hostEnv) Unpack(v starlark.Value) error {
	dict, ok := v.(*starlark.Dict)
	if !ok {
		return fmt.Errorf("got %s, want a dict", v.Type())
	}
	for k, item := range dict.Entries() {
		key, ok := starlark.AsString(k)
		if !ok || key == "" || strings.ContainsAny(key, "=\x00") {
			return fmt.Errorf("%s cannot name a variable", legible.Cut(display(k), 40))
		}
		e.taken = append(e.taken, key)
		if item == starlark.None {
			continue
		}
		value, ok := starlark.AsString(item)
		if !ok || strings.ContainsRune(value, 0) {
			return fmt.Errorf("%s is to be a string without a NUL, or None", legible.Cut(key, 40))
		}
		e.set = append(e.set, key+"="+value)
	}
	return nil
}

// over is the environment with the changes made.
func (e *hostEnv) over(environ []string) []string {
	kept := slices.DeleteFunc(environ, func(s string) bool {
		name, _, _ := strings.Cut(s, "=")
		return slices.Contains(e.taken, name)
	})
	return append(kept, e.set...)
}

// hostTimeout unpacks seconds, or a time.duration.
type hostTimeout time.Duration

// Unpack implements starlark.Unpacker.
func (d *hostTimeout) Unpack(v starlark.Value) error {
	if t, ok := v.(startime.Duration); ok {
		*d = hostTimeout(t)
	} else if s, ok := starlark.AsFloat(v); ok && s < time.Duration(1<<63-1).Seconds() {
		*d = hostTimeout(s * float64(time.Second))
	} else {
		return errors.New("it is a number of seconds, or a time.duration")
	}
	if *d <= 0 {
		return errors.New("a time must be longer than nothing")
	}
	return nil
}
