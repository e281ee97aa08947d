package agent

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/guest"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/supervise"
	"github.com/outwork-go/outwork/internal/transport"
)

// process is one that an agent has started.
type process struct {
	p       *link.Relayed
	child   *supervise.Child
	ours    mux.Transport // what it reads and writes
	capture *output.Capture
	watch   *watch    // nil: what it reads and writes is passed on as it is
	up      *upstream // of the watch
	asks    *asking   // nil: it may not ask
	ended   atomic.Bool
}

// ends are the descriptors of a process, and the agent's ends of them.
type ends struct {
	link, stdin, stdout, stderr *os.File // the process's
	ours                        mux.Transport
	outR, errR                  *os.File // of what it prints
}

func (e *ends) closeTheirs() {
	for _, f := range []*os.File{e.link, e.stdin, e.stdout, e.stderr} {
		if f != nil {
			f.Close()
		}
	}
}

func (e *ends) closeOurs() {
	if e.ours != nil {
		e.ours.Close()
	}
	for _, f := range []*os.File{e.outR, e.errR} {
		if f != nil {
			f.Close()
		}
	}
}

// openEnds makes the descriptors of a process of that kind.
func openEnds(kind uint8) (e *ends, err error) {
	e = &ends{}
	defer func() {
		if err != nil {
			e.closeTheirs()
			e.closeOurs()
		}
	}()
	if e.errR, e.stderr, err = os.Pipe(); err != nil {
		return e, err
	}
	var printed *os.File
	if e.outR, printed, err = os.Pipe(); err != nil {
		return e, err
	}
	switch kind {
	case link.SpawnWorker:
		e.stdout = printed
		var ours *transport.Socket
		if ours, e.link, err = transport.SocketPair(); err == nil {
			e.ours = ours
		}
		return e, err
	case link.SpawnInterpreter:
		e.link = printed // its link is its stream, and it prints where others have that
	default:
		printed.Close() // it prints to its stream
	}
	return e, e.openStream()
}

// openStream makes the standard input and output the stream.
func (e *ends) openStream() error {
	r, w, stdin, stdout, err := transport.Stdio()
	if err != nil {
		return err
	}
	e.stdin, e.stdout = stdin, stdout
	e.ours, err = transport.NewPipes(r, w)
	return err
}

func (s *server) start(p *link.Relayed) (*process, error) {
	spec, err := specOf(&p.Spawn)
	if err != nil {
		return nil, err
	}
	if p.Kind != link.SpawnCommand {
		return s.spawn(p, spec)
	}
	asks, env, err := s.questions(p, spec.Env)
	if err != nil {
		return nil, err
	}
	spec.Env = env
	r, err := s.spawn(p, spec)
	if err != nil {
		s.close(asks)
		return nil, err
	}
	r.asks = asks
	return r, nil
}

func (s *server) spawn(p *link.Relayed, spec supervise.Spec) (*process, error) {
	e, err := openEnds(p.Kind)
	if err != nil {
		return nil, err
	}
	defer e.closeTheirs()
	spec.Files = []*os.File{e.stdin, e.stdout, e.stderr, e.link}
	r := &process{p: p, ours: e.ours}
	print := p.Output
	if p.Kind != link.SpawnCommand {
		r.watch = newWatch(s.kept, &p.Spawn)
		r.up = newUpstream(p.Transport(), r.watch, p.Output)
		r.up.stir = p.Transport().Wake
		print = r.up.output
	}
	if r.child, err = s.sup.Start(spec); err != nil {
		e.closeOurs()
		return nil, err
	}
	r.child.Pidfd().Close()
	if r.capture, err = output.NewCapture(e.outR, e.errR, print); err != nil {
		e.closeOurs()
		r.child.Signal(syscall.SIGKILL)
		<-r.child.Done()
		return nil, err
	}
	if r.up != nil {
		r.up.drain = r.capture.Drain
	}
	return r, nil
}

// specOf is what is to be started for w.
func specOf(w *link.Spawn) (spec supervise.Spec, err error) {
	if spec.Confine, err = policy(w); err != nil {
		return spec, err
	}
	spec.Env = environ(w)
	spec.Dir, spec.Session = w.Dir, w.Kind == link.SpawnCommand // a hop's command asks nobody at a terminal
	if spec.Path, err = program(w, spec.Env); err != nil {
		return spec, err
	}
	spec.Args = w.Args
	if w.Kind != link.SpawnWorker {
		spec.Args = slices.Concat([]string{cmp.Or(w.Program, spec.Path)}, w.Args)
	}
	switch w.Kind {
	case link.SpawnWorker:
		spec.Env = append(spec.Env, starter.RoleVariable+"="+starter.RoleFar)
	case link.SpawnInterpreter:
		err = guest.Hold(guest.Lookup(w.Lang), spec.Confine, spec.Path, spec.Args, spec.Env)
	}
	return spec, err
}

// policy is what is to hold w. An interpreter is started by a stage, which it is not itself.
func policy(w *link.Spawn) (*confine.Policy, error) {
	p, err := confine.Decode(w.Confine)
	switch {
	case err != nil || !p.Active():
		return nil, err
	case w.Kind == link.SpawnCommand:
		return nil, errors.New("a command of a hop cannot be confined")
	case w.Kind == link.SpawnInterpreter && p.Exec == nil:
		p.Exec = &confine.Exec{} // what would be started without
	}
	return p, nil
}

// environ is the environment. What a worker is for is not for it to say: of two variables of a
// name the first counts.
func environ(w *link.Spawn) []string {
	env := slices.Clone(w.Env)
	if !w.Whole {
		env = append(os.Environ(), env...)
	}
	if w.Kind == link.SpawnCommand {
		return env
	}
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, starter.RoleVariable+"=") })
}

// program is the path of what is to be started.
func program(w *link.Spawn, env []string) (string, error) {
	if w.Kind == link.SpawnInterpreter {
		i := guest.Lookup(w.Lang)
		if i == nil {
			return "", errors.New("the agent has no interpreter for the language " + w.Lang)
		}
		return i.Find(w.Program, env)
	}
	if w.Program == "" {
		return "/proc/self/exe", nil
	}
	path, err := exec.LookPath(w.Program)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// run relays until the process has ended and all that it has written was sent.
func (s *server) run(r *process) link.Ended {
	var pumps sync.WaitGroup
	pumps.Go(r.down)
	pumps.Go(r.upward)
	select {
	case <-r.child.Done():
	case <-r.p.Gone():
		r.child.Signal(syscall.SIGKILL)
		<-r.child.Done()
	}
	s.close(r.asks)
	r.ended.Store(true)
	r.ours.Stop()
	r.p.Transport().Wake() // nobody takes what the manager still sends
	pumps.Wait()
	r.capture.Close(context.Background())
	r.ours.Close()
	return endedOf(r.child.Exit(), r.capture.Tail())
}

// pumpSize is how many bytes are read at once.
const pumpSize = 128 << 10

// down passes on what the manager sends.
func (r *process) down() {
	if r.watch != nil {
		newDownstream(r.p.Transport(), r.ours, r.watch, r.p.Boot, r.ended.Load).run()
	} else {
		r.pour()
	}
	r.ours.(interface{ CloseSend() error }).CloseSend()
}

// pour passes on what is no link.
func (r *process) pour() {
	from := r.p.Transport()
	b := make([]byte, pumpSize)
	for {
		n, err := recv(from, b, r.ended.Load)
		if err == nil {
			err = sendAll(r.ours, b[:n], r.ended.Load)
		}
		if err != nil {
			return
		}
	}
}

// lastWritten is how many bytes are passed on of what a process has written when it has
// ended: more than a pipe or a socket holds. What it has left behind may write for ever.
const lastWritten = 2 << 20

// upward passes on what the process writes.
func (r *process) upward() {
	b := make([]byte, pumpSize)
	for left := lastWritten; ; {
		ended := r.ended.Load()
		n, err := recv(r.ours, b, r.ended.Load)
		if ended {
			if left -= n; left < 0 {
				err = io.EOF
			}
		}
		if err == nil {
			err = r.write(b[:n])
		}
		if err != nil {
			r.closeUp(err)
			return
		}
	}
}

func (r *process) write(b []byte) error {
	if r.up != nil {
		return r.up.write(b)
	}
	return sendAll(r.p.Transport(), b, nil)
}

// closeUp ends what the process says. One that says what is no frame is killed; its
// manager gets what it said, and names the rule.
func (r *process) closeUp(err error) {
	if r.up != nil {
		r.up.close()
	}
	if _, broke := errors.AsType[*frame.Violation](err); broke {
		r.child.Signal(syscall.SIGKILL)
	}
}
