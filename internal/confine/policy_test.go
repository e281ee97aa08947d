package confine

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestPolicyCrosses(t *testing.T) {
	for _, p := range []*Policy{
		{Level: Strict},
		{Limits: Limits{Memory: 1 << 30, CPU: time.Second, Files: 3, Processes: 4}},
		{
			Level: Contained, ReadOnly: []string{"/a\nb", "/\xc3\xa9"}, ReadWrite: []string{"/c"}, Devices: []string{"/dev/x"},
			Network: true, Subprocesses: true, AllowReduced: true, Exec: &Exec{Path: "/bin/sh", Args: []string{"sh", ""}, Reads: []string{"/lib"}},
			Given: Given{Namespaces: []string{"pid"}, Outside: []uint64{1 << 40}, Cgroups: []string{"memory v1"}, UID: 7, Missing: []string{"a"}},
		},
	} {
		got, err := Decode(p.Encode())
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%+v became %+v: %v", p, got, err)
		}
	}
	for _, p := range []*Policy{nil, {}, {Level: None}} {
		if b := p.Encode(); len(b) != 0 {
			t.Errorf("%+v asks for %q", p, b)
		}
	}
}

func TestPolicyRefused(t *testing.T) {
	for _, r := range []struct{ policy, want string }{
		{`{"level":"lax"}`, "no such level"},
		{`{"level":"strict","ro":["a"]}`, "no absolute path"},
		{`{"level":"strict","rw":["../a"]}`, "no absolute path"},
		{`{"level":"strict","devices":[""]}`, "no absolute path"},
		{`{"level":"strict","ro":["/tmp/.."]}`, "as a whole"},
		{`{"level":"contained","rw":["/"]}`, "as a whole"},
		{`{"level":"none","network":true}`, "grants but no level"},
		{`{"ro":["/a"]}`, "grants but no level"},
		{`{"level":"strict","limits":{"memory":-1}}`, "below 0"},
		{`{"level":"strict","limits":{"memory":1}}`, "needs at least"},
		{`{"level":"strict"}{}`, "more behind"},
		{`{"level":"strict","more":1}`, "unknown field"},
		{`{"level":1}`, "asked for"},
		{"\x00", "asked for"},
	} {
		if _, err := Decode([]byte(r.policy)); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, not %q", r.policy, err, r.want)
		}
	}
}

func TestReportCrosses(t *testing.T) {
	r := Report{Level: Strict, Active: []string{"seccomp", "a\nb"}, Missing: []string{"x: y"}}
	got, err := ParseReport(r.String())
	r.Active[1] = "a b"
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("%+v: %v", got, err)
	}
	for _, bad := range []string{"strict\nx", "strict\n", strings.Repeat("x", maxReport+1)} {
		if r, err := ParseReport(bad); err == nil {
			t.Errorf("%.20q is %v", bad, r)
		}
	}
}
