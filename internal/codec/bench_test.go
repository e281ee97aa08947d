package codec

import (
	"bytes"
	"strings"
	"testing"
)

func benchmark[T any](b *testing.B, in T) {
	for _, form := range []struct {
		name       string
		positional bool
	}{{"positional", true}, {"keyed", false}} {
		b.Run(form.name, func(b *testing.B) {
			p := mustPlan[T](b)
			var buf bytes.Buffer
			b.ReportAllocs()
			for b.Loop() {
				buf.Reset()
				if err := p.Append(&buf, &in, form.positional); err != nil {
					b.Fatal(err)
				}
				out := new(T)
				if _, err := p.Decode(buf.Bytes(), out, form.positional); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Each is one encoding and one decoding.
func BenchmarkThreeFields(b *testing.B) { benchmark(b, helloArgs{"World", 42, 1.5}) }

func BenchmarkName64(b *testing.B) {
	benchmark(b, struct{ Name string }{strings.Repeat("x", 64)})
}
func BenchmarkTop64(b *testing.B) { benchmark(b, []byte(strings.Repeat("x", 64))) }
