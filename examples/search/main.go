// Search looks for four bytes in 10 MiB, here and in a worker, and prints what
// each took. The worker gets the bytes as a container: they are not copied to
// it.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

var pattern = []byte{0xAA, 0xBB, 0xCC, 0xDD}

// haystack is 10 MiB of 0xFF with the pattern behind.
func haystack() []byte {
	b := make([]byte, 10<<20, 10<<20+len(pattern))
	for i := range b {
		b[i] = 0xFF
	}
	return append(b, pattern...)
}

// Find returns the offset of the first match in the container of that name.
var Find = outwork.Func("find", func(ctx context.Context, name string) (int64, error) {
	c, err := outwork.Shared(ctx, name)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.Find(pattern, 0)
})

func main() {
	outwork.Main()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	data := container.FromBytes(haystack())
	defer data.Close()
	err := measure("local", func() (int64, error) { return data.Find(pattern, 0) })
	if err != nil {
		return err
	}
	var m outwork.Manager
	defer m.Close()
	if err := m.Share("data", data); err != nil {
		return err
	}
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		return err
	}
	return measure("remote", func() (int64, error) { return Find.Call(ctx, w, "data") })
}

func measure(where string, find func() (int64, error)) error {
	began := time.Now()
	at, err := find()
	if err != nil {
		return err
	}
	if at != 10<<20 {
		return fmt.Errorf("%s search: found at %d", where, at)
	}
	fmt.Printf("%s search (ms): %.2f\n", where, float64(time.Since(began))/float64(time.Millisecond))
	return nil
}
