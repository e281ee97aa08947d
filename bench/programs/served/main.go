// Command served is a small program made of package service: a daemon, and the
// command that calls it.
package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/service"

	"github.com/outwork-go/outwork/bench/internal/served"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "daemon" {
		go stopWithInput()
	}
	service.Main(service.Service{
		Name: "served",
		Doc:  "Be measured.",
		API: []service.Export{
			{Function: served.Echo, Doc: "Give a text back.", Allow: service.Anyone()},
			{Function: served.Change, Doc: "Give a text back, for the record.", Allow: service.Anyone(), Mutates: true},
			{Function: served.Withheld, Doc: "Give a text back to root."},
			{Function: served.Greet, Doc: "Greet somebody.", Allow: service.Anyone()},
		},
	})
}

// stopWithInput stops the daemon, as systemd does, when whoever started it has
// closed its standard input or is gone.
func stopWithInput() {
	io.Copy(io.Discard, os.Stdin)
	unix.Kill(os.Getpid(), unix.SIGTERM)
}
