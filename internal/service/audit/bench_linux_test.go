package audit

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
)

func example() *Record {
	r := call("hostname.set", 1000)
	r.Groups, r.Exe, r.Args = []uint32{100, 1000, 27}, "/usr/bin/hostctl", json.RawMessage(`{"name":"web1"}`)
	return r
}

func BenchmarkCall(b *testing.B) {
	l := openAt(b, filepath.Join(b.TempDir(), "audit.log"))
	r := example()
	r.Result = ResultOK
	b.ReportAllocs()
	for b.Loop() {
		r.Request = NewRequest()
		if err := l.Before(r); err != nil {
			b.Fatal(err)
		}
		if err := l.After(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDenied(b *testing.B) {
	l := openAt(b, filepath.Join(b.TempDir(), "audit.log"))
	r := example()
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Request = NewRequest()
			l.Denied(r)
		}
	})
	b.Run("changing", func(b *testing.B) { // uids and functions, most of them "others"
		b.ReportAllocs()
		n := uint32(0)
		for b.Loop() {
			n++
			r.UID, r.Function = n%5000, fmt.Sprint("f", n%100)
			l.Denied(r)
		}
	})
}
