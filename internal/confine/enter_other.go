//go:build !linux

package confine

import (
	"errors"
	"os"
)

// Enter reports that nothing holds the process; a policy is an error.
func Enter() (Report, error) {
	if os.Getenv(PolicyVariable) != "" {
		return Report{}, errors.ErrUnsupported
	}
	return Report{Level: None}, nil
}

// Reap runs f.
func Reap(f func()) { f() }

// Stage is for Linux.
func Stage() error { return errors.ErrUnsupported }
