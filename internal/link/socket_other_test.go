//go:build !linux

package link

import (
	"os"
	"testing"

	"github.com/outwork-go/outwork/internal/mux"
)

func socketOf(t testing.TB, _ *os.File) mux.Transport {
	t.Fatal("sockets with files need Linux")
	return nil
}
