//go:build !linux

package outwork

import (
	"context"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
)

func (*Worker) exec(ctx context.Context, _ *Target) (mux.Transport, error) {
	_, err := starter.New(ctx)
	return nil, err
}

func workerTransport() (mux.Transport, error) { return nil, starter.Serve() }

func nameProcess() {}

func checkStarted(string) error { return starter.Serve() }

func checkSecure() error { return nil }
