//go:build !linux

package container

import (
	"errors"
	"fmt"
	"runtime"
)

// FromProcess is a container of a process's memory, which is not to be had here.
func FromProcess(pid int) (Container, error) {
	return nil, fmt.Errorf("container from process %d: on %s: %w", pid, runtime.GOOS, errors.ErrUnsupported)
}
