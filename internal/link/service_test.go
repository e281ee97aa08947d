package link

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// served is a client's link and a service's. They have functions of their own.
func served(t testing.TB, by medium, service Config, fns ...*Function) (client, server *Link) {
	t.Helper()
	service.Service, service.Functions = true, &Registry{}
	for _, f := range fns {
		if err := service.Functions.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	return pair(t, by, nil, Config{Service: true}, service)
}

type (
	hostArgs struct {
		Name  string `cbor:"name"`
		Force bool   `cbor:"force,omitempty"`
	}
	oldReply struct {
		Was string `cbor:"was"`
	}
	newReply struct {
		Was   string         `cbor:"was"`
		Since int            `cbor:"since"`
		Why   map[string]int `cbor:"why"`
	}
)

// TestServiceCompatible: a client gets along with a service that says more, and is
// told what of its own does not fit.
func TestServiceCompatible(t *testing.T) {
	both(t, func(t *testing.T, by medium) {
		client, _ := served(t, by, Config{Hello: Hello{Name: "hostd", Build: "v2"}},
			function("host.set", func(_ context.Context, a hostArgs) (newReply, error) {
				return newReply{Was: a.Name, Since: 7, Why: map[string]int{"a": 1}}, nil
			}))
		if client.positional.Load() || len(client.Peer().Functions) > 0 || client.Peer().Build != "v2" {
			t.Errorf("%+v", client.Peer())
		}
		set := function("host.set", func(context.Context, hostArgs) (oldReply, error) { return oldReply{}, nil })
		r, err := call[hostArgs, oldReply](t.Context(), client, set, hostArgs{Name: "web1"}, nil)
		if err != nil || r.Was != "web1" {
			t.Error(r, err)
		}
		for want, f := range map[string]*Function{
			`the argument of "host.set" does not fit: there is no field "Name"`: function("host.set", func(context.Context, struct{ Name string }) (int, error) { return 0, nil }),
			`the argument of "host.set" does not fit: name: the field is missing`: function("host.set", func(context.Context, struct {
				Name string `cbor:"name,omitempty"`
			},
			) (int, error) {
				return 0, nil
			}),
			`the argument of "host.set" does not fit: an integer where a map of fields is wanted`: function("host.set", func(context.Context, int) (int, error) { return 0, nil }),
			`there is no function "host.get"; known functions are host.set`:                       function("host.get", func(context.Context, int) (int, error) { return 0, nil }),
		} {
			_, err := client.Call(t.Context(), f, f.New(), nil)
			if fail, ok := errors.AsType[*Failure](err); !ok || fail.Message != want+" (this is hostd, version v2)" {
				t.Errorf("%v; want %s", err, want)
			}
		}
	})
}

// TestServiceHello: what HELLO says between the two, and what it may say.
func TestServiceHello(t *testing.T) {
	clientHello := func(change func(*Hello)) []byte {
		h := hello(&Registry{})
		change(&h)
		return mustBytes(&helloPlan, h)
	}
	for name, c := range map[string]struct {
		payload []byte
		rule    string
	}{
		"functions":   {clientHello(func(h *Hello) { h.Functions["x"] = "func() int" }), "handshake"},
		"4,097 bytes": {clientHello(func(h *Hello) { h.Name = strings.Repeat("x", ServiceHello) }), "length"},
		"another key": {append([]byte{0xab, 0x61, 'x', 0x01}, clientHello(func(*Hello) {})[1:]...), "handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			l, r := against(t, mux.WorkerSide, nil, Config{Service: true})
			r.write(frame.Preamble())
			r.control(frame.Hello, c.payload)
			if rule := ends(t, l); rule != c.rule {
				t.Fatal(l.Err())
			}
		})
	}
	t.Run("another key from a newer service", func(t *testing.T) {
		l, r := against(t, mux.ManagerSide, nil, Config{Service: true})
		r.write(frame.Preamble())
		r.control(frame.Hello, append([]byte{0xab, 0x61, 'x', 0x01}, clientHello(func(*Hello) {})[1:]...))
		if _, err := l.Greeted(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
