package sandbox_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/sandbox"
)

// The levels are those that something holds.
func TestLevels(t *testing.T) {
	if named := []string{sandbox.None, sandbox.Contained, sandbox.Strict}; !slices.Equal(named, confine.Levels()) {
		t.Errorf("named %q, held %q", named, confine.Levels())
	}
}

// What has no default in a sandbox is said: its doc, and those of Limits' fields, must be right.
func TestDefaultLimits(t *testing.T) {
	v := reflect.ValueOf(sandbox.DefaultLimits())
	var none []string
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			none = append(none, v.Type().Field(i).Name)
		}
	}
	if want := []string{"WallTime", "Served", "Grace"}; !slices.Equal(none, want) {
		t.Errorf("there is no default for %v, want that for %v", none, want)
	}
	if d := sandbox.DefaultLimits(); d.Memory < confine.LeastMemory || d.Memory > confine.MostMemory {
		t.Errorf("a memory limit of %d is refused", d.Memory)
	}
}
