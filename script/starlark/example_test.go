package starlark_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/script/starlark"
)

// A program that has its own sandbox, or trusts its scripts, needs no worker for them.
func ExampleRun() {
	ctx := context.Background()
	source := []byte("def main(n):\n    return {\"twice\": int(n) * 2}\n")
	v, err := starlark.Run(ctx, starlark.Host{}, starlark.Script{Name: "x.star", Source: source, Args: []string{"21"}}, starlark.Limits{})
	fmt.Println(v, err)

	endless := []byte("for _ in range(1 << 40): pass\n")
	_, err = starlark.Run(ctx, starlark.Host{}, starlark.Script{Name: "y.star", Source: endless}, starlark.Limits{Steps: 1000})
	fmt.Println(errors.Is(err, starlark.ErrSteps))
	// Output:
	// map[twice:42] <nil>
	// true
}
