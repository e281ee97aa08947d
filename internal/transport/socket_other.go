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
	return nil, nil, errors.New("links to other processes are not to be had on " + runtime.GOOS + ": they need Linux")
}
