package outwork_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
)

func ExamplePool() {
	// main begins with outwork.Main().
	ctx := context.Background()
	m := outwork.Manager{Stderr: new(strings.Builder)}
	defer m.Close()
	p, err := m.Pool(ctx, outwork.Target{}, 2)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	r, err := CountWords.Call(ctx, p, PageArgs{"work that is done elsewhere"})
	fmt.Println(r.Words, err)
	_, err = Crash.Call(ctx, p, 1) // costs its worker
	fmt.Println(errors.Is(err, lost.Exit))
	r, err = CountWords.Call(ctx, p, PageArgs{"and the pool goes on"})
	fmt.Println(r.Words, err)
	// Output:
	// 5 <nil>
	// true
	// 5 <nil>
}

// Divide is as fragile as a C library: it takes its process along.
var Divide = outwork.Func("example.divide", func(_ context.Context, n int) (int, error) {
	done := make(chan int)
	go func() { done <- 100 / n }() // a panic here ends the worker
	return <-done, nil
})

func ExampleMap() {
	ctx := context.Background()
	m := outwork.Manager{Stderr: new(strings.Builder)}
	defer m.Close()
	p, err := m.Pool(ctx, outwork.Target{}, 2)
	if err != nil {
		log.Fatal(err)
	}
	sum := 0
	for n, out := range outwork.Map(ctx, p, Divide, slices.Values([]int{1, 2, 0, 4, 5})) {
		if out.Err != nil {
			fmt.Printf("%d: tried %d times: %v\n", n, out.Attempts, errors.Is(out.Err, lost.Crash))
			continue
		}
		sum += out.Value
	}
	fmt.Println(sum)
	// Output:
	// 0: tried 2 times: true
	// 195
}

func ExampleMapping_With() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	p, err := m.Pool(ctx, outwork.Target{}, 2)
	if err != nil {
		log.Fatal(err)
	}
	run := func(ctx context.Context, w *outwork.Worker, word string) (outwork.Value, error) {
		return w.Run(ctx, outwork.Script{
			Lang:   "starlark", // by importing script/starlark
			Name:   "shout.star",
			Source: `def main(word): return word.upper()`,
			Args:   []string{word},
		})
	}
	inOrder := outwork.Mapping[string, outwork.Value]{Ordered: true}
	for word, out := range inOrder.With(ctx, p, run, slices.Values([]string{"one", "two"})) {
		fmt.Println(word, out.Value, out.Err)
	}
	// Output:
	// one "ONE" <nil>
	// two "TWO" <nil>
}

// CountAll is for many texts in one call: it tells of each as soon as it can.
var CountAll = outwork.Func("example.words.all", func(_ context.Context, texts []string) (*outwork.Stream[int], error) {
	return outwork.StreamOf(func(yield func(int, error) bool) {
		for _, text := range texts {
			if !yield(len(strings.Fields(text)), nil) {
				return
			}
		}
	}), nil
})

func ExampleMapping_Batches() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	p, err := m.Pool(ctx, outwork.Target{}, 2)
	if err != nil {
		log.Fatal(err)
	}
	count := func(ctx context.Context, w *outwork.Worker, batch []string, emit func(int, int, error)) error {
		counts, err := CountAll.Call(ctx, w, batch)
		if err != nil {
			return err
		}
		i := 0
		for n, err := range counts.All() {
			if err != nil {
				return err
			}
			emit(i, n, nil)
			i++
		}
		return nil
	}
	texts := func(yield func(string) bool) {
		for range 10_000 {
			if !yield("a short text") {
				return
			}
		}
	}
	words := 0
	var small outwork.Mapping[string, int]
	for _, out := range small.Batches(ctx, p, nil, count, texts) {
		if out.Err != nil {
			log.Fatal(out.Err)
		}
		words += out.Value
	}
	fmt.Println(words)
	// Output: 30000
}
