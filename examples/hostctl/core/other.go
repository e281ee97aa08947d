//go:build !linux

package core

import (
	"context"
	"errors"
	"os"
)

var errLinux = errors.New("hostctl works only on Linux")

func hostname() (Hostname, error) { return Hostname{}, errLinux }

func setHostname(string) error { return errLinux }

func openListed(string) (*os.File, error) { return nil, errLinux }

func tail(context.Context, int) ([]string, error) { return nil, errLinux }

func createDirectory(string, string, owner, uint32) error { return errLinux }

func umask() (uint32, error) { return 0, errLinux }
