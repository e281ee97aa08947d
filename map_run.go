package outwork

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// usualBatch is how many inputs go together, at most.
const usualBatch = 64

// loop is a map that is ranged over. Its feeder takes inputs, its members, as many as the pool has
// workers, have them worked on, and the loop's goroutine yields what came of them.
type loop[A, R any] struct {
	p     *Pool
	o     Mapping[A, R] // filled in
	whole context.Context
	ctx   context.Context // ends with whole, and with the loop
	join  func([]A, A) bool
	do    func(context.Context, *Worker, []A, func(int, R, error)) error

	mu      sync.Mutex
	room    sync.Cond // for the feeder
	work    sync.Cond // for members
	news    sync.Cond // for the loop
	todo    []*input[A]
	ready   map[int]*result[A, R] // ordered: by their index
	found   []*result[A, R]       // otherwise
	taken   int                   // inputs
	told    int                   // outcomes that were yielded
	fed     bool                  // there are no more inputs
	stopped bool                  // the loop has ended
	trouble *trouble
}

// input is one that has no outcome yet. Only who has it uses it.
type input[A any] struct {
	a        A
	index    int
	attempts int
	losses   int // of workers, by its own fault
	spared   int // of workers, by no fault of its own
}

// result is an input's outcome.
type result[A, R any] struct {
	a       A
	outcome Outcome[R]
}

// mapped ranges over what comes of inputs.
func (o Mapping[A, R]) mapped(ctx context.Context, p *Pool, join func([]A, A) bool, do func(context.Context, *Worker, []A, func(int, R, error)) error, inputs iter.Seq[A]) iter.Seq2[A, Outcome[R]] {
	return func(yield func(A, Outcome[R]) bool) {
		m := &loop[A, R]{p: p, o: o.filled(p), whole: ctx, join: join, do: do, ready: map[int]*result[A, R]{}}
		m.room.L, m.work.L, m.news.L = &m.mu, &m.mu, &m.mu
		m.run(yield, inputs)
		m.trouble.goOn()
	}
}

// filled is o with what stands for zero.
func (o Mapping[A, R]) filled(p *Pool) Mapping[A, R] {
	switch {
	case o.Retries == 0:
		o.Retries = 1
	case o.Retries < 0:
		o.Retries = 0
	}
	if o.Batch < 1 {
		o.Batch = usualBatch
	}
	if o.InFlight < 1 {
		o.InFlight = 2 * p.n * o.Batch
	}
	return o
}

// run is the loop. When it returns or panics, nothing of the map is left.
func (m *loop[A, R]) run(yield func(A, Outcome[R]) bool, inputs iter.Seq[A]) {
	var cancel context.CancelFunc
	m.ctx, cancel = context.WithCancel(m.whole)
	var all sync.WaitGroup
	defer all.Wait()
	defer m.stop()
	defer cancel()
	defer context.AfterFunc(m.ctx, m.wake)()
	all.Go(func() { m.guarded(func() { m.feed(inputs) }) })
	for range min(m.p.n, m.o.InFlight) {
		all.Go(func() { m.guarded(m.member) })
	}
	for r := m.next(); r != nil; r = m.next() {
		if !yield(r.a, r.outcome) {
			return
		}
	}
}

// stop has the feeder and the members end.
func (m *loop[A, R]) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	m.room.Broadcast()
	m.work.Broadcast()
}

func (m *loop[A, R]) wake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.news.Broadcast()
}

// next is the next outcome; nil: there are no more.
func (m *loop[A, R]) next() *result[A, R] {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.trouble == nil {
		if r := m.finished(); r != nil {
			m.told++
			m.room.Signal()
			return r
		}
		if m.told == m.taken && (m.fed || m.ctx.Err() != nil) {
			m.stopped = true // no input may be taken any more
			return nil
		}
		m.news.Wait()
	}
	return nil
}

// finished takes the outcome that is to be yielded next, if it is there.
func (m *loop[A, R]) finished() (r *result[A, R]) {
	if m.o.Ordered {
		r = m.ready[m.told]
		delete(m.ready, m.told)
	} else if len(m.found) > 0 {
		r = m.found[0]
		m.found[0] = nil
		m.found = m.found[1:]
	}
	return r
}

// feed takes inputs while there is room.
func (m *loop[A, R]) feed(inputs iter.Seq[A]) {
	for a := range inputs {
		if !m.push(a) {
			break
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fed = true
	m.news.Signal()
}

// push reports whether there is room for another input.
func (m *loop[A, R]) push(a A) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over() {
		return false
	}
	m.todo = append(m.todo, &input[A]{a: a, index: m.taken})
	m.taken++
	m.work.Signal()
	for m.taken-m.told >= m.o.InFlight && !m.over() {
		m.room.Wait()
	}
	return !m.over()
}

// over reports whether no more inputs are to be taken.
func (m *loop[A, R]) over() bool { return m.stopped || contextError(m.ctx) != nil }

// take is a batch of inputs that wait; nil: the loop has ended.
func (m *loop[A, R]) take() []*input[A] {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.todo) == 0 && !m.stopped {
		m.work.Wait()
	}
	if m.stopped {
		return nil
	}
	n := 1
	most := min(m.o.Batch, (len(m.todo)+m.p.n-1)/m.p.n) // something for the others, too
	joined := []A{m.todo[0].a}
	for n < most && (m.join == nil || m.join(joined, m.todo[n].a)) {
		joined = append(joined, m.todo[n].a)
		n++
	}
	batch := slices.Clone(m.todo[:n])
	clear(m.todo[:n])
	m.todo = m.todo[n:]
	return batch
}

// giveBack has inputs wait again, before all others.
func (m *loop[A, R]) giveBack(batch []*input[A]) {
	if len(batch) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.todo = slices.Concat(batch, m.todo)
	m.work.Broadcast()
}

// tell is the end of an input.
func (m *loop[A, R]) tell(in *input[A], o Outcome[R]) {
	o.Index, o.Attempts = in.index, in.attempts
	r := &result[A, R]{in.a, o}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.o.Ordered {
		m.ready[in.index] = r
		if in.index != m.told {
			return // the loop waits for another
		}
	} else {
		m.found = append(m.found, r)
	}
	m.news.Signal()
}

// fail is the end of inputs that came to nothing.
func (m *loop[A, R]) fail(err error, batch ...*input[A]) {
	for _, in := range batch {
		in.attempts = 0 // it is not known what would have become of it
		m.tell(in, Outcome[R]{Err: err})
	}
}

// member has inputs worked on, until the loop ends.
func (m *loop[A, R]) member() {
	for batch := m.take(); batch != nil; batch = m.take() {
		k := lent
		for batch != nil {
			batch, k = m.try(batch, k), fresh
		}
	}
}

// try has a batch worked on. It returns what is to be tried in a fresh worker.
func (m *loop[A, R]) try(batch []*input[A], k kind) (again []*input[A]) {
	h, err := m.p.take(m.ctx, k, false)
	if err != nil {
		m.fail(err, batch...)
		return nil
	}
	t := &attempt[A, R]{m: m, w: h.w, batch: batch, told: make([]bool, len(batch)), mark: time.Now()}
	err = t.run(h, k)
	suspect, rest := t.left()
	if suspect == nil {
		return nil
	}
	if own := m.ctx.Err(); own != nil {
		suspect.attempts++
		m.fail(own, append(rest, suspect)...)
		return nil
	}
	return t.judge(suspect, rest, err)
}

// guarded has a panic in f, or that it ends its goroutine, go on in the loop's.
func (m *loop[A, R]) guarded(f func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		t := &trouble{recover(), debug.Stack()}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.trouble = t
		m.news.Broadcast()
	}()
	f()
	returned = true
}

// trouble is a panic, or with a nil value runtime.Goexit.
type trouble struct {
	value any
	stack []byte
}

// Error is for who recovers it, and for the runtime.
func (t *trouble) Error() string {
	return fmt.Sprintf("%v\n\nof a map, in another goroutine:\n%s", t.value, t.stack)
}

// Unwrap is the value, when it is an error.
func (t *trouble) Unwrap() error {
	err, _ := t.value.(error)
	return err
}

// goOn has it happen here.
func (t *trouble) goOn() {
	switch {
	case t == nil:
	case t.value == nil:
		runtime.Goexit()
	default:
		panic(t)
	}
}
