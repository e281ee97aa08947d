//go:build !linux

package transport

import (
	"errors"
	"os"
	"runtime"

	"github.com/outwork-go/outwork/internal/mux"
)

// SocketPair needs Linux.
func SocketPair() (mux.Transport, *os.File, error) {
	return nil, nil, errNeedsLinux
}

// NewPipes needs Linux. It closes r and w.
func NewPipes(r, w *os.File) (mux.Transport, error) {
	r.Close()
	w.Close()
	return nil, errNeedsLinux
}

var errNeedsLinux = errors.New("links to other processes are not to be had on " + runtime.GOOS + ": they need Linux")
