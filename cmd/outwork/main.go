// Command outwork runs scripts and commands in worker processes, over files that are
// shared with them without a copy; here, as another user, or on other hosts, one or
// many, where nothing needs to be installed. It copies files and folders there and back.
//
// It promises an exit status for each kind of ending (see status.go), that standard
// output carries what the script prints and returns and nothing else, and that no
// process of its own is left when it has ended, however that came. The workers of
// search, inspect and hex are confined (see sandbox.Config); those of run, put and get may
// do what their user may, unless run has a --sandbox.
package main

import (
	"os"

	"github.com/outwork-go/outwork"
)

func main() {
	outwork.Main()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
