package sandbox_test

import (
	"context"
	"fmt"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/sandbox"
)

// A worker for what may be hostile: it computes within bounds, and can do nothing else. (This
// has no output to compare: the test binary would have to call outwork.Main.)
func Example() {
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(context.Background(), outwork.Target{
		Sandbox: sandbox.Config{Level: sandbox.Strict},
		Limits:  sandbox.Limits{Memory: 256 << 20, CPU: time.Minute},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	held := w.Confinement()
	fmt.Println(held.Level, held.Active, held.Missing)
}
