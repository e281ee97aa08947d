package hexview_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/hexview"
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
