package outwork_test

import (
	"errors"
	"testing"

	"github.com/outwork-go/outwork"
)

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
	} {
		if test.err.Error() != test.want {
			t.Errorf("%q, not %q", test.err, test.want)
		}
	}
}
