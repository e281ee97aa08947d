package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
)

// load is work for managers.
type load interface {
	name() string
	// length is how long a round of it is, about.
	length() time.Duration
	// round works until ctx ends, or longer when it takes that, and has closed what it has opened
	// when it returns.
	round(ctx context.Context, e *env) error
}

var loads = []load{callsLoad{}, outputLoad{}, mapLoad{}, containersLoad{}, serviceLoad{}, hostsLoad{}, joinedLoad{}, pythonLoad{}}

// config is what the run tells a load.
type config struct {
	Load     string
	Seed     uint64
	Birth    int // how often it was started, from 1
	Calm     time.Duration
	Machines []machineConfig
	Verbose  bool
}

// machineConfig is a machine for a process other than that which has started it.
type machineConfig struct {
	Host, Config, Addr string
	PID                int // of its first process
}

func (m machineConfig) path(name string) string { return fmt.Sprintf("/proc/%d/root%s", m.PID, name) }

// configVariable holds a config; the workers have it too, and are told by it whose they are.
const configVariable = "OUTWORK_CHAOS_LOAD"

// message is what a load tells the run, a line each.
type message struct {
	Finding string `json:",omitempty"`
	Tally   tally  `json:",omitempty"` // of a round, at its end
	Calm    bool   `json:",omitempty"` // the last round begins
}

// env is what a round of a load has.
type env struct {
	config
	*ledger
	rand *rand.Rand
	dir  string // for its files, on a disk that may be full
	runs string // where functions on this machine note that they run
}

// runLoad is the process of a load. It reads "calm" on its standard input when the last round is to
// begin.
func runLoad() int {
	var c config
	if err := json.Unmarshal([]byte(os.Getenv(configVariable)), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if a, b, err := os.Pipe(); err == nil { // lets the runtime open what it keeps
		a.Close()
		b.Close()
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	i := slices.Index(namesOf(loads), c.Load)
	r := &rounds{c: c, load: loads[i], out: json.NewEncoder(os.Stdout), calm: make(chan struct{})}
	go func() {
		bufio.NewReader(os.Stdin).ReadString('\n')
		close(r.calm)
	}()
	if err := r.all(); err != nil {
		r.tell(fmt.Sprintf("a round ends with %v", err))
	}
	return 0
}

func namesOf(all []load) (n []string) {
	for _, l := range all {
		n = append(n, l.name())
	}
	return n
}

// rounds are those of one process.
type rounds struct {
	c    config
	load load
	calm chan struct{}
	rss  []int64 // after each round, bytes

	mu  sync.Mutex
	out *json.Encoder // guarded by mu
}

func (r *rounds) send(m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Encode(m)
}

func (r *rounds) tell(finding string) { r.send(message{Finding: finding}) }

func (r *rounds) all() error {
	for n := 1; ; n++ {
		select {
		case <-r.calm:
			r.send(message{Calm: true})
			err := r.one(n, r.c.Calm, true)
			r.grown()
			return err
		default:
		}
		src := rand.New(rand.NewPCG(r.c.Seed, uint64(r.c.Birth)<<32|uint64(n)))
		length := r.load.length()/2 + time.Duration(src.Int64N(int64(r.load.length())))
		if err := r.one(n, length, false); err != nil {
			r.tell(fmt.Sprintf("round %d ends with %v", n, err))
		}
	}
}

// one is a round, with what must hold when it is over.
func (r *rounds) one(n int, length time.Duration, calm bool) error {
	prefix := fmt.Sprintf("%s-%d-%d", r.c.Load, r.c.Birth, n)
	e := &env{
		config: r.c, ledger: newLedger(prefix, calm, r.tell), dir: filepath.Join("/tmp", r.c.Load), runs: filepath.Join(runsDir, prefix),
		rand: rand.New(rand.NewPCG(r.c.Seed, uint64(r.c.Birth)<<32|uint64(n))),
	}
	before := countSelf()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	end := time.AfterFunc(length, cancel)
	defer end.Stop()
	if calm {
		end.Stop()
		go e.enough(ctx, length, cancel)
	} else {
		go func() { // the calm cuts a round short
			select {
			case <-r.calm:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	watched := r.watch(ctx, e)
	err := r.load.round(ctx, e)
	cancel()
	watched()
	if err := e.read(e.runs); err != nil {
		return err
	}
	os.Remove(e.runs)
	t := e.close()
	t.add(countSelf().beyond(before, func(left string) { r.tell("after round " + prefix + ": " + left) }))
	debug.FreeOSMemory()
	r.rss = append(r.rss, countSelf().rss)
	t["rounds"] = 1
	r.send(message{Tally: t})
	return err
}

// enough ends the calm round when it has lasted for length, and a call has gone well: on a busy
// machine the first one may take longer than that.
func (e *env) enough(ctx context.Context, length time.Duration, end context.CancelFunc) {
	tick := time.NewTicker(length)
	defer tick.Stop()
	for began := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if e.ledger.anyRight() || time.Since(began) > length+patience {
			end()
			return
		}
	}
}

// patience is how much later than it should something may happen, on a busy machine whose
// processes are stopped now and then.
const patience = 30 * time.Second

// watch tells when calls, or the round, take too long: with all goroutines, once.
func (r *rounds) watch(ctx context.Context, e *env) (end func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		late, told := time.Duration(0), false
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if ctx.Err() != nil {
				late += time.Second
			}
			stuck := e.overdue(patience) > 0
			if late > callLimit+patience {
				stuck = true
			}
			if stuck && !told {
				told = true
				name := filepath.Join(runsDir, "stuck-"+e.prefix)
				if f, err := os.Create(name); err == nil {
					pprof.Lookup("goroutine").WriteTo(f, 1)
					f.Close()
				}
				b, _ := os.ReadFile(name)
				os.Remove(name)
				r.tell(fmt.Sprintf("round %s is stuck, %v after its end:\n%s", e.prefix, late, b))
			}
		}
	}()
	return func() { close(done); <-gone }
}

// grown tells when the process has more memory at its end than it had after its first rounds.
func (r *rounds) grown() {
	const few, allowed = 3, 48 << 20
	if len(r.rss) < 4*few {
		return
	}
	first, last := median(r.rss[few:2*few]), median(r.rss[len(r.rss)-few:])
	if last-first > allowed {
		r.tell(fmt.Sprintf("its memory has grown from %d to %d MiB in %d rounds", first>>20, last>>20, len(r.rss)))
	}
}

func median(s []int64) int64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

// callLimit is what a call may take that nobody cancels.
const callLimit = 10 * time.Second

// within makes a context for a call: most have time enough, some are cut short, at any moment.
func (e *env) within(ctx context.Context, r *rand.Rand) (context.Context, context.CancelFunc) {
	if e.calm {
		return context.WithTimeout(ctx, 2*callLimit)
	}
	switch r.IntN(8) {
	case 0:
		return context.WithTimeout(ctx, time.Duration(r.Int64N(int64(40*time.Millisecond))))
	case 1:
		ctx, cancel := context.WithTimeout(ctx, callLimit)
		t := time.AfterFunc(time.Duration(r.Int64N(int64(200*time.Millisecond))), cancel)
		return ctx, func() { t.Stop(); cancel() }
	}
	return context.WithTimeout(ctx, callLimit)
}

// try makes a call and enters it in the ledger. make is its argument, by its id; check says what is wrong
// with a result.
func try[A, R any](ctx context.Context, e *env, r *rand.Rand, what entry, make func(id string) A, do func(context.Context, A) (R, error), check func(id string, v R) error) error {
	ctx, cancel := e.within(ctx, r)
	defer cancel()
	what.limit = 2 * callLimit
	c := e.begin(what)
	v, err := do(call.WithGrants(ctx, Mark.Bind(e.marked)), make(c.id))
	var wrong error
	if err == nil && check != nil {
		wrong = check(c.id, v)
		if wrong != nil && ctx.Err() != nil {
			err, wrong = ctx.Err(), nil // what its result streamed ended with it
		}
	}
	e.end(ctx, c, err, wrong)
	return err
}

// marked is what Mark does at a manager.
func (e *env) marked(_ context.Context, id string) (bool, error) {
	e.mark(id)
	return true, nil
}

// seat is a place for a worker, which is started anew when it is lost.
type seat struct {
	m      *outwork.Manager
	target outwork.Target
	marked bool // its functions note that they run by calling back

	mu sync.Mutex
	w  *outwork.Worker
}

// worker is the seat's, started if it must be. The error is one that the ledger has judged.
func (s *seat) worker(ctx context.Context, e *env, r *rand.Rand) (*outwork.Worker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w != nil && s.w.Err() == nil {
		return s.w, nil
	}
	limit := 3 * callLimit
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := e.begin(entry{what: "start at " + s.target.Host + " " + s.target.Sandbox.Level + " " + s.target.Lang, limit: limit, start: true})
	start := s.m.Start
	if r.IntN(3) == 0 {
		start = s.m.Begin
	}
	w, err := start(ctx, s.target)
	e.end(ctx, c, err, nil)
	if err != nil {
		pause(ctx, r, 100*time.Millisecond)
		return nil, err
	}
	s.w = w
	return w, nil
}

// pause waits for a while of at most d.
func pause(ctx context.Context, r *rand.Rand, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(r.Int64N(int64(d)))):
	}
}

// runsNote is where a worker of the seat notes that its functions run.
func (s *seat) runsNote(e *env) string {
	if s.marked {
		return ""
	}
	return e.runs
}

// crowd has n callers call until ctx ends, and then ends the manager: in peace, or while they still
// call. others, which end by themselves soon after ctx, go with the callers.
func (e *env) crowd(ctx context.Context, m *outwork.Manager, n int, do func(ctx context.Context, r *rand.Rand), others ...func()) error {
	how := e.rand.IntN(4)
	if e.calm {
		how = 0
	}
	life := context.Background()
	if how == 1 {
		life = ctx
	}
	var all sync.WaitGroup
	for _, other := range others {
		all.Go(other)
	}
	for range n {
		r := rand.New(rand.NewPCG(e.rand.Uint64(), e.rand.Uint64()))
		all.Go(func() {
			for ctx.Err() == nil {
				do(life, r)
				pause(ctx, r, 20*time.Millisecond)
			}
		})
	}
	<-ctx.Done()
	var err error
	switch how {
	case 0, 1:
		all.Wait()
		err = m.Close()
	case 2:
		err = m.Close()
		all.Wait()
	case 3:
		soon, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err = m.Shutdown(soon); soon.Err() != nil {
			err = nil
		}
		all.Wait()
	}
	if err != nil && (e.calm || !strings.Contains(err.Error(), "the starter ended with signal")) {
		return fmt.Errorf("the manager's end: %w", err)
	}
	return nil
}

var _ io.Writer = (*sink)(nil)
