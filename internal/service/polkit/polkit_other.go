//go:build !linux

package polkit

import (
	"context"
	"runtime"

	"github.com/outwork-go/outwork/internal/service/policy"
)

// Authority answers nothing outside Linux.
type Authority struct{}

// New makes an Authority.
func New(Config) *Authority { return &Authority{} }

// Ask needs Linux.
func (*Authority) Ask(context.Context, policy.Question) (policy.Answer, error) {
	return policy.Answer{}, notAvailable(nil, "it is asked only on Linux, and this is %s", runtime.GOOS)
}

// Close does nothing.
func (*Authority) Close() error { return nil }
