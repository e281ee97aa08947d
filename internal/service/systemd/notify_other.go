//go:build !linux

// Package systemd tells the service manager how the daemon is. There is none on
// this system.
package systemd

// Ready does nothing.
func Ready(string) {}

// Stopping does nothing.
func Stopping() {}

// Reloading does nothing.
func Reloading() (done func()) { return func() {} }

// Watchdog does nothing.
type Watchdog struct{}

// Watch does nothing.
func Watch(func()) *Watchdog { return &Watchdog{} }

// Stop does nothing.
func (*Watchdog) Stop() {}
