package python_test

import (
	"os"
	"testing"

	"github.com/outwork-go/outwork"
)

func TestMain(m *testing.M) {
	outwork.Main()
	os.Exit(m.Run())
}
