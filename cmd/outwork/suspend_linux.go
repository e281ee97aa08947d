package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/outwork-go/outwork"
)

// suspendable announces a Ctrl-Z to the managers' hosts before this process stops, so that
// they do not take its silence for its death, until the function that it returns is
// called.
func suspendable(managers ...*outwork.Manager) (end func()) {
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, syscall.SIGTSTP)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stops:
				suspend(managers, stopSelf)
			case <-quit:
				return
			}
		}
	}()
	return func() {
		signal.Stop(stops)
		close(quit)
		<-done
	}
}

// suspend has stop stop this process, and returns when it goes on.
func suspend(managers []*outwork.Manager, stop func()) {
	for _, m := range managers {
		_ = m.Pause() // a host that cannot be told may be lost: it stops all the same
	}
	stop()
	for _, m := range managers {
		m.Resume()
	}
}

// stopSelf stops this process, and returns when it goes on.
func stopSelf() {
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	<-goesOn // this goroutine may run on for a moment before the stop
}
