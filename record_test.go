package outwork_test

import (
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/outworktest"
)

func TestRecord(t *testing.T) {
	var file buffer
	m := outwork.Manager{Record: &file}
	w := outworktest.Start(t, &m, outwork.Target{Name: "ann"})
	if _, err := Hello.Call(within(t), w, HelloArgs{"World"}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"ann", "test.hello", "World", "Hello, World"} {
		if !strings.Contains(file.String(), part) {
			t.Errorf("the record does not have %q", part)
		}
	}
}

func TestRecordFails(t *testing.T) {
	m := outwork.Manager{Record: brokenWriter{}}
	w := outworktest.Start(t, &m, outwork.Target{})
	if r, err := Hello.Call(within(t), w, HelloArgs{"World"}); err != nil || r.Text != "Hello, World" {
		t.Errorf("got %q, %v", r.Text, err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroke }
