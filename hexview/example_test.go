package hexview_test

import (
	"context"
	"fmt"
	"io/fs"
	"log"
	"os"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/hexview"
	"github.com/outwork-go/outwork/sandbox"
)

// A file that nobody trusts is shown by a worker, to which the terminal is lent.
func ExampleShow() {
	outwork.Main()
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	c, err := container.FromFile("sample.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	terminal := hexview.Terminal{In: os.Stdin, Out: os.Stdout}
	s, err := hexview.Show(ctx, w, terminal, c, hexview.Options{Title: "sample.bin", Offset: 0x40})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Offset, s.Length)
}

// look has a part of a shared file shown, and returns where the user was when leaving.
var look = outwork.Func("look", func(ctx context.Context, from int64) (int64, error) {
	picked, err := hexview.Showing.Call(ctx, call.Back(ctx), hexview.Shown{Name: "sample", Offset: from, Title: "the header"})
	return from + picked.Offset, err
})

// A confined worker has something shown at its manager's terminal, because its caller lets it.
func ExampleDesk() {
	outwork.Main()
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	c, err := container.FromFile("sample.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	desk := &hexview.Desk{
		Manager:  &m,
		Terminal: hexview.Terminal{In: os.Stdin, Out: os.Stderr},
		Find: func(name string) (container.Container, error) {
			if name != "sample" {
				return nil, fs.ErrNotExist
			}
			return c, nil
		},
	}
	w, err := m.Start(ctx, outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}})
	if err != nil {
		log.Fatal(err)
	}
	at, err := look.Call(call.WithGrants(ctx, desk.Grant()), w, 0x40)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(at)
}
