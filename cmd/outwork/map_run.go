package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/cmd/outwork/internal/each"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/script/python"
	"github.com/outwork-go/outwork/script/starlark"
)

// mapping is one run of the verb.
type mapping struct {
	*mapOptions
	app     *app
	job     *job
	place   destination
	verb    string
	earlier earlier
	names   *nameList
	files   []string
	out     *outFolder // nil: scripts may emit nothing
	results *results
	meter   *meter

	fatal context.CancelCauseFunc // ends the map

	mu    sync.Mutex
	ready map[*outwork.Worker]bool // has loaded the script; mu guards it

	pace atomic.Int64 // nanoseconds that a file takes, about
}

// mapResult is what a script has said of a file.
type mapResult struct {
	each.Outcome
	value   []byte // JSON
	emitted []string
}

const (
	// maxTogether is how many files go together, and together how long they may
	// take, about: who waits for the last files does not wait long.
	maxTogether = 64
	together    = 20 * time.Millisecond

	// gcPercent has the collector run less often: what is on the way is bounded, and the
	// processors are for the workers.
	gcPercent = 400

	// mapPatience is how long a worker has to stop a script by itself whose time is up.
	mapPatience = 3 * time.Second
)

// open opens what the results go to.
func (m *mapping) open() (err error) {
	if m.outDir != "" {
		if m.out, err = openOut(m.outDir, int64(m.quota)); err != nil {
			return err
		}
		if m.walk.apart, err = m.out.root.Stat("."); err != nil {
			return err
		}
		if err := m.walk.clear(m.files); err != nil {
			return err
		}
	}
	m.earlier.again = m.again
	m.results, err = m.openResults()
	return err
}

// close closes it.
func (m *mapping) close() error {
	if m.out != nil {
		m.out.root.Close()
	}
	err := m.results.close()
	return errors.Join(err, m.job.close())
}

// run is the map.
func (m *mapping) run(ctx context.Context) error {
	defer suspendable(&m.job.manager, &m.job.far.manager)()
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	err := m.work(ctx)
	m.job.manager.Close()
	if closeErr := m.close(); err == nil {
		err = closeErr
	}
	m.meter.stop()
	if !m.quiet && (err == nil || m.meter.done > 0) {
		m.meter.summary()
	}
	if err != nil {
		return err
	}
	return m.status()
}

// work does the files.
func (m *mapping) work(ctx context.Context) error {
	ctx, m.fatal = context.WithCancelCause(ctx)
	defer m.fatal(nil)
	m.ready = map[*outwork.Worker]bool{}
	m.names = gather(ctx, m.allNames(m.files))
	m.meter = newMeter(m)
	n := m.needed()
	if n == 0 {
		return cmp.Or(context.Cause(ctx), m.names.failed())
	}
	pool, err := m.job.manager.Pool(ctx, placed(m.job.target, m.place), n)
	if err != nil {
		return &startError{unconfined{err}}
	}
	defer pool.Close()
	if m.python() {
		pool.Recycle = pythonFiles
	}
	for in, o := range m.how().Batches(ctx, pool, m.join, m.do, m.inputs) {
		if err := m.take(ctx, in, &o); err != nil {
			m.fatal(err)
			break
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return m.names.failed()
}

// needed is how many workers there are to be: not more than files, if those are known soon.
func (m *mapping) needed() int {
	n := int(m.workers)
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if m.list == "" {
		return m.names.atLeast(n)
	}
	return n
}

// how is how the files are done.
func (m *mapping) how() outwork.Mapping[*mapInput, *mapResult] {
	o := outwork.Mapping[*mapInput, *mapResult]{Ordered: m.ordered, Retries: int(m.retries), Timeout: time.Duration(m.timeout), Batch: maxTogether}
	if m.retries == 0 {
		o.Retries = -1
	}
	if !m.python() {
		o.Timeout += mapPatience
	}
	return o
}

func (m *mapping) python() bool { return m.job.Lang == python.Lang }

// join lets plain files go together, as many as do not take long. What is emitted is granted
// with a call, which is over when it begins to tell of several files.
func (m *mapping) join(batch []*mapInput, next *mapInput) bool {
	if m.python() || m.out != nil || !next.plain() || !batch[0].plain() || int64(len(batch)+1)*m.pace.Load() > int64(together) {
		return false
	}
	large := 0
	for _, in := range batch {
		if in.large {
			large++
		}
	}
	return !next.large || large < each.MaxLarge
}

// took takes in what a file took.
func (m *mapping) took(d time.Duration) {
	pace := m.pace.Load()
	m.pace.Store(pace + (int64(d)-pace)/8)
}

// take takes in what became of a file.
func (m *mapping) take(ctx context.Context, in *mapInput, o *outwork.Outcome[*mapResult]) error {
	if o.Err != nil && ctx.Err() != nil {
		return nil // it was cut off
	}
	if o.Err != nil && o.Attempts == 0 || errors.Is(o.Err, lost.Host) {
		return &startError{unconfined{o.Err}}
	}
	l := m.line(in, o)
	in.data = nil
	m.meter.count(l)
	return m.results.write(l)
}

// do works on files in a worker.
func (m *mapping) do(ctx context.Context, w *outwork.Worker, batch []*mapInput, emit func(int, *mapResult, error)) error {
	b := &mapAttempt{mapping: m, w: w, emit: emit, batch: batch}
	defer b.emitted.end(false)
	if b.troubles() == len(batch) {
		return nil
	}
	if err := m.load(ctx, w); err != nil {
		return err
	}
	switch {
	case m.python():
		return b.python(ctx)
	case m.out == nil && batch[0].plain():
		return b.several(ctx)
	}
	return b.single(ctx)
}

// load has a worker load the script, once. That it cannot be loaded is the end of the map.
func (m *mapping) load(ctx context.Context, w *outwork.Worker) error {
	m.mu.Lock()
	ready := m.ready[w]
	m.mu.Unlock()
	if ready {
		return nil
	}
	m.script.sandbox.tellOnce(m.job.manager.Stderr, w)
	err := m.loadScript(ctx, w)
	_, said := errors.AsType[*outwork.RemoteError](err)
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded) || context.Cause(ctx) == context.DeadlineExceeded: // of the file that happened to be first
		m.fatal(&failure{status: statusFailed, Kind: kindTimeout, Message: "cannot load " + m.job.Name + " in the time that a file may take: see --file-timeout"})
	case said && ctx.Err() == nil:
		m.fatal(unloaded(ctx, m.job.Name, err))
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.ready, func(w *outwork.Worker, _ bool) bool {
		select {
		case <-w.Done():
			return true
		default:
			return false
		}
	})
	m.ready[w] = true
	return nil
}

// unloaded is that the script cannot be loaded.
func unloaded(ctx context.Context, name string, err error) error {
	f := asFailure(ending(ctx, name, 0, err))
	if f.Kind == kindExit {
		f.status, f.quiet, f.Message = statusFailed, false, "cannot load "+name+": "+f.Message
	}
	return f
}

func (m *mapping) loadScript(ctx context.Context, w *outwork.Worker) (err error) {
	if m.python() {
		_, err = pythonMap(w).Call(ctx, "load", m.job.Name, m.job.Source)
		return err
	}
	s := each.Script{Name: m.job.Name, Source: m.job.Source, Steps: m.job.Steps, Timeout: time.Duration(m.timeout), Out: m.out != nil}
	if limit := m.job.target.Limits.Memory; limit > 0 {
		s.Memory = min(limit/2, starlark.DefaultMemory)
	}
	_, err = each.Load.Call(ctx, w, s)
	return err
}

// mapAttempt is files that are worked on in one call.
type mapAttempt struct {
	*mapping
	w       *outwork.Worker
	emit    func(int, *mapResult, error)
	batch   []*mapInput
	emitted emitting // by the only file
}

// troubles tells of the files that cannot be read, and is how many those are.
func (b *mapAttempt) troubles() (n int) {
	for i, in := range b.batch {
		if in.trouble != nil {
			b.emit(i, nil, unreadableTrouble(in.name, in.trouble))
			n++
		}
	}
	return n
}

// several does files, one after the other in one call.
func (b *mapAttempt) several(ctx context.Context) error {
	a, at, done := b.pack(ctx)
	defer done()
	if len(at) == 0 {
		return nil
	}
	all, err := each.Batch.Call(ctx, b.w, a)
	if err != nil {
		return err
	}
	next := 0
	for r, err := range all.All() {
		if err == nil && (r.File != next || next == len(at)) {
			err = fmt.Errorf("the worker speaks of a file %d that is not its turn", r.File)
		}
		if err != nil {
			return err
		}
		b.took(r.Time)
		b.told(at[next], &r)
		next++
	}
	if next < len(at) {
		return errors.New("the worker has left files out")
	}
	return nil
}

// pack puts files together for a call, but for those that cannot be read. at is the place of each
// in the batch; done closes them.
func (b *mapAttempt) pack(ctx context.Context) (a each.Files, at []int, done func()) {
	n := 0
	for _, in := range b.batch {
		n += len(in.data)
	}
	a.Bytes = make([]byte, 0, n)
	var large []container.Container
	for i, in := range b.batch {
		size := int64(len(in.data))
		switch {
		case in.trouble != nil:
			continue
		case in.large:
			c, err := b.openFile(ctx, in)
			if err != nil {
				b.emit(i, nil, unreadableTrouble(in.name, err))
				continue
			}
			*a.Larges()[len(large)] = c
			size, large = ^int64(len(large)), append(large, c)
		}
		a.Bytes, a.Sizes, at = append(a.Bytes, in.data...), append(a.Sizes, size), append(at, i)
	}
	return a, at, func() {
		for _, c := range large {
			c.Close()
		}
	}
}

// single does one file.
func (b *mapAttempt) single(ctx context.Context) error {
	c, err := b.container(ctx, b.batch[0])
	if err != nil {
		b.emit(0, nil, unreadableTrouble(b.batch[0].name, err))
		return nil
	}
	defer c.Close()
	r, err := each.One.Call(b.granting(ctx, c), b.w, each.Large{File: c})
	if err == nil {
		b.told(0, &r)
	}
	return err
}

// container is the file.
func (b *mapAttempt) container(ctx context.Context, in *mapInput) (container.Container, error) {
	if in.held {
		return container.FromBytes(in.data), nil
	}
	return b.openFile(ctx, in)
}

// granting lets the script emit files of c, if it may.
func (b *mapAttempt) granting(ctx context.Context, c container.Container) context.Context {
	if b.out == nil {
		return ctx
	}
	b.emitted.begin(b.out, c)
	return call.WithGrants(ctx, each.Emit.Bind(func(ctx context.Context, e each.Emission) (each.Nothing, error) {
		return each.Nothing{}, b.emitted.take(ctx, &e)
	}))
}

// told tells what became of a file.
func (b *mapAttempt) told(i int, r *each.Outcome) {
	emitted, unnamed := b.emitted.end(true)
	m := &mapResult{Outcome: *r, emitted: emitted}
	if r.Fault != nil {
		b.emit(i, m, troubleOf(r.Fault))
		return
	}
	if unnamed != nil {
		b.emit(i, m, &mapTrouble{Kind: kindScript, Cause: causeScript, Message: "emit: " + unnamed.Error()})
		return
	}
	var v outwork.Value
	err := v.UnmarshalBinary(r.Value)
	if err == nil {
		m.value, err = v.MarshalJSON()
	}
	if err != nil {
		b.emit(i, m, &mapTrouble{Kind: kindScript, Cause: causeScript, Message: "what main returns cannot be printed: " + err.Error()})
		return
	}
	b.emit(i, m, nil)
}
