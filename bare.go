package outwork

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/boot"
	"github.com/outwork-go/outwork/internal/guest"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/lost"
)

// startGuestThere starts an interpreter on a host: by the agent, of which it is asked
// before that is there, or, when none can run there, by a hop's command of its own.
func (m *Manager) startGuestThere(ctx context.Context, t *Target) (*Worker, error) {
	key := strings.Join(t.hops(), " ")
	if m.bareOf(key) == nil {
		w, err := m.start(ctx, t, (*Worker).execThere)
		if !errors.Is(err, boot.ErrNoAgent) {
			return w, err
		}
		m.noteBare(key, err)
	}
	return m.start(ctx, t, (*Worker).execBare)
}

// execGuestThere is the same for a worker that is only begun: it must be known from
// the beginning what leads to it.
func (w *Worker) execGuestThere(ctx context.Context, t *Target) (mux.Transport, error) {
	key := strings.Join(t.hops(), " ")
	if w.m.bareOf(key) == nil {
		h, err := w.m.hostAt(ctx, t.hops(), t.ConnectBack)
		if err == nil {
			h.reach()
			err = h.await(ctx)
		}
		if !errors.Is(err, boot.ErrNoAgent) {
			return w.execThere(ctx, t)
		}
		w.m.noteBare(key, err)
	}
	return w.execBare(ctx, t)
}

// bareOf is why no agent can run on a host, if that is known.
func (m *Manager) bareOf(key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bare[key]
}

// noteBare remembers that, so that the next start does not try.
func (m *Manager) noteBare(key string, why error) {
	if e, ok := errors.AsType[*host.Error](why); ok {
		why = e.Err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bare == nil {
		m.bare = map[string]error{}
	}
	m.bare[key] = why
}

// execBare starts an interpreter straight by the last hop's command: its stream is the
// worker's link.
func (w *Worker) execBare(ctx context.Context, t *Target) (mux.Transport, error) {
	hops := t.hops()
	w.url, w.plain, w.tap, w.words = strings.Join(hops, " "), true, w.m.sink.Worker(w.name), &output.Tail{}
	i := guest.Lookup(t.Lang)
	if i == nil {
		return nil, noInterpreter(t.Lang)
	}
	if err := t.heldBare(); err != nil {
		return nil, fmt.Errorf("%w (%w)", err, w.m.bareOf(w.url))
	}
	ctx, cancel := w.m.whileOpen(ctx)
	defer cancel()
	from, hop, err := w.m.wayTo(ctx, hops)
	if err != nil {
		return nil, err
	}
	line, feed := t.shell(i, w.name)
	k := &kept{w: w, hop: hop}
	r, err := boot.Reach(ctx, from, hop, boot.Options{
		Ask:    w.m.Ask,
		Stderr: k.said,
		Exec:   func(*host.Facts) (string, []byte, error) { return line, feed, nil },
	})
	if err != nil {
		return nil, w.m.startError(fmt.Errorf("%w (and no agent runs there: %w)", unpython(err), w.m.bareOf(w.url)))
	}
	k.reached.Store(true)
	k.command, w.proc = r.Process, k
	return r.Transport, nil
}

// heldBare is why t cannot be confined where no agent runs, if it asks for that.
func (t *Target) heldBare() error {
	p, err := t.policy()
	if err == nil && p.Active() {
		err = errors.New("a sandbox, and limits of memory, CPU time, files and processes, need an agent there, and none runs")
	}
	return err
}

// whileOpen is ctx for as long as the manager is open: somebody may be asked meanwhile,
// and Close waits for nobody's answer.
func (m *Manager) whileOpen(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(m.life, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// wayTo is where the last of hops is started, and that hop. Those before it have been
// reached.
func (m *Manager) wayTo(ctx context.Context, hops []string) (from boot.Place, hop host.Hop, err error) {
	if hop, err = m.hop(hops); err != nil {
		return nil, nil, err
	}
	way := hops[:len(hops)-1]
	if _, ok := hop.(joinHop); ok {
		way = hops
	}
	if len(way) == 0 {
		return local{m}, hop, nil
	}
	h, err := m.hostAt(ctx, way, "")
	if err != nil {
		return nil, nil, err
	}
	h.reach()
	return far{h}, hop, h.await(ctx)
}

// notFound is the exit status of a shell that does not find a program.
const notFound = 127

// unpython is err, or what the shell there said of an interpreter that is not there.
func unpython(err error) error {
	e, ok := errors.AsType[*host.Error](err)
	if ok && e.Stage == host.Execute && e.Code == notFound && len(e.Lines) > 0 {
		e.Err = errors.New(e.Lines[len(e.Lines)-1])
	}
	return err
}

// shell is the line of POSIX shell that starts the interpreter, and what that reads
// first. (Package boot puts it in front of a stage, whose variable _n is a newline.)
func (t *Target) shell(i guest.Interpreter, name string) (line string, feed []byte) {
	args, feed := i.Start(guest.Options{Functions: guestFunctions(), Plain: true, Alone: true})
	word, hint := i.Shell(t.Program, t.Env)
	var b strings.Builder
	if t.Dir != "" {
		fmt.Fprintf(&b, "cd %s || exit 1; ", guest.Quote(t.Dir))
	}
	fmt.Fprintf(&b, `_p=%s; _w=$(command -v "$_p") || { printf "%%s\n" "no Python: $_p: not found"%s >&2; exit %d; }; exec `, word, guest.Quote(hint), notFound)
	if t.Env != nil {
		b.WriteString("env -i ")
		for _, v := range t.Env {
			b.WriteString(guest.Quote(v) + " ")
		}
	}
	b.WriteString(`"$_w"`)
	for _, a := range append(args, "["+name+"]") {
		b.WriteString(" " + guest.Quote(a))
	}
	return b.String(), feed
}

// kept is an interpreter that a process there looks after (guest.Options.Alone), and the
// command here that leads to it.
type kept struct {
	w       *Worker
	command process
	hop     host.Hop // nil: none leads to it
	reached atomic.Bool
	stderr  output.Tail // of the command, since it has been reached

	once  sync.Once
	timer *time.Timer
}

// said takes what the command writes to its standard error.
func (k *kept) said(p []byte) {
	if k.reached.Load() {
		k.stderr.Write(p)
	}
}

// Tail is what the interpreter wrote to its standard error at last, and behind it what
// the command did, unless that is the error.
func (k *kept) Tail() []byte {
	if errors.Is(k.w.ended.lost, lost.Host) {
		return k.w.words.Bytes()
	}
	return slices.Concat(k.w.words.Bytes(), k.stderr.Bytes())
}

// Wait is of process. The keeper exits as shells do: 128 and a signal's number.
func (k *kept) Wait() (starter.Exit, error) {
	exit, err := k.command.Wait()
	k.once.Do(func() {})
	if k.timer != nil {
		k.timer.Stop()
	}
	exit.User, exit.System, exit.MaxRSS = 0, 0, 0 // the command's, which is no concern of anybody's
	if exit.Code > 128 && exit.Code <= 128+64 {
		exit.Code, exit.Signal = -1, exit.Code-128
	}
	if err == nil {
		err = k.broken(exit)
	}
	return exit, err
}

// broken is why the connection to the host ended, when that is how the command says
// that it did.
func (k *kept) broken(exit starter.Exit) error {
	if silent, ok := errors.AsType[*mux.SilentError](k.w.link.Err()); ok {
		return fmt.Errorf("%w: %w", lost.Host, silent)
	}
	x, ok := k.hop.(host.Explainer)
	said := strings.TrimSpace(string(k.stderr.Bytes()))
	if !ok || exit.Code <= 0 || said == "" {
		return nil
	}
	if stage, why := x.Explain(exit.Code, strings.Split(said, "\n")); stage == host.Connect {
		return fmt.Errorf("%w: %s", lost.Host, output.Sanitize([]byte(why)))
	}
	return nil
}

// Signal is of process: whatever it is, all of the interpreter is killed, by its keeper
// if that hears it, so that nothing is left there when Wait returns.
func (k *kept) Signal(syscall.Signal) error {
	first := false
	k.once.Do(func() {
		first = k.w.link.Kill() == nil
		if first {
			k.timer = time.AfterFunc(exitSoon, func() { k.command.Signal(sigKill) })
		}
	})
	if first {
		return nil
	}
	return k.command.Signal(sigKill)
}
