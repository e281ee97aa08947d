//go:build !linux

package askpass

import (
	"errors"
	"runtime"
)

// Run needs Linux.
func Run() error { return errors.New("asking needs Linux, which " + runtime.GOOS + " is not") }
