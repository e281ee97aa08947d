package boot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

const (
	// DefaultStall is Options.Stall when it is 0.
	DefaultStall = 20 * time.Second
	// aheadLimit is how many bytes of Options.Ahead are sent before anything was
	// heard. A shell without the program reads them one by one.
	aheadLimit = 64 << 10
)

// Options say what Reach is to get running, and how.
type Options struct {
	// Program is for the platform of this machine, Self() if it is nil.
	Program *Program
	// Binaries are for other platforms; nil are none.
	Binaries *Binaries
	// Ahead is what the agent reads first, as far as it is known: it may have grown when
	// it is asked again. It is sent on the heels of the hop's command, so that an agent
	// that is there already costs no round trip. Reach sends it again when it was lost;
	// nil is nothing.
	Ahead func() []byte
	// Ask answers for a person. When it is nil nobody can be asked.
	Ask Ask
	// Tries is how often sudo may be given a password, 1 if it is 0.
	Tries int
	// Stall is after how long a time without a byte in either direction the other side
	// is given up, DefaultStall if it is 0. While Ask thinks the clock stands still.
	Stall time.Duration
	// Stage, when set, is told each stage as it begins: of one run of the hop's command they
	// rise, but for Probe, which may follow Upload. Shell is not told.
	Stage func(host.Stage)
	// Stderr, when set, is given the standard error of the hop's command, of the agent's
	// too, until the process has ended: as Command.Stderr.
	Stderr func(p []byte)
	// Exec, when set, is asked what to run there instead of the agent: one line of POSIX
	// shell, without a newline, which best begins with exec, and what it reads from its
	// standard input before Ahead, which is sent behind that at once. What it writes
	// begins with the preamble, as of an agent.
	Exec func(*host.Facts) (line string, feed []byte, err error)
}

// AgentFailed is the exit status of an agent that cannot do its work.
const AgentFailed = 70

// goFatal is the exit status of a program that Go's runtime gives up.
const goFatal = 2

// Reached is a host with an agent.
type Reached struct {
	// Transport begins with the agent's preamble. Whoever takes it closes it.
	Transport mux.Transport
	// Sent is how many bytes of Ahead were sent.
	Sent int
	// Process is the hop's command. Its Wait must be called.
	Process Process
	// Fresh says that the agent was sent there: it was in no cache.
	Fresh bool
	// Dir is the directory that it was put in; "" if it is not Fresh, or in memory.
	Dir string
	// Verified is by which program its hash was verified; "size" if there was none.
	Verified string
	// Facts are what is known of the host; none (nil) if the agent was there already.
	Facts *host.Facts
	// Times are those of Shell (connecting and authenticating included), Execute
	// (with all before it) if it was not there, and Handshake.
	Times []host.Timing

	words *words
}

// Lines are the last lines that the other side printed, besides the transport's bytes,
// and made safe for a terminal. It is safe for concurrent use.
func (r *Reached) Lines() []string { return r.words.lines() }

// Reach runs the command of a hop at place, gets an agent running on the other side, and
// returns when that has said its preamble, or nothing is left of the attempt. Its error
// is a *host.Error.
func Reach(ctx context.Context, place Place, hop host.Hop, o Options) (*Reached, error) {
	o.fill()
	b := &boot{place: place, hop: hop, o: &o, looks: o.Exec == nil}
	var r *Reached
	err := b.run(ctx, func() (err error) {
		r, err = b.reach()
		return err
	})
	return r, err
}

func (o *Options) fill() {
	if o.Program == nil {
		o.Program = Self()
	}
	if o.Stall <= 0 {
		o.Stall = DefaultStall
	}
	o.Tries = max(o.Tries, 1)
}

// boot is one call of Reach or Check.
type boot struct {
	place Place
	hop   host.Hop
	o     *Options

	looks bool     // a stage looks for the program
	p     *Program // that is looked for, once it is known
	is    content  // what it is
	facts *facts
	now   host.Stage
	sent  int // how many bytes of Ahead were sent to what may be the agent
	fresh bool
	dir   string
	how   string // it was verified
	tries int    // of passwords

	begun time.Time // the part that is timed
	times []host.Timing

	*session // the present run of the hop's command; nil if it could not be started
}

// fault is an error of a certain stage.
type fault struct {
	stage host.Stage
	err   error
}

// Error is of error.
func (f *fault) Error() string { return f.err.Error() }

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.err }

func faultf(s host.Stage, format string, args ...any) error {
	return &fault{s, fmt.Errorf(format, args...)}
}

// load makes p the program that is looked for.
func (b *boot) load(p *Program) (err error) {
	if b.is, err = p.hash(b.ctx); err != nil {
		return b.unread(err)
	}
	b.p = p
	return nil
}

// unread is for a program that could not be read.
func (b *boot) unread(err error) error {
	if b.ctx.Err() != nil {
		return b.ctx.Err()
	}
	return faultf(host.Upload, "read the program: %w", err)
}

// to begins a stage.
func (b *boot) to(s host.Stage) {
	b.now = s
	if b.o.Stage != nil {
		b.o.Stage(s)
	}
}

// lap ends a part that is timed.
func (b *boot) lap(s host.Stage) {
	now := time.Now()
	b.times = append(b.times, host.Timing{Stage: s, Took: now.Sub(b.begun)})
	b.begun = now
}

// run does something with the hop's command. When that ends as it does for want of a
// password, and somebody can be asked, it is run again so that it asks.
func (b *boot) run(ctx context.Context, do func() error) error {
	err := b.attempt(ctx, "", do)
	e, _ := errors.AsType[*host.Error](err)
	if _, ok := b.hop.(host.Prompter); !ok || e == nil || b.session == nil || b.spoke || e.Code != 1 {
		return err
	}
	if b.o.Ask == nil {
		e.Stage = host.Authenticate
		e.Err = fmt.Errorf("%w (nobody can be asked for a password here)", e.Err)
		return e
	}
	return b.attempt(ctx, "outwork-"+rand.Text(), do)
}

// attempt runs the hop's command once. With a prompt it asks for passwords, and gets
// nothing else before its shell speaks.
func (b *boot) attempt(ctx context.Context, prompt string, do func() error) error {
	s := &session{stall: b.o.Stall, nonce: rand.Text(), prompt: prompt, also: b.o.Stderr, words: words{hide: prompt}}
	b.begun, b.session, b.sent = time.Now(), s, 0
	b.to(host.Connect)
	shell := stageLine(s.nonce, lookForNone)
	if b.looks {
		shell = stageLine(s.nonce, lookForRead)
	}
	command := b.hop.Command
	if prompt != "" {
		if b.looks { // it was read for the first attempt
			shell = stageLine(s.nonce, lookFor(b.is))
		}
		b.to(host.Authenticate)
		p := b.hop.(host.Prompter)
		command = func(shell string) []string { return p.Prompt(shell, prompt) }
	}
	args := command(shell)
	if err := open(ctx, b.place, args, b.ask(), s); err != nil {
		b.session = nil
		return b.unstarted(ctx, args, err)
	}
	if err := do(); err != nil {
		return b.explain(err, b.abort(err))
	}
	return nil
}

// ask is the options', but that it says which hop it is about.
func (b *boot) ask() Ask {
	if b.o.Ask == nil {
		return nil
	}
	return func(ctx context.Context, q host.Question) (string, error) {
		if q.Host == "" {
			q.Host = b.hop.String()
		}
		return b.o.Ask(ctx, q)
	}
}

// wait is the session's next, passwords being answered.
func (b *boot) wait() (event, error) {
	for {
		e, err := b.next()
		if err != nil || !e.prompt {
			return e, err
		}
		if err := b.answer(); err != nil {
			return e, err
		}
	}
}

// answer gives a password to the hop's command.
func (b *boot) answer() error {
	if b.tries >= b.o.Tries {
		return faultf(host.Authenticate, "wrong password")
	}
	b.tries++
	password, err := b.wrap(b.ask())(b.ctx, host.Question{Text: "Password for " + b.hop.String() + ": ", Secret: true})
	switch {
	case err != nil && b.ctx.Err() != nil:
		return b.ctx.Err()
	case err != nil:
		return faultf(host.Authenticate, "it wants a password: %w", err)
	}
	b.send([]byte(password + "\n"))
	return nil
}

// ahead sends of what the agent reads first, up to limit bytes of it in all.
func (b *boot) ahead(limit int) {
	if b.o.Ahead == nil {
		return
	}
	all := b.o.Ahead()
	if to := min(limit, len(all)); to > b.sent {
		b.send(all[b.sent:to])
		b.sent = to
	}
}

// reach is Reach with a command that runs.
func (b *boot) reach() (*Reached, error) {
	if b.prompt == "" {
		if err := b.greet(); err != nil {
			return nil, err
		}
	}
	e, err := b.wait()
	if err != nil {
		return nil, err
	}
	b.lap(host.Shell)
	if !e.preamble {
		if err := b.cold(e.reply); err != nil {
			return nil, err
		}
		b.lap(host.Execute)
	}
	if err := b.meet(); err != nil {
		return nil, err
	}
	b.lap(host.Handshake)
	return &Reached{
		Transport: handOn(b.t, b.in), Sent: b.sent, Process: process{b.proc, b.kill},
		Fresh: b.fresh, Dir: b.dir, Verified: b.how, Facts: (*host.Facts)(b.facts), Times: b.times,
		words: &b.words,
	}, nil
}

// greet sends what is sent before anything was heard.
func (b *boot) greet() error {
	if _, direct := b.hop.(host.Direct); !direct && b.looks {
		if err := b.load(b.o.Program); err != nil {
			return err
		}
		b.send([]byte(fileLine(b.is, " ") + "\n"))
	}
	if b.o.Exec == nil {
		b.ahead(aheadLimit)
	}
	return nil
}

// cold is for a stage that has not found the program. It returns when the program was
// told to begin.
func (b *boot) cold(reply []string) error {
	b.sent = 0 // the stage has skipped it
	if err := b.missed(reply); err != nil {
		return err
	}
	if b.o.Exec != nil {
		return b.other()
	}
	p, err := b.o.program(b.facts.OS, b.facts.Arch)
	if err != nil {
		return &fault{host.Probe, noAgent{err}}
	}
	if p != b.p {
		if found, err := b.find(p); found || err != nil {
			return err
		}
	}
	return b.upload()
}

// missed takes the first that a stage says.
func (b *boot) missed(reply []string) error {
	b.to(host.Probe)
	if len(reply) != 2 || reply[0] != "miss" {
		return errBabble
	}
	b.facts = &facts{}
	b.facts.uname(reply[1])
	return nil
}

// find looks for the program of another platform.
func (b *boot) find(p *Program) (found bool, err error) {
	if err := b.load(p); err != nil {
		return false, err
	}
	b.order(findLine(b.nonce, b.is))
	e, err := b.wait()
	if err != nil || e.preamble {
		return err == nil, err
	}
	if e.reply[0] != "none" {
		return false, errBabble
	}
	return false, nil
}

// other runs what Exec says.
func (b *boot) other() error {
	b.order(workLine(b.nonce, tellText, "tell; say end"))
	if err := b.learn(); err != nil {
		return err
	}
	line, feed, err := b.o.Exec((*host.Facts)(b.facts))
	if err != nil {
		return &fault{host.Probe, err}
	}
	b.to(host.Execute)
	b.order(workLine(b.nonce, "back; "+line), feed)
	b.ahead(math.MaxInt)
	return nil
}

// learn takes what the stage tells until its end.
func (b *boot) learn() error {
	for {
		e, err := b.wait()
		switch {
		case err != nil:
			return err
		case e.preamble:
			return errBabble
		case e.reply[0] == "end":
			return nil
		}
		b.facts.take(e.reply)
	}
}

// meet waits for the agent's preamble, and gives it all that is Ahead.
func (b *boot) meet() error {
	e, err := b.wait()
	switch {
	case err != nil:
		return err
	case !e.preamble:
		return errBabble
	}
	b.to(host.Handshake)
	if err := frame.CheckPreamble(b.in[:frame.PreambleSize]); err != nil {
		return err
	}
	b.ahead(math.MaxInt)
	return b.hand()
}
