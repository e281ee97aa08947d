//go:build !unix

package transport

import (
	"errors"
	"os"
	"runtime"
)

func dup(*os.File) (*os.File, error) {
	return nil, errors.New("passing files is not to be had on " + runtime.GOOS)
}
