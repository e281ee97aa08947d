//go:build !linux

package program

import (
	"context"
	"runtime"
)

// start is the function, where commands cannot be run.
func start(context.Context, arguments) (result, error) {
	return result{}, &Unstarted{StatusNotRun, "commands cannot be run on " + runtime.GOOS}
}
