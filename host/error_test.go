package host

import (
	"errors"
	"strings"
	"testing"
)

func TestErrorText(t *testing.T) {
	e := &Error{Stage: Upload, Hop: "ssh://a", Err: errors.New("it prints and prints"), Lines: []string{"x", strings.Repeat("y", 5000)}}
	if s := e.Error(); len(s) > 600 || !strings.HasPrefix(s, "ssh://a: upload: it prints") || strings.Contains(s, "\n") {
		t.Error(s)
	}
	if s := Stage(99).String(); s != "stage 99" {
		t.Error(s)
	}
}
