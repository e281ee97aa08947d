//go:build !linux

package realm

import (
	"errors"
	"os/exec"
	"runtime"
)

var errOutside = errors.New("there are realms only on Linux, and this is " + runtime.GOOS)

// Enter does nothing here: realms need Linux.
func Enter(Options) {}

// As makes cmd fail: realms need Linux.
func As(cmd *exec.Cmd, _ string) { cmd.Err = errOutside }
