//go:build !linux

package client

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/outwork-go/outwork/internal/mux"
)

func (d Dialer) connect(_ context.Context, _, address string) (mux.Transport, error) {
	return nil, fmt.Errorf("%s: %w on %s: it needs Linux", at(address), errors.ErrUnsupported, runtime.GOOS)
}
