package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/outwork-go/outwork/container"
)

func TestCutRange(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile(filepath.Join(dir, "odd@3"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		text, whole string
		part        part
		cut         bool
	}{
		{"x@4", "x", part{offset: 4, open: true}, true},
		{"x@0x10+0X20", "x", part{offset: 16, length: 32}, true},
		{"a@b@4", "a@b", part{offset: 4, open: true}, true},
		{"odd@3", "odd@3", part{}, false},
		{"odd@3@1+0", "odd@3", part{offset: 1}, true},
		{"pid:7@0x400000+64", "pid:7", part{offset: 0x400000, length: 64}, true},
		{"-@4", "-", part{offset: 4, open: true}, true},
		{"ssh://a@b/x@4+1", "ssh://a@b/x", part{offset: 4, length: 1}, true},
		{"ssh://a@10/x", "ssh://a@10/x", part{}, false},
		{"ssh://a@10", "ssh://a@10", part{}, false},
		{"x@9223372036854775807", "x", part{offset: math.MaxInt64, open: true}, true},
		{"x@9223372036854775808", "x@9223372036854775808", part{}, false},
		{"x@", "x@", part{}, false},
		{"x@+4", "x@+4", part{}, false},
		{"x@4+", "x@4+", part{}, false},
		{"x@-4", "x@-4", part{}, false},
		{"x@4+-1", "x@4+-1", part{}, false},
		{"x@4_0", "x@4_0", part{}, false},
		{"@4", "@4", part{}, false},
		{"x", "x", part{}, false},
		{"", "", part{}, false},
	}
	for _, test := range tests {
		whole, p, cut := cutRange(test.text)
		if whole != test.whole || p != test.part || cut != test.cut {
			t.Errorf("%q is %q, %+v, %v; want %q, %+v, %v", test.text, whole, p, cut, test.whole, test.part, test.cut)
		}
	}
}

// No sum of an offset and a length is too large to be refused.
func TestPartThatIsOutside(t *testing.T) {
	c := container.FromBytes(make([]byte, 10))
	for _, p := range []part{
		{offset: 11, open: true},
		{offset: 11},
		{offset: 10, length: 1},
		{offset: 1, length: math.MaxInt64},
		{offset: math.MaxInt64, length: math.MaxInt64},
	} {
		if s, err := p.of(c, "x", "x@"); err == nil {
			t.Errorf("%+v is a container of %d bytes", p, s.Size())
		}
	}
	s, err := part{offset: 10, open: true}.of(c, "x", "x@10")
	if err != nil || s.Size() != 0 {
		t.Errorf("the empty part at the end: %v", err)
	}
}
