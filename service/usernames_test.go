package service

import (
	"slices"
	"strings"
	"testing"
)

func TestUserNames(t *testing.T) {
	const passwd = "root:x:0:0::/root:/bin/sh\n# rob: no user\n+@nis:::\nno line\n:x:1:1::/:\nrose:x:1000:1000::/home/rose:/bin/sh\nann:x:1001:1001:::\n"
	for begun, want := range map[string][]string{"": {"root", "rose", "ann"}, "ro": {"root", "rose"}, "x": nil} {
		if got := userNames(strings.NewReader(passwd), begun); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", begun, got, want)
		}
	}
}
