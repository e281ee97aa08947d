package tcp_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/tcp"
)

// A host that ssh cannot reach dials the manager, with a token that was given to it.
func ExampleListen() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	l, err := tcp.Listen(ctx, &m, ":7788")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	token, err := l.Token(tcp.Pass{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("give it to the host:", token)
	host, err := l.Accept(ctx)
	if err != nil {
		log.Fatal(err)
	}
	w, err := m.Start(ctx, outwork.Target{Host: host})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Host())
}

// The same program, on such a host: it is one of the manager's until that ends.
func ExampleJoin() {
	outwork.Main()
	err := tcp.Join(context.Background(), tcp.JoinConfig{Address: "manager.example:7788", Token: os.Getenv("TOKEN")})
	if err != nil {
		log.Fatal(err)
	}
}
