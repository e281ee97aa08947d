package lost_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/outwork-go/outwork/lost"
)

// Each cause is found as itself and as no other, and no two read alike.
func TestCauses(t *testing.T) {
	all := []lost.Cause{
		lost.Exit, lost.Crash, lost.Killed, lost.Memory, lost.CPU, lost.Time, lost.Output,
		lost.Policy, lost.Overdue, lost.Protocol, lost.Host,
	}
	for _, c := range all {
		err := fmt.Errorf("call: %w", c)
		for _, other := range all {
			if errors.Is(err, other) != (c == other) {
				t.Errorf("%q is found in %q", other, c)
			}
		}
		if got, ok := errors.AsType[lost.Cause](err); !ok || got != c || err.Error() != "call: "+string(c) {
			t.Errorf("got %q %v of %q", got, ok, err)
		}
	}
}

// A host that is lost comes first, and what was lost with it is found too.
func TestHostComesFirst(t *testing.T) {
	err := fmt.Errorf("%w: %w", lost.Host, lost.Protocol)
	if got, _ := errors.AsType[lost.Cause](err); got != lost.Host || !errors.Is(err, lost.Host) || !errors.Is(err, lost.Protocol) {
		t.Errorf("got %q of %q", got, err)
	}
}
