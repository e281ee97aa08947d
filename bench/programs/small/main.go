// Command small is a small program that uses outwork, and is its own worker.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/outwork-go/outwork"

	"github.com/outwork-go/outwork/bench/internal/selfrun"
)

type nothing struct{}

type identity struct{ PID int }

var identify = outwork.Func("identify", func(context.Context, nothing) (identity, error) {
	return identity{os.Getpid()}, nil
})

func main() {
	outwork.Main()
	args := os.Args[1:]
	if len(args) == 1 && args[0] == selfrun.End {
		return
	}
	if err := run(args); err != nil {
		fmt.Fprintln(os.Stderr, "small:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var m outwork.Manager
	defer m.Close()
	begin := func() (selfrun.Child, error) { return begin(&m) }
	return selfrun.Measures{Name: "outwork", Begin: begin}.Run(args)
}

func begin(m *outwork.Manager) (selfrun.Child, error) {
	ctx := context.Background()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		return nil, err
	}
	who, err := identify.Call(ctx, w, nothing{})
	if err != nil {
		return nil, err
	}
	return child{Worker: w, pid: who.PID}, nil
}

type child struct {
	*outwork.Worker
	pid int
}

func (c child) PID() (int, error) { return c.pid, nil }
