//go:build !linux

package shell

import "os"

// execute would replace this process by program, with files.
func execute(_ string, argv []string, _ []*os.File, _ []string) error {
	return Failf(Failed, "%s cannot be executed: files are passed on only on Linux", argv[0])
}
