package outwork_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
)

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
		_, err := outwork.Dial(within(t), address)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := (outwork.Dialer{UID: -1}).Dial(within(t), "/x"); err == nil || !strings.Contains(err.Error(), "no user -1") {
		t.Errorf("got %v", err)
	}
}

// The texts that name a service.
func TestServiceErrors(t *testing.T) {
	const at = "unix:///run/x.sock"
	for _, test := range []struct {
		err  error
		want string
	}{
		{&outwork.RemoteError{Host: at, Function: "f", Message: "no"}, "f on the service at unix:///run/x.sock: no"},
		{&outwork.LostError{Host: at, Function: "f", ExitCode: -1, Cause: errors.New("it broke")}, "f: the service at unix:///run/x.sock is lost: it broke; the call was not sent"},
		{&outwork.LostError{Host: at, ExitCode: -1, Cause: outwork.ErrClosed}, "the service at unix:///run/x.sock is lost: the connection was closed by this side"},
		{&outwork.ProtocolError{Host: at, Rule: "length", Detail: "long"}, "the service at unix:///run/x.sock broke the protocol and was left: rule length: long"},
		{&outwork.ImpostorError{Address: at, UID: 4294967294, Want: 0}, "the service at unix:///run/x.sock runs as uid 4294967294, not root: it may be an impostor, and was sent nothing"},
	} {
		if test.err.Error() != test.want {
			t.Errorf("%q, not %q", test.err, test.want)
		}
	}
	if errors.Is(&outwork.ImpostorError{}, fs.ErrPermission) {
		t.Error("an impostor is taken for a denial")
	}
}
