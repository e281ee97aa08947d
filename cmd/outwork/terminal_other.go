//go:build !linux

package main

import "os"

// terminalWidth is how many columns the terminal has that f leads to; 0 when it leads to
// none. A device that is no terminal counts as one.
func terminalWidth(f *os.File) int {
	const usual = 80
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return 0
	}
	return usual
}
