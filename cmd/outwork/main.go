// Command outwork runs scripts in worker processes, over files that are shared with
// them without a copy.
//
// It promises an exit status for each kind of ending (see status.go), that standard
// output carries what the script prints and returns and nothing else, and that no
// process of its own is left when it has ended, however that came. It does not
// confine scripts: what a worker may do to the machine is what its user may.
package main

import (
	"os"

	"github.com/outwork-go/outwork"
	_ "github.com/outwork-go/outwork/script/starlark"
)

func main() {
	outwork.Main()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
