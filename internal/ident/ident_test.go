package ident

import (
	"strings"
	"testing"
)

func TestParseStart(t *testing.T) {
	const rest = " S 1 1 1 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 4242 1 2 3"
	for _, test := range []struct {
		line string
		want uint64
	}{
		{"7 (sh)" + rest, 4242},
		{"7 (a) S 1 1) b)" + rest, 4242},
		{"7 ()" + rest + "\n", 4242},
		{"7 (sh) S 1 1", 0},
		{"7 sh S 1 1 1 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 4242", 0},
		{"7 (sh) S 1 1 1 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 -1 ", 0},
		{"", 0},
	} {
		got, err := parseStart([]byte(test.line))
		if got != test.want || (err == nil) != (test.want != 0) {
			t.Errorf("%q: %d, %v", test.line, got, err)
		}
	}
}

func FuzzParseStart(f *testing.F) {
	f.Add([]byte("7 (a) b) S 1 1 1 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 4242 1 2 3"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if start, err := parseStart(line); err != nil && start != 0 {
			t.Errorf("%d, %v", start, err)
		}
	})
}

func TestFindName(t *testing.T) {
	const file = "root:x:0:0:root:/root:/bin/sh\n" +
		"short:x\n" +
		"\n" +
		"zero:x:01000:1:::\n" +
		"alice:x:1000:1000::/home/alice:/bin/sh\n" +
		"again:x:1000:1000::/home/alice:/bin/sh\n" +
		":x:1001:1::\n" +
		"od\x1bd:x:1002:1::\n" +
		"last:x:4294967294"
	for id, want := range map[uint32]string{
		0: "root", 1000: "alice", 1001: "", 1002: `"od\x1bd"`, 4294967294: "last", 7: "",
	} {
		if got := findName(strings.NewReader(file), id); got != want {
			t.Errorf("%d: %q, not %q", id, got, want)
		}
	}
	if got := findName(strings.NewReader(strings.Repeat("x", 1<<20)+"\nbob:x:5:5\n"), 5); got != "" {
		t.Errorf("behind a line without end: %q", got)
	}
}
