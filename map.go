package outwork

import (
	"context"
	"iter"
	"time"
)

// Outcome is what became of one input of a map: a value, or an error.
type Outcome[R any] struct {
	Value R
	// Err is nil, or what do returned; or a *LostError or *ProtocolError, when the input was the
	// end of its worker; context.DeadlineExceeded (Mapping.Timeout) or the error of the map's
	// context; or why no worker could be had.
	Err      error
	Index    int           // the input's place, from 0
	Attempts int           // how often it was tried: 1, unless workers were lost; 0: no worker could be had, or none in which to try again
	Time     time.Duration // of the last attempt
}

// Mapping says how a map works. The zero value is ready: [Map] is its method Map. A Mapping holds
// nothing of a map that runs, so one serves any number of them.
type Mapping[A, R any] struct {
	Ordered  bool          // outcomes come in the order of the inputs, instead of as they finish
	InFlight int           // how many inputs have been taken whose outcomes have not, at most; 0: twice what all workers have at once
	Retries  int           // how often an input that was the end of its worker is tried again, alone in a fresh one; 0: once; below 0: never
	Timeout  time.Duration // of one input, at each attempt; 0: none
	Batch    int           // how many inputs Batches puts together, at most; 0: 64
}

// Map calls f for each input, and yields each input with its outcome, as they finish. Each worker
// of the pool has one input at a time; when it also has calls that are not of a map, they count as
// ever (Pool.Each).
//
// An input that was the end of its worker is tried once more, alone in a fresh worker, and when it
// is the end of that too its outcome is the [*LostError], with its Cause. That a worker was killed
// by nobody here ([lost.Killed]), closed, or lost with its host does not count against its input,
// up to 10 times.
//
// inputs is ranged over in a goroutine of its own, so that one that waits holds no outcome
// back. It is asked for no more while as many are under way as Mapping.InFlight says, so a slow
// reader slows it down, and never after the loop has ended. Leaving the loop, by a panic too,
// cancels the calls that run, and waits for them and for inputs to return: one that waits
// must end with ctx, or else with the loop. When ctx ends, the inputs that were taken come with
// its error, and no more are taken. A panic in inputs or do goes on in the loop's goroutine,
// when nothing is left of the map. What is returned can be ranged over as often as
// inputs can, each time anew.
func Map[A, R any](ctx context.Context, p *Pool, f *Function[A, R], inputs iter.Seq[A]) iter.Seq2[A, Outcome[R]] {
	return Mapping[A, R]{}.Map(ctx, p, f, inputs)
}

// Map is [Map] as o says.
func (o Mapping[A, R]) Map(ctx context.Context, p *Pool, f *Function[A, R], inputs iter.Seq[A]) iter.Seq2[A, Outcome[R]] {
	return o.With(ctx, p, func(ctx context.Context, w *Worker, a A) (R, error) { return f.Call(ctx, w, a) }, inputs)
}

// With is [Map] as o says, of any work that is done with a worker: that of a script, for
// instance. do is called by several goroutines, with another worker by each, which it must not
// use when it has returned.
func (o Mapping[A, R]) With(ctx context.Context, p *Pool, do func(context.Context, *Worker, A) (R, error), inputs iter.Seq[A]) iter.Seq2[A, Outcome[R]] {
	o.Batch = 1
	one := func(ctx context.Context, w *Worker, batch []A, emit func(int, R, error)) error {
		r, err := do(ctx, w, batch[0])
		if err == nil {
			emit(0, r, nil)
		}
		return err
	}
	return o.mapped(ctx, p, nil, one, inputs)
}

// Batches is With for many small inputs, of which do gets several at once: as many as
// are there, Mapping.Batch at most, and as join lets in; nil: any. join is asked whether next may go with
// those that are in the batch already, of which there is one at least; it must be quick.
//
// do works on the inputs in their order, and tells what becomes of each as soon as it knows, by emit
// with its place in batch: an error there is that input's alone. The first one of which it has told nothing
// is what the worker works on. So when the worker is lost, or do returns an error, or Mapping.Timeout has
// passed since the last was told (then the cause of ctx is context.DeadlineExceeded), it is that one's: it
// is tried again, or that is its outcome, as With has it; those behind it are done in other batches. It
// must tell of all before it returns nil. What is told twice, or too late, is dropped.
func (o Mapping[A, R]) Batches(ctx context.Context, p *Pool, join func(batch []A, next A) bool, do func(ctx context.Context, w *Worker, batch []A, emit func(i int, r R, err error)) error, inputs iter.Seq[A]) iter.Seq2[A, Outcome[R]] {
	return o.mapped(ctx, p, join, do, inputs)
}
