//go:build !linux

package main

import "github.com/outwork-go/outwork"

// suspendable needs Linux, as workers do.
func suspendable(...*outwork.Manager) (end func()) { return func() {} }

func suspend(_ []*outwork.Manager, stop func()) { stop() }
