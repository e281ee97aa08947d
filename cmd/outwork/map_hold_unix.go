//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// hold keeps other maps from writing to f.
func hold(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("another map writes to it")
	}
	return nil // some file systems cannot
}
