//go:build !linux

package transport

import (
	"github.com/outwork-go/outwork/internal/mux"
)

// NewTCP needs Linux. It closes c.
func NewTCP(c TCPConn) (mux.Transport, error) {
	c.Close()
	return nil, errNeedsLinux
}
