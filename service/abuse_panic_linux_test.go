package service_test

import (
	"strings"
	"testing"
)

// A function that breaks down is an internal error to its client, who learns the
// request's id and nothing else. The log and the records have it under that id.
func TestAbusePanics(t *testing.T) {
	d := abused(t)
	s := greeted(t, "nobody")
	for i, test := range []struct {
		function string
		args     any
		code     string // of the error
	}{
		{"boom", textArgs{"x"}, "service.internal"},
		{"bad.panic", none{}, "service.internal"},
		{"bad.error", none{}, "service.internal"},
		{"goexit", none{}, ""},
	} {
		stream := uint32(2*i + 1)
		s.open(stream, test.function, encode(test.args))
		a := s.answer(stream)
		if a.Code == 0 || test.code != "" && !a.is(test.code) || len(a.Text) > 300 {
			t.Errorf("%s: got %+v", test.function, a)
		}
		var all strings.Builder
		all.WriteString(string(encode(a.Text + a.Stack + strings.Join(a.Kinds, ""))))
		for _, e := range a.Data {
			all.WriteString(string(e.Fields))
		}
		for _, secret := range []string{"the secret", "goroutine 1", ".go:", "/service/"} {
			if strings.Contains(all.String(), secret) {
				t.Errorf("%s: the client is told %q", test.function, all.String())
			}
		}
		done := d.recorded(1, test.function, "done", "panic")[0]
		if test.code != "" && !strings.Contains(a.Text, done.Request) {
			t.Errorf("%s: %q does not name the request %s", test.function, a.Text, done.Request)
		}
		d.told("request=" + done.Request + " uid=65534")
	}
	s.open(9, "echo", encode(textArgs{"x"}))
	if a := s.answer(9); a.Code != 0 {
		t.Errorf("after all that: %+v", a)
	}
}
