package host_test

import (
	"fmt"

	"github.com/outwork-go/outwork/host"
)

// jail is a hop into a jail of this machine. Manager.Hops makes it of a URL.
type jail struct{ name string }

func (j jail) String() string { return "jail://" + j.name }

func (j jail) Command(shell string) []string {
	return []string{"jexec", j.name, "/bin/sh", "-c", shell}
}

func ExampleHop() {
	var h host.Hop = jail{"web"}
	fmt.Printf("%s: %q\n", h, h.Command("exec program"))
	// Output: jail://web: ["jexec" "web" "/bin/sh" "-c" "exec program"]
}
