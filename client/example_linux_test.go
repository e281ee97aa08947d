package client_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/client"
)

// What the service and its clients share is a package of its own.
type (
	HostnameArgs  struct{ Name string }
	HostnameReply struct{ Old string }
)

var SetHostname = outwork.Declare[HostnameArgs, HostnameReply]("hostname.set")

func ExampleDial() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := client.Dial(ctx, "unix:///run/hostctl.sock") // makes sure that it is root's
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	r, err := SetHostname.Call(ctx, conn, HostnameArgs{Name: "web1"})
	if errors.Is(err, fs.ErrPermission) {
		log.Fatal("not for this user: ", err) // its policy's answer
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the name was", r.Old)
}
