package outwork_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	_ "github.com/outwork-go/outwork/script/starlark"
)

type PageArgs struct{ Text string }

type PageReply struct{ Words int }

// Functions are package-level variables, so that a worker has them, too.
var CountWords = outwork.Func("example.words", func(_ context.Context, a PageArgs) (PageReply, error) {
	return PageReply{len(strings.Fields(a.Text))}, nil
})

func ExampleFunc() {
	// main begins with outwork.Main().
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	r, err := CountWords.Call(ctx, w, PageArgs{"work that is done elsewhere"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Words)
	// Output: 5
}

func ExampleFunction_Go() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	short := CountWords.Go(ctx, w, PageArgs{"one"})
	long := CountWords.Go(ctx, w, PageArgs{"one two three"})
	for _, call := range []*outwork.Pending[PageReply]{short, long} {
		r, err := call.Result()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Words)
	}
	// Output:
	// 1
	// 3
}

var Crash = outwork.Func("example.crash", func(context.Context, int) (int, error) {
	fmt.Fprintln(os.Stderr, "disk on fire")
	os.Exit(3)
	return 0, nil
})

func ExampleManager_Start() {
	ctx := context.Background()
	m := outwork.Manager{Stderr: new(strings.Builder)}
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{Name: "parser"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = Crash.Call(ctx, w, 1)
	if lost, ok := errors.AsType[*outwork.LostError](err); ok {
		fmt.Println("exit status:", lost.ExitCode)
	}
	fmt.Println(err)
	// Output:
	// exit status: 3
	// example.crash: worker "parser" is lost: exit status 3; its last words: disk on fire
}

var Locate = outwork.Func("example.locate", func(ctx context.Context, pattern string) (int64, error) {
	c, err := outwork.Shared(ctx, "data")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.Find([]byte(pattern), 0)
})

func ExampleManager_Share() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	c := container.FromBytes([]byte("hay hay hay needle hay"))
	defer c.Close()
	if err := m.Share("data", c); err != nil {
		log.Fatal(err)
	}
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	at, err := Locate.Call(ctx, w, "needle")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(at)
	// Output: 12
}

func ExampleWorker_Run() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	v, err := w.Run(ctx, outwork.Script{
		Lang:   "starlark", // by importing script/starlark
		Name:   "greet.star",
		Source: `def main(name): return ["Hello", name]`,
		Args:   []string{"World"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Any())
	// Output: [Hello World]
}

// Squares streams its result: the caller reads while it is produced.
var Squares = outwork.Func("example.squares", func(_ context.Context, n int) (*outwork.Stream[int], error) {
	return outwork.StreamOf(func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i*i, nil) {
				return // nobody reads any more
			}
		}
	}), nil
})

func ExampleStream() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	squares, err := Squares.Call(ctx, w, 1_000_000)
	if err != nil {
		log.Fatal(err)
	}
	for n, err := range squares.All() {
		if err != nil {
			log.Fatal(err)
		}
		if n > 50 {
			break // ends the stream in the worker, too
		}
		fmt.Print(n, " ")
	}
	// Output: 0 1 4 9 16 25 36 49
}

// FormatError crosses with its fields, because it is registered.
type FormatError struct{ Line int }

func (e *FormatError) Error() string { return fmt.Sprintf("line %d is malformed", e.Line) }

var _ = outwork.RegisterError("example.format", &FormatError{})

var Parse = outwork.Func("example.parse", func(_ context.Context, text string) (int, error) {
	for i, line := range strings.Split(text, "\n") {
		if !strings.Contains(line, "=") {
			return 0, &FormatError{i + 1}
		}
	}
	return strings.Count(text, "="), nil
})

func ExampleRegisterError() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = Parse.Call(ctx, w, "a=1\nb=2\noops")
	if e, ok := errors.AsType[*FormatError](err); ok {
		fmt.Println("see line", e.Line)
	}
	// Output: see line 3
}
