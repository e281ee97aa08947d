//go:build !unix

package transport

import (
	"errors"
	"os"
	"runtime"
)

// Dup needs a system that passes files.
func Dup(*os.File) (*os.File, error) {
	return nil, errors.New("passing files is not to be had on " + runtime.GOOS)
}
