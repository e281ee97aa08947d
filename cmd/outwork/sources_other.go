//go:build !linux

package main

import (
	"io"
	"os"
)

// asItWas opens what was a regular file.
const asItWas = 0

// smallBytes is the bytes of a small regular file; nil: it is not one.
func smallBytes(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|asItWas, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > smallFile {
		return nil, err
	}
	b := make([]byte, info.Size())
	n, err := io.ReadFull(f, b)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF { // it has become shorter
		return nil, err
	}
	return b[:n], nil
}
