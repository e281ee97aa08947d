//go:build !linux

package agent

import (
	"errors"
	"runtime"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/resume"
)

var errLinux = errors.New("an agent is not to be had on " + runtime.GOOS + ": it needs Linux")

// ServeOver needs Linux.
func ServeOver(*resume.Conn, link.Hello, func()) error { return errLinux }

// Serve needs Linux.
func Serve(link.Hello, time.Duration) error {
	return errLinux
}
