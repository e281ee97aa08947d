//go:build !linux

package tree

import (
	"os"
	"time"
)

// noWait is for opening what may have become a pipe.
const noWait = 0

// newSpool is a file to be written in dir.
func newSpool(root *os.Root, dir string) (spool, error) { return newNamed(root, dir) }

// setLinkTime does nothing: nothing depends on it.
func setLinkTime(*os.Root, string, time.Time) {}

// syncFolder does nothing: not every system can.
func syncFolder(*os.File) error { return nil }
