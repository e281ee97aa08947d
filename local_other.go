//go:build !linux

package outwork

import (
	"context"

	"github.com/outwork-go/outwork/internal/boot"
	"github.com/outwork-go/outwork/internal/starter"
)

// local is this machine.
type local struct{ m *Manager }

// Start is of boot.Place.
func (l local) Start(ctx context.Context, _ boot.Command) (boot.Process, error) {
	_, err := starter.New(ctx)
	return nil, err
}
