package main

import (
	"testing"
	"time"

	"github.com/outwork-go/outwork/tcp"
)

func TestParseToken(t *testing.T) {
	for text, want := range map[string]tokenSpec{
		"web1":                       {pass: tcp.Pass{Names: "web1"}},
		"web1=web1.token":            {pass: tcp.Pass{Names: "web1"}, file: "web1.token"},
		"web-*,uses=3":               {pass: tcp.Pass{Names: "web-*", Uses: 3}},
		"*,uses=any,expires=1h=a,=b": {pass: tcp.Pass{Names: "*", Uses: -1, Expires: time.Hour}, file: "a,=b"},
		"a,expires=1m30s,uses=1=/f":  {pass: tcp.Pass{Names: "a", Uses: 1, Expires: 90 * time.Second}, file: "/f"},
	} {
		got, err := parseToken(text)
		if err != nil || *got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "=f", ",uses=1", "-a", ".a", "a/b", "a,", "a,uses", "a,uses=", "a,uses=-1", "a,expires=-1h", "a,x=1", "a="} {
		if got, err := parseToken(text); err == nil {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, address := range []string{"10.0.0.1:7000", "manager:7000", "[fd00::1]:7000"} {
		if got := reachable(address); got != address {
			t.Errorf("%s: got %s", address, got)
		}
	}
	for _, address := range []string{":7000", "0.0.0.0:7000", "[::]:7000"} {
		if got := reachable(address); got == address || got[len(got)-5:] != ":7000" {
			t.Errorf("%s: got %s", address, got)
		}
	}
}
