// Hello is the smallest program that hands work to another process.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/outwork-go/outwork"
)

type (
	HelloArgs  struct{ Name string }
	HelloReply struct{ Text string }
)

var Hello = outwork.Func("hello", func(ctx context.Context, a HelloArgs) (HelloReply, error) {
	return HelloReply{"Hello, " + a.Name}, nil
})

func main() {
	outwork.Main() // in a worker: serves, and never returns
	ctx := context.Background()
	var m outwork.Manager // the zero value is ready
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	r, err := Hello.Call(ctx, w, HelloArgs{"World"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Text)
}
