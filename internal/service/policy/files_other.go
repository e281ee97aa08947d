//go:build !linux

package policy

import "errors"

// readDir reads no directory outside Linux.
func readDir(c *Config, _ *grammar) (listing, error) {
	if c.Dir == "" && !c.MustExist {
		return listing{}, nil
	}
	return listing{}, errors.New("policy files are read only on Linux")
}
