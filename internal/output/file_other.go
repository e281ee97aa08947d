//go:build !linux

package output

import (
	"io"
	"os"
)

// isTerminal takes every character device for a terminal, which is safe.
func isTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Stat() (os.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func quietFile(f *os.File) io.Writer { return f }
