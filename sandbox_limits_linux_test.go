package outwork

import (
	"reflect"
	"testing"

	"github.com/outwork-go/outwork/sandbox"
)

// A target that says what a worker's limits are has the same ones, so that a copy has them:
// those that are no limit, each of which has a default in a sandbox, too.
func TestLimitsSaid(t *testing.T) {
	with := func(n int64) (l sandbox.Limits) {
		v := reflect.ValueOf(&l).Elem()
		for _, field := range v.Fields() {
			field.SetInt(n)
		}
		l.Grace = 0 // stays as it is said
		return l
	}
	for n, want := range map[int64]sandbox.Limits{-1: {}, 7: with(7), 0: sandbox.DefaultLimits()} {
		first := &Target{Sandbox: sandbox.Config{Level: sandbox.Strict}, Limits: with(n)}
		again := &Target{Sandbox: first.Sandbox, Limits: said(first.limits())}
		if first.limits() != want || again.limits() != want {
			t.Errorf("%d: got %+v, of a copy %+v, want %+v", n, first.limits(), again.limits(), want)
		}
	}
}
