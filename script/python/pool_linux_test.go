package python_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/sshtest"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
)

// hurt is a script that does what its argument says.
const hurt = `
import os, sys


def main(what):
    if what == "exit":
        os._exit(3)
    if what == "crash":
        import ctypes

        ctypes.string_at(0)
    if what == "forbidden":
        import ctypes

        ctypes.CDLL(None).unshare(0x10000000)
    if what == "print":
        while True:
            print("x" * 1000)
    if what == "memory":
        x = [bytearray(16 << 20) for _ in range(100)]
    if what == "raise":
        raise ValueError(what)
    return what.upper()
`

// TestPool: a map over confined interpreters tells of each input what became of it, and of the
// others their results.
func TestPool(t *testing.T) {
	asUser(t)
	for _, h := range heldWays {
		t.Run(string(h), func(t *testing.T) {
			w := manage(t)
			target := outwork.Target{
				Lang: python.Lang, Program: debian(t),
				Sandbox: sandbox.Config{Level: sandbox.Strict}, Limits: sandbox.Limits{Memory: 100 << 20, Output: 100_000},
			}
			if h == atHost {
				target.Host = "near://"
			}
			p, err := w.m.Pool(t.Context(), target, 2)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			want := map[string]lost.Cause{
				"exit": lost.Exit, "crash": lost.Crash, "forbidden": lost.Policy, "print": lost.Output,
			}
			var inputs []string
			for i := range 10 {
				inputs = append(inputs, fmt.Sprint("input", i))
			}
			inputs = slices.Concat(inputs[:5], slices.Sorted(maps.Keys(want)), []string{"memory", "raise"}, inputs[5:])
			seen := 0
			for in, o := range (outwork.Mapping[string, string]{}).With(t.Context(), p, runHurt, slices.Values(inputs)) {
				seen++
				e, raised := errors.AsType[*python.Exception](o.Err)
				switch cause, hurt := want[in]; {
				case hurt:
					if !errors.Is(o.Err, cause) || o.Attempts != 2 {
						t.Errorf("%s: %v (%d attempts)", in, o.Err, o.Attempts)
					}
				case in == "memory" || in == "raise":
					if !raised || e.Type != map[string]string{"memory": "MemoryError", "raise": "ValueError"}[in] {
						t.Errorf("%s: %v", in, o.Err)
					}
				case o.Err != nil || o.Value == in || o.Attempts != 1:
					t.Errorf("%s: %q, %v (%d attempts)", in, o.Value, o.Err, o.Attempts)
				}
			}
			if seen != len(inputs) {
				t.Errorf("%d outcomes of %d", seen, len(inputs))
			}
		})
	}
}

func runHurt(ctx context.Context, w *outwork.Worker, what string) (string, error) {
	v, err := w.Run(ctx, outwork.Script{Lang: python.Lang, Name: "hurt.py", Source: hurt, Args: []string{what}})
	return fmt.Sprint(v), err
}

// TestConfinedNeedsAgent: where none runs nothing is there that could confine an interpreter, and the
// error says so.
func TestConfinedNeedsAgent(t *testing.T) {
	m := machine(t, true, sshtest.Options{})
	w := onHost(t, m, m.Host)
	for _, target := range []outwork.Target{
		{Sandbox: sandbox.Config{Level: sandbox.Strict, AllowReduced: true}},
		{Limits: sandbox.Limits{Memory: 1 << 30}},
	} {
		target.Host, target.Lang = "ssh://"+m.Host, python.Lang
		_, err := w.m.Start(t.Context(), target)
		if err == nil || !strings.Contains(err.Error(), "need an agent there, and none runs") || !strings.Contains(err.Error(), "no outwork-linux-sparc") {
			t.Error(err)
		}
	}
	if _, err := w.m.Start(t.Context(), outwork.Target{Host: "ssh://" + m.Host, Lang: python.Lang, Limits: sandbox.Limits{Output: 1 << 20}}); err != nil {
		t.Error(err)
	}
}
