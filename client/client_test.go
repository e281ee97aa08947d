package client_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/client"
)

// patience is how long a test waits for what ought to come at once.
const patience = time.Minute

// within is the test's context with patience as its deadline.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestDialAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"":                         "a service's address is the path of its socket, as unix:///run/hostctl.sock",
		"tcp://127.0.0.1:80":       "a service's address is",
		"run/x.sock":               "a service's address is",
		"@x":                       "a service's address is",
		"unix:x.sock":              "the path is not absolute: is it unix:///x.sock?",
		"unix://run/x.sock":        "the path is not absolute: is it unix:///run/x.sock?",
		"unix:":                    "the path is not absolute",
		"/a\nb":                    "control characters",
		"/a\x00b":                  "control characters",
		strings.Repeat("/xxx", 27): "the path has 108 bytes, and a socket's has at most 107",
	} {
		_, err := client.Dial(within(t), address)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := (client.Dialer{UID: -1}).Dial(within(t), "/x"); err == nil || !strings.Contains(err.Error(), "no user -1") {
		t.Errorf("got %v", err)
	}
}

func TestImpostorText(t *testing.T) {
	err := &client.ImpostorError{Address: "unix:///run/x.sock", UID: 4294967294, Want: 0}
	if want := "the service at unix:///run/x.sock runs as uid 4294967294, not root: it may be an impostor, and was sent nothing"; err.Error() != want {
		t.Errorf("%q, not %q", err, want)
	}
	if errors.Is(err, fs.ErrPermission) {
		t.Error("an impostor is taken for a denial")
	}
}
