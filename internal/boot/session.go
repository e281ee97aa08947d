package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/askpass"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
)

const (
	// maxNoise is how many bytes that mean nothing are read before a host is given up.
	maxNoise = 1 << 20
	// maxLine bounds what the stage says at once, in bytes.
	maxLine = 8 << 10
	// maxReplies bounds how often it says something.
	maxReplies = 256
	// lastWords is how long a command that has closed its standard output may take
	// to end.
	lastWords = 2 * time.Second
	// killedLate is how long one may take to end that was killed: another user's does not
	// notice, and a host may not tell.
	killedLate = 5 * time.Second
)

// marker begins what the stage says, as frame.Magic what the agent does.
const marker = "\x89owk:"

// session is one command of a hop that runs. Its methods are for one goroutine, which
// reads; those that others use say so.
type session struct {
	ctx    context.Context
	stall  time.Duration
	nonce  string
	prompt string // "": none is expected
	words  words
	also   func([]byte) // is given standard error too

	proc Process
	t    mux.Transport
	kill context.CancelFunc // of what the place has started

	in      []byte // read and not yet understood
	buf     []byte
	noise   int
	replies int
	ended   error // why nothing more comes

	began   time.Time    // the clock of last, which nobody sets
	last    atomic.Int64 // when something moved, in ns
	asking  atomic.Int32 // questions that a person thinks about
	asked   atomic.Bool  // there were questions
	prompts atomic.Int32 // that were seen and not yet taken
	denied  atomic.Pointer[fault]
	spoke   bool // the stage or the agent has

	errs   mark          // what of prompt standard error ends with
	news   chan struct{} // wakes the reader
	quit   chan struct{} // ends the goroutines
	idle   chan struct{} // the writer has finished something
	others sync.WaitGroup

	out     chan [][]byte
	pending atomic.Int32 // of what went to out, how many are not written yet
	broken  atomic.Bool  // the other side reads no more
}

// mark finds a word in a stream.
type mark struct{ tail []byte }

// count adds p, and returns how often word was completed by it.
func (m *mark) count(p []byte, word string) int {
	b := append(m.tail, p...)
	n := bytes.Count(b, []byte(word))
	if i := bytes.LastIndex(b, []byte(word)); i >= 0 {
		b = b[i+len(word):]
	}
	m.tail = bytes.Clone(b[max(0, len(b)-len(word)+1):])
	return n
}

// What ends a session besides a context's error and io.EOF.
var (
	errStalled = errors.New("stalled")
	errNoise   = errors.New("it prints and prints, and none of that is a shell's or an agent's answer")
	errBabble  = errors.New("what it says makes no sense")
)

// open starts args at place.
func open(ctx context.Context, place Place, args []string, ask Ask, s *session) error {
	life, kill := context.WithCancel(context.WithoutCancel(ctx))
	s.ctx, s.kill = ctx, kill
	s.buf, s.began = make([]byte, 32<<10), time.Now()
	s.news, s.quit, s.out = make(chan struct{}, 1), make(chan struct{}), make(chan [][]byte, maxQueue)
	s.idle = make(chan struct{}, 1)
	s.moved()
	stop := context.AfterFunc(ctx, kill)
	proc, err := place.Start(life, Command{
		Args:   args,
		Env:    []string{"LANGUAGE=en"}, // for people and Explain alike; unlike LC_ALL it changes nothing else
		Ask:    s.put(ask),
		Stderr: s.stderr,
	})
	stop()
	if err != nil {
		kill()
		return err
	}
	s.proc, s.t = proc, proc.Transport()
	s.others.Go(s.write)
	s.others.Go(s.watch)
	return nil
}

func (s *session) moved() { s.last.Store(int64(time.Since(s.began))) }

// wrap makes ask stop the clock, until a notice is over too.
func (s *session) wrap(ask Ask) Ask {
	return func(ctx context.Context, q host.Question) (string, error) {
		s.asked.Store(true)
		s.asking.Add(1)
		defer func() {
			s.moved()
			s.asking.Add(-1)
		}()
		answer, err := ask(ctx, q)
		if q.Notice {
			<-ctx.Done()
			return "", ctx.Err()
		}
		if err == nil {
			err = askpass.Check(answer)
		}
		return answer, err
	}
}

// put is ask for the programs that the hop's command starts. One that gets no answer
// would go on with an empty one, and be told that it is wrong: the session ends instead.
func (s *session) put(ask Ask) Ask {
	if ask == nil {
		return nil
	}
	wrapped := s.wrap(ask)
	return func(ctx context.Context, q host.Question) (string, error) {
		q.Text = tidy(q.Text)
		answer, err := wrapped(ctx, q)
		if err != nil && ctx.Err() == nil {
			s.denied.CompareAndSwap(nil, denial(q, err))
			nudge(s.news)
		}
		return answer, err
	}
}

// denial is what a question comes to that nobody answers.
func denial(q host.Question, err error) *fault {
	stage := host.Connect // the host's key is not trusted
	if q.Secret {
		stage = host.Authenticate
	}
	last := q.Text[strings.LastIndexByte(q.Text, '\n')+1:]
	return &fault{stage, fmt.Errorf("it asked %q, and got no answer: %w", last, err)}
}

// stderr is of Command, called by one goroutine at a time.
func (s *session) stderr(p []byte) {
	s.moved()
	s.words.add(p)
	if s.also != nil {
		s.also(p)
	}
	if s.prompt != "" {
		if n := s.errs.count(p, s.prompt); n > 0 {
			s.prompts.Add(int32(n))
			nudge(s.news)
		}
	}
}

// watch wakes the reader for whatever it cannot see in the stream.
func (s *session) watch() {
	tick := time.NewTicker(max(s.stall/8, time.Millisecond))
	defer tick.Stop()
	done := s.ctx.Done()
	for {
		select {
		case <-s.quit:
			return
		case <-done:
			done = nil
		case <-tick.C:
		case <-s.news:
		}
		s.t.Wake()
	}
}

// write sends what is queued.
func (s *session) write() {
	for {
		select {
		case <-s.quit:
			return
		case bufs := <-s.out:
			if !s.broken.Load() {
				// Why it is, the reader finds out: it knows more.
				s.broken.Store(s.deliver(bufs) != nil)
			}
			s.pending.Add(-1)
			nudge(s.idle)
		}
	}
}

// deliver writes bufs, unless the session is given up.
func (s *session) deliver(bufs [][]byte) error {
	for len(bufs) > 0 && !s.stopped() {
		n, err := s.t.Send(bufs, nil)
		if n > 0 {
			s.moved()
			bufs = after(bufs, n)
		}
		if errors.Is(err, mux.ErrAgain) {
			err = s.t.PollSend()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// stopped reports whether the session was given up. Any goroutine may call it.
func (s *session) stopped() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// after is bufs without the first n bytes.
func after(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if n > 0 {
		bufs = append([][]byte{bufs[0][n:]}, bufs[1:]...)
	}
	return bufs
}

// maxQueue is more than what is ever queued at once.
const maxQueue = 32

// send queues bytes, which it keeps.
func (s *session) send(bufs ...[]byte) {
	s.pending.Add(1)
	s.out <- bufs
}

// order has the stage evaluate line, and hands it what follows.
func (s *session) order(line string, follows ...[]byte) {
	s.send(append([][]byte{[]byte("\n" + s.nonce + ":" + line + "\n")}, follows...)...)
}

// look is nil unless the wait has to end.
func (s *session) look() error {
	if err := s.ctx.Err(); err != nil {
		return s.ctx.Err()
	}
	if d := s.denied.Load(); d != nil {
		return d
	}
	if s.asking.Load() == 0 && time.Since(s.began)-time.Duration(s.last.Load()) > s.stall {
		return errStalled
	}
	return nil
}

// event is what next returns.
type event struct {
	reply    []string // what the stage has said
	preamble bool     // an agent speaks: its preamble begins session.in
	prompt   bool     // a password is wanted
}

// next waits for what comes next. It returns io.EOF when the command has ended.
func (s *session) next() (event, error) {
	for {
		if e, ok, err := s.understand(); ok || err != nil {
			return e, err
		}
		if s.prompts.Load() > 0 {
			s.prompts.Add(-1)
			return event{prompt: true}, nil
		}
		if err := s.fill(); err != nil {
			return event{}, err
		}
	}
}

// fill reads once, or waits and reads nothing.
func (s *session) fill() error {
	if s.ended != nil {
		return s.ended
	}
	if err := s.look(); err != nil {
		return err
	}
	n, files, err := s.t.Recv([][]byte{s.buf})
	for _, f := range files {
		mux.CloseForeign(f)
	}
	switch {
	case errors.Is(err, mux.ErrAgain):
		return s.t.Poll()
	case err != nil:
		s.ended = io.EOF // or broken, which makes no difference
		return s.ended
	}
	s.moved()
	s.in = append(s.in, s.buf[:n]...)
	return nil
}

// understand takes the next event from what was read. What is before it is noise.
func (s *session) understand() (e event, ok bool, err error) {
	own := marker + s.nonce + "\t"
	for at := 0; ; at++ {
		i := bytes.IndexByte(s.in[at:], marker[0])
		if i < 0 {
			return e, false, s.skip(len(s.in))
		}
		at += i
		switch in := s.in[at:]; {
		case begins(in, own):
			if err := s.skip(at); err != nil {
				return e, false, err
			}
			return s.reply(own)
		case begins(in, frame.Magic) && len(in) >= frame.PreambleSize:
			s.spoke = true
			return event{preamble: true}, true, s.skip(at)
		case begins(in, frame.Magic), starts(in, frame.Magic), starts(in, own):
			return e, false, s.skip(at) // not all of it is there
		}
	}
}

func begins(p []byte, with string) bool { return len(p) >= len(with) && string(p[:len(with)]) == with }

// starts reports whether p is the beginning of a word.
func starts(p []byte, word string) bool { return len(p) < len(word) && word[:len(p)] == string(p) }

// skip takes n bytes of noise.
func (s *session) skip(n int) error {
	s.words.add(s.in[:n])
	s.in = s.in[n:]
	if s.noise += n; s.noise > maxNoise {
		return errNoise
	}
	return nil
}

// reply takes a line that begins with own.
func (s *session) reply(own string) (event, bool, error) {
	end := bytes.IndexByte(s.in, '\n')
	if end < 0 && len(s.in) <= maxLine {
		return event{}, false, nil
	}
	if s.replies++; end < 0 || end > maxLine || s.replies > maxReplies {
		return event{}, false, errBabble
	}
	var fields []string
	for f := range bytes.SplitSeq(s.in[len(own):end], []byte("\t")) {
		fields = append(fields, string(f))
	}
	s.in = s.in[end+1:]
	s.spoke = true
	return event{reply: fields}, true, nil
}

// hand ends the session's part in a command that goes on, once all was sent.
func (s *session) hand() error {
	tick := time.NewTicker(max(s.stall/8, time.Millisecond))
	defer tick.Stop()
	for s.pending.Load() > 0 {
		select {
		case <-s.idle:
		case <-s.ctx.Done():
		case <-tick.C:
		}
		if err := s.look(); err != nil {
			return err
		}
	}
	if s.broken.Load() {
		return io.EOF
	}
	close(s.quit)
	s.others.Wait()
	return nil
}

// abort ends the command, and returns how it ended, as far as that is told. After io.EOF it
// may end by itself first.
func (s *session) abort(why error) starter.Exit {
	over := make(chan starter.Exit, 1)
	go func() {
		exit, err := s.proc.Wait()
		if err != nil {
			exit = starter.Exit{Code: -1}
		}
		over <- exit
	}()
	var exit starter.Exit
	waited := false
	if errors.Is(why, io.EOF) {
		grace := time.NewTimer(lastWords)
		defer grace.Stop()
		select {
		case exit = <-over:
			waited = true
		case <-grace.C:
		case <-s.ctx.Done():
		}
	}
	if !waited {
		s.proc.Signal(syscall.SIGKILL) // one that has ended is no error
	}
	s.kill()
	s.close() // which is the end of its input too
	if waited {
		return exit
	}
	select {
	case exit = <-over:
	case <-time.After(killedLate):
		if p, ok := s.proc.(interface{ Abandon() }); ok {
			p.Abandon()
		}
	}
	exit.Code = -1
	return exit
}

// close releases all that there is, but the process.
func (s *session) close() {
	close(s.quit)
	s.t.Stop()
	s.others.Wait()
	s.t.Close()
}
