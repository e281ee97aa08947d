package outwork_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
)

// doubled streams the double of each, and stops at one below zero.
var doubled = outwork.Func("test.doubled", func(_ context.Context, all []int) (*outwork.Stream[int], error) {
	return outwork.StreamOf(func(yield func(int, error) bool) {
		for _, n := range all {
			if n < 0 {
				yield(0, errBroke)
				return
			}
			if !yield(2*n, nil) {
				return
			}
		}
	}), nil
})

// together is work on a batch in one call.
var together = inOneCall(doubled)

// inOneCall is work on a batch in one call of f, which tells of each as soon as it is done.
func inOneCall(f *outwork.Function[[]int, *outwork.Stream[int]]) func(context.Context, *outwork.Worker, []int, func(int, int, error)) error {
	return func(ctx context.Context, w *outwork.Worker, batch []int, emit func(int, int, error)) error {
		results, err := f.Call(ctx, w, batch)
		if err != nil {
			return err
		}
		i := 0
		for r, err := range results.All() {
			if err != nil {
				return err
			}
			emit(i, r, nil)
			i++
		}
		return nil
	}
}

func TestMapBatches(t *testing.T) {
	bubble(t, 3, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		var mu sync.Mutex
		var sizes []int
		do := func(ctx context.Context, w *outwork.Worker, batch []int, emit func(int, int, error)) error {
			mu.Lock()
			sizes = append(sizes, len(batch))
			mu.Unlock()
			if !slices.IsSorted(batch) {
				t.Errorf("the order is %v", batch)
			}
			if i := slices.IndexFunc(batch, func(n int) bool { return n%100 == 0 }); i >= 0 && len(batch) > 1 {
				t.Errorf("%d is with others: %v", batch[i], batch)
			}
			return together(ctx, w, batch, emit)
		}
		join := func(batch []int, next int) bool { return batch[0]%100 != 0 && next%100 != 0 }
		seen := map[int]bool{}
		for n, out := range (ints{Batch: 10, Ordered: true}).Batches(t.Context(), p, join, do, upTo(1000)) {
			if out.Err != nil || out.Value != 2*n || out.Index != n || out.Attempts != 1 || len(seen) != n {
				t.Fatalf("%d: %+v", n, out)
			}
			seen[n] = true
		}
		if len(seen) != 1000 || slices.Max(sizes) > 10 || len(sizes) > 800 {
			t.Errorf("%d outcomes, %d batches, of up to %d", len(seen), len(sizes), slices.Max(sizes))
		}
	})
}

// A worker that is lost costs the one input that it worked on.
func TestMapBatchesBlame(t *testing.T) {
	bad := map[int]int{5: 1, 17: 99, 18: 99, 40: 1} // how often they crash their worker
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		var mu sync.Mutex
		had := map[int]int{}
		do := func(ctx context.Context, w *outwork.Worker, batch []int, emit func(int, int, error)) error {
			for i, n := range batch {
				mu.Lock()
				had[n]++
				fatal := had[n] <= bad[n]
				retry := had[n] > 1
				mu.Unlock()
				if retry && len(batch) > 1 {
					t.Errorf("%d is tried again with others: %v", n, batch)
				}
				if fatal {
					return crash(ctx, w, syscall.SIGSEGV)
				}
				r, err := double.Call(ctx, w, n)
				emit(i, r, err)
			}
			return nil
		}
		for n, out := range (ints{Batch: 20}).Batches(t.Context(), p, nil, do, upTo(100)) {
			_, lost := errors.AsType[*outwork.LostError](out.Err)
			if lost != (bad[n] > 2) || out.Attempts != 1+min(bad[n], 1) || !lost && out.Value != 2*n {
				t.Errorf("%d: %+v", n, out)
			}
		}
		for n, times := range had {
			if times != 1+min(bad[n], 1) {
				t.Errorf("%d was done %d times", n, times)
			}
		}
	})
}

// An error of the whole is that of the input that was worked on.
func TestMapBatchesFail(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		inputs := func(yield func(int) bool) {
			for n := range 100 {
				if n%9 == 8 {
					n = -n
				}
				if !yield(n) {
					return
				}
			}
		}
		count := 0
		for n, out := range (ints{Ordered: true}).Batches(t.Context(), p, nil, together, inputs) {
			if n < 0 != errors.Is(out.Err, errBroke) || n >= 0 && out.Value != 2*n || out.Index != count {
				t.Errorf("%d: %+v", n, out)
			}
			count++
		}
		if count != 100 {
			t.Errorf("%d outcomes", count)
		}
	})
}

// The time of an input begins when the one before it was told.
func TestMapBatchesTimeout(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		do := func(ctx context.Context, w *outwork.Worker, batch []int, emit func(int, int, error)) error {
			for i, n := range batch {
				d := 3 * time.Second
				if n%10 == 3 {
					d = time.Hour
				}
				if _, err := nap.Call(ctx, w, d); err != nil {
					return err
				}
				emit(i, 2*n, nil)
			}
			return nil
		}
		for n, out := range (ints{Batch: 8, Timeout: 5 * time.Second}).Batches(t.Context(), p, nil, do, upTo(40)) {
			if late := n%10 == 3; late != errors.Is(out.Err, context.DeadlineExceeded) || !late && out.Value != 2*n || out.Attempts != 1 || out.Time > 6*time.Second {
				t.Errorf("%d: %+v", n, out)
			}
		}
	})
}

// What does not keep to its contract does no harm.
func TestMapBatchesHostile(t *testing.T) {
	bubble(t, 2, func(t *testing.T, _ *outwork.Manager, p *outwork.Pool) {
		var late []func()
		var mu sync.Mutex
		do := func(_ context.Context, _ *outwork.Worker, batch []int, emit func(int, string, error)) error {
			for i := range slices.Backward(batch) { // in another order, and several times
				emit(i, "first", nil)
				emit(i, "second", nil)
				emit(i, "third", errBroke)
			}
			mu.Lock()
			defer mu.Unlock()
			late = append(late, func() { emit(0, "late", nil) })
			return errBroke // and all was told
		}
		count := 0
		for n, out := range (outwork.Mapping[int, string]{Batch: 5}).Batches(t.Context(), p, nil, do, upTo(30)) {
			if out.Err != nil || out.Value != "first" {
				t.Errorf("%d: %+v", n, out)
			}
			count++
		}
		for _, f := range late {
			f()
		}
		silent := func(context.Context, *outwork.Worker, []int, func(int, string, error)) error { return nil }
		for n, out := range (outwork.Mapping[int, string]{Batch: 5}).Batches(t.Context(), p, nil, silent, upTo(30)) {
			if out.Err == nil || !strings.Contains(out.Err.Error(), "told nothing") {
				t.Errorf("%d: %+v", n, out)
			}
			count++
		}
		if count != 60 {
			t.Errorf("%d outcomes", count)
		}
		defer func() {
			if text := fmt.Sprint(recover()); !strings.Contains(text, "out of range") {
				t.Errorf("a place that is not in the batch: %s", text)
			}
		}()
		wild := func(_ context.Context, _ *outwork.Worker, batch []int, emit func(int, string, error)) error {
			emit(len(batch), "", nil)
			return nil
		}
		for range (outwork.Mapping[int, string]{}).Batches(t.Context(), p, nil, wild, upTo(3)) {
		}
		t.Error("no panic")
	})
}
