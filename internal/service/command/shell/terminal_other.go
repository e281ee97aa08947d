//go:build !linux

package shell

import (
	"errors"
	"os"
)

// Width is how many columns the terminal has that file leads to; 0 when it is
// no *os.File or leads to none. A device that is no terminal counts as one.
func Width(file any) int {
	const usual = 80
	f, ok := file.(*os.File)
	if !ok || f == nil {
		return 0
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return 0
	}
	return usual
}

// hush would keep the terminal from showing what is typed.
func hush(*os.File) (restore func(), err error) {
	return nil, errors.New("a terminal can be kept from showing a secret only on Linux")
}
