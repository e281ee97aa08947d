package service

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// ending is how a daemon is asked to end: by SIGTERM or SIGINT.
type ending struct {
	once  context.Context // ends when it is asked, or its own context ends
	twice context.Context // ends when it is asked again
	stop  func()          // heeds no more
}

// heed begins to heed the signals.
func heed(ctx context.Context) ending {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	once, endOnce := context.WithCancelCause(ctx)
	twice, endTwice := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		if s, ok := <-signals; ok {
			endOnce(errors.New(s.String()))
		}
		if _, ok := <-signals; ok {
			endTwice()
		}
	}()
	return ending{once, twice, func() {
		signal.Stop(signals)
		close(signals)
	}}
}

// within is what f returns, or why ctx has ended before that. f goes on then, until
// this process ends, which is soon.
func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
