package shell

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// ErrInterrupted is why a context ended on Ctrl-C.
var ErrInterrupted = errors.New("interrupted")

// Begin makes the context of what is asked of a service: it ends by a signal, as
// Interruptible says, and after timeout unless that is 0. end must be called,
// and returns when no signal is taken any more.
func Begin(parent context.Context, timeout time.Duration) (ctx context.Context, end func()) {
	ctx, stop := Interruptible(parent)
	if timeout == 0 {
		return ctx, stop
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, func() {
		cancel()
		stop()
	}
}

// Interruptible is a context that ends, with ErrInterrupted as its cause, on the
// first SIGINT or SIGTERM. The second ends this process at once. stop is called
// once, and returns when no signal is taken any more.
func Interruptible(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			select {
			case <-signals:
			case <-quit:
				return
			}
			if errors.Is(context.Cause(ctx), ErrInterrupted) {
				os.Exit(Interrupted)
			}
			cancel(ErrInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(quit)
		<-done
		cancel(nil)
	}
}
