// Command joined is a manager of hosts that join, and those hosts. It is its own worker,
// and small, because what a program imports is what its processes hold.
//
//	joined manage              does tasks as package side says
//	joined crowd COUNT PREFIX  is so many hosts, each a process
//	joined host NAME           is one of them
//
// A crowd and a host read a line from their standard input, ADDRESS TOKEN, and end with it.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/tcp"

	"github.com/outwork-go/outwork/bench/internal/side"
)

func main() {
	outwork.Main()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "joined:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "manage":
		var m manager
		return errors.Join(side.Serve(os.Stdin, os.Stdout, m.tasks()), m.Close())
	case len(args) == 3 && args[0] == "crowd":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return crowd(n, args[2])
	case len(args) == 2 && args[0] == "host":
		return join(args[1])
	}
	return fmt.Errorf("unexpected arguments %q", args)
}

// startAtOnce is how many hosts of a crowd start at once: they are many, and each has
// only so much time to join.
const startAtOnce = 2

// crowd starts hosts, and ends them when its standard input ends.
func crowd(n int, prefix string) (err error) {
	in := bufio.NewReader(os.Stdin)
	words, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	var (
		starting = make(chan struct{}, startAtOnce)
		hosts    = make([]hostProcess, n)
		errs     = make([]error, n)
		all      sync.WaitGroup
	)
	for i := range hosts {
		starting <- struct{}{}
		all.Go(func() {
			errs[i] = hosts[i].start(prefix+strconv.Itoa(i), words)
			<-starting
		})
	}
	all.Wait()
	if err = errors.Join(errs...); err == nil {
		io.Copy(io.Discard, in)
	}
	for _, h := range hosts {
		err = errors.Join(err, h.end())
	}
	return err
}

// hostProcess is a host.
type hostProcess struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// start returns when the host has joined.
func (h *hostProcess) start(name, words string) error {
	cmd := exec.Command("/proc/self/exe", "host", name)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	h.cmd, h.stdin = cmd, stdin
	if _, err := io.WriteString(stdin, words); err != nil {
		return err
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		return fmt.Errorf("%s has not joined: %w", name, err)
	}
	return nil
}

func (h *hostProcess) end() error {
	if h.cmd == nil {
		return nil
	}
	h.stdin.Close()
	return h.cmd.Wait()
}

// join is the life of a host.
func join(name string) error {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	address, token, _ := strings.Cut(strings.TrimSpace(line), " ")
	ctx, leave := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, in)
		leave()
	}()
	err = tcp.Join(ctx, tcp.JoinConfig{
		Address: address, Token: token, Name: name,
		Joined: func(string) { fmt.Println("joined") },
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
