package call_test

import (
	"context"
	"fmt"
	"log"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
)

// Ask is called back: it runs in the manager.
var Ask = outwork.Func("example.ask", func(_ context.Context, question string) (string, error) {
	return "yes, " + question, nil
})

var Install = outwork.Func("example.install", func(ctx context.Context, what string) (string, error) {
	return Ask.Call(ctx, call.Back(ctx), "install "+what)
})

func ExampleWithGrants() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{Name: "installer"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(Install.Call(call.WithGrants(ctx, Ask), w, "fonts"))
	_, err = Install.Call(ctx, w, "fonts") // may call nothing
	fmt.Println(err != nil)
	// Output:
	// yes, install fonts <nil>
	// true
}

var Copy = outwork.Func("example.copy", func(ctx context.Context, files []string) (int, error) {
	for i, name := range files {
		call.Progress(ctx, int64(i+1), int64(len(files)), name)
	}
	return len(files), nil
})

func ExampleWithProgress() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	ctx = call.WithProgress(ctx, func(done, total int64, label string) { fmt.Println(done, "of", total, label) })
	fmt.Println(Copy.Call(ctx, w, []string{"notes.txt", "list.csv"}))
	// Output:
	// 1 of 2 notes.txt
	// 2 of 2 list.csv
	// 2 <nil>
}
