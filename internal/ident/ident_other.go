//go:build !linux

package ident

import (
	"errors"
	"runtime"
)

var errNotLinux = errors.New("who is at the other end of a socket can be told only on Linux, and this is " + runtime.GOOS)

// Of needs Linux.
func Of(int) (*Peer, error) { return nil, errNotLinux }

// UID needs Linux.
func UID(int) (uint32, error) { return 0, errNotLinux }
