//go:build !linux

package policy

import "errors"

// readDir reads no directory outside Linux.
func readDir(dir string, _ uint32, _ *grammar) ([]entry, []string, error) {
	if dir == "" {
		return nil, nil, nil
	}
	return nil, nil, errors.New("policy files are read only on Linux")
}
