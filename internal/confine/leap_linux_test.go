package confine

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// leapt makes this test binary become another program, from memory at random addresses.
const leapt = "CONFINE_TEST_LEAP"

func init() {
	if os.Getenv(leapt) == "" {
		return
	}
	l, err := newLeap("/bin/sh", []string{"sh", "-c", "echo $0 $X; env", "argument"}, []string{"X=y z", "EMPTY="}, 100)
	if err == nil {
		err = l.tell("TOLD=a\nb")
	}
	if err == nil {
		err = l.make()
	}
	println(err.Error())
	os.Exit(3)
}

func TestLeap(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), leapt+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "argument y z\n") || !strings.Contains(string(out), "EMPTY=\n") || !strings.Contains(string(out), "TOLD=a\nb\n") || strings.Contains(string(out), leapt) {
		t.Errorf("%v\n%s", err, out)
	}
}

// Three addresses of a hundred leaps are three hundred: none is found by looking at another.
func TestLeapsAreApart(t *testing.T) {
	pages := map[uint64]bool{}
	for range 100 {
		l, err := newLeap("/bin/sh", []string{"sh"}, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range l.arguments() {
			if at < 1<<20 {
				t.Errorf("%#x is low", at)
			}
			pages[at>>24] = true
		}
	}
	if len(pages) < 295 {
		t.Errorf("%d places of 300 are in 16 MiB of their own", len(pages))
	}
	if _, err := newLeap("/bin/sh", []string{"a\x00b"}, nil, 0); err == nil {
		t.Error("a NUL in an argument")
	}
}
