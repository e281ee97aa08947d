//go:build !linux

package main

import (
	"context"

	"github.com/outwork-go/outwork/host"
)

// controlling is the terminal of this process, wherever its standard streams lead.
const controlling = "/dev/tty"

// terminalAsk asks the person at the terminal. Here nobody is asked: hosts need Linux.
func terminalAsk() func(context.Context, host.Question) (string, error) { return nil }
