// Command plugin is a small program that uses hashicorp/go-plugin, and is its
// own plugin.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/hashicorp/go-plugin"

	"github.com/outwork-go/outwork/bench/internal/grpcecho"
	"github.com/outwork-go/outwork/bench/internal/pluginecho"
	"github.com/outwork-go/outwork/bench/internal/selfrun"
)

const serve = "serve"

func main() {
	args := os.Args[1:]
	switch {
	case len(args) == 1 && args[0] == selfrun.End:
		return
	case len(args) == 1 && args[0] == serve:
		pluginecho.Serve()
		return
	}
	m := selfrun.Measures{Name: "go-plugin", Begin: begin}
	if err := m.Run(args); err != nil {
		fmt.Fprintln(os.Stderr, "plugin:", err)
		os.Exit(1)
	}
}

func begin() (selfrun.Child, error) {
	client, conn, err := pluginecho.Start(exec.Command("/proc/self/exe", serve))
	if err != nil {
		return nil, err
	}
	if _, err := grpcecho.Echo(context.Background(), conn, []byte("first")); err != nil {
		client.Kill()
		return nil, err
	}
	return child{client}, nil
}

type child struct{ *plugin.Client }

func (c child) PID() (int, error) { return strconv.Atoi(c.Client.ID()) }

func (c child) Close() error {
	c.Kill()
	return nil
}
