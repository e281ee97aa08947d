// Other is a program of which the tests know two functions, one of them
// wrongly.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/outwork-go/outwork"
)

func init() {
	outwork.Func("other.upper", func(_ context.Context, s string) (string, error) { return strings.ToUpper(s), nil })
	outwork.Func("other.differs", func(_ context.Context, s string) (string, error) { return s, nil })
}

func main() {
	outwork.Main()
	fmt.Fprintln(os.Stderr, "other: to be started as a worker")
	os.Exit(2)
}
