package fault

import (
	"errors"
	"io/fs"
	"testing"
)

func TestSentences(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{&Denied{Function: "hostname.set", UID: 1000}, "hostname.set is denied to uid 1000"},
		{
			&Denied{Function: "hostname.set", UID: 1000, Missing: []string{"the group hostctl", "the polkit action a.b"}},
			"hostname.set is denied to uid 1000: it takes the group hostctl or the polkit action a.b",
		},
		{&Denied{Function: "f", Rule: "10-site.yaml:3"}, "f is denied to uid 0 by 10-site.yaml:3"},
		{&Denied{Text: "no\nway \x1b]0;x\x07"}, `no way \x1b]0;x\x07`},
		{&Busy{}, "the service is busy: try again later"},
		{&Busy{Text: "uid 7 has 64 calls under way"}, "uid 7 has 64 calls under way"},
		{&Invalid{Function: "f", Field: "name", Problem: "is required"}, "name is required"},
		{&Invalid{Problem: "has an unknown field \"x\""}, "the argument has an unknown field \"x\""},
		{&Internal{Request: "4f"}, "an internal error of the service: its log tells more under the request 4f"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%#v:\n got %s\nwant %s", test.err, got, test.want)
		}
	}
}

func TestDeniedIsPermission(t *testing.T) {
	if !errors.Is(&Denied{}, fs.ErrPermission) || errors.Is(&Denied{}, fs.ErrExist) {
		t.Error("a denial is fs.ErrPermission, and nothing else of io/fs")
	}
}
