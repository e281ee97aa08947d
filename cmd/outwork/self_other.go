//go:build !linux

package main

import "os"

// ownProgram is this program, for what is started on this machine.
func ownProgram() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}
