// Joined is a program whose other side dials in: for machines that ssh cannot reach.
//
//	joined listen :7000                   # here; then bring web1.token there
//	joined join HOST:7000 <web1.token     # there
//
// Without arguments it does both on this machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/tcp"
)

// Hostname tells where it runs.
var Hostname = outwork.Func("hostname", func(context.Context, struct{}) (string, error) { return os.Hostname() })

func main() {
	outwork.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "listen":
		return listen(ctx, args[1], func(token, _ string) error {
			return os.WriteFile("web1.token", []byte(token), 0o600)
		})
	case len(args) == 2 && args[0] == "join":
		token, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<10))
		if err != nil {
			return err
		}
		return tcp.Join(ctx, tcp.JoinConfig{Address: args[1], Token: string(token)})
	case len(args) == 0:
		return listen(ctx, "127.0.0.1:0", func(token, address string) error {
			other := exec.CommandContext(ctx, os.Args[0], "join", address)
			other.Stdin, other.Stderr = strings.NewReader(token), os.Stderr
			return other.Start()
		})
	}
	return errors.New("usage: joined [listen ADDRESS | join ADDRESS]")
}

// listen waits for one host, to which invite gives the token, and asks it for its name.
func listen(ctx context.Context, address string, invite func(token, address string) error) error {
	var m outwork.Manager
	defer m.Close()
	l, err := tcp.Listen(ctx, &m, address)
	if err != nil {
		return err
	}
	token, err := l.Token(tcp.Pass{Names: "web1"})
	if err != nil {
		return err
	}
	if err := invite(token, l.Addr()); err != nil {
		return err
	}
	host, err := l.Accept(ctx)
	if err != nil {
		return err
	}
	w, err := m.Start(ctx, outwork.Target{Host: host})
	if err != nil {
		return err
	}
	name, err := Hostname.Call(ctx, w, struct{}{})
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s is %s\n", host, name)
	return err
}
