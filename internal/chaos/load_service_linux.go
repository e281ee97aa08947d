package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/service"
)

// serviceLoad has clients of the daemon come and go, and some vanish in the middle of their calls.
type serviceLoad struct{}

func (serviceLoad) name() string          { return "service" }
func (serviceLoad) length() time.Duration { return 4 * time.Second }

const daemonSocket = "/run/chaos.sock"

// daemonPool is what Relay of the daemon works with.
var daemonPool *outwork.Pool

// Relay has a confined worker of the daemon's echo.
var Relay = outwork.Func("chaos.relay", func(ctx context.Context, a RelayArgs) (EchoReply, error) {
	if err := noted(ctx, a.Runs, a.ID); err != nil {
		return EchoReply{}, err
	}
	v, err := Inner.Call(ctx, daemonPool, a.Payload)
	return EchoReply{ID: a.ID, Back: v}, err
})

// RelayArgs are the arguments of Relay and Serve.
type RelayArgs struct {
	Runs    string `cbor:"runs" doc:"where to note that it runs"`
	ID      string `cbor:"id" doc:"the call's"`
	Payload []byte `cbor:"payload" doc:"what comes back"`
	Fail    bool   `cbor:"fail" doc:"to fail"`
}

// Inner is what the daemon's workers do.
var Inner = outwork.Func("chaos.inner", func(_ context.Context, b []byte) ([]byte, error) { return b, nil })

// Serve echoes, in the daemon itself.
var Serve = outwork.Func("chaos.serve", func(ctx context.Context, a RelayArgs) (EchoReply, error) {
	if err := noted(ctx, a.Runs, a.ID); err != nil {
		return EchoReply{}, err
	}
	if a.Fail {
		return EchoReply{}, fmt.Errorf("call %s was to fail", a.ID)
	}
	return EchoReply{ID: a.ID, Back: a.Payload}, nil
})

// runDaemon is the daemon's process.
func runDaemon() int {
	os.Unsetenv(roleVariable)
	os.Args = []string{os.Args[0], "daemon"}
	service.Main(service.Service{
		Name: "chaos", Doc: "Be disturbed.",
		API: []service.Export{
			{Function: Serve, Doc: "Echo.", Allow: service.Anyone(), Mutates: true},
			{Function: Relay, Doc: "Echo by a worker.", Allow: service.Anyone()},
			{Function: Health, Doc: "Tell what the daemon holds.", Allow: service.Anyone()},
		},
		AuditFile: auditDir + "/audit.jsonl",
		Start: func(ctx context.Context) (func() error, error) {
			m := &outwork.Manager{Stdout: io.Discard, Stderr: io.Discard, Grace: time.Second}
			var err error
			for range 10 { // its processes may be killed while it starts
				daemonPool, err = m.Pool(ctx, outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}}, 2)
				if err == nil || ctx.Err() != nil {
					break
				}
			}
			return m.Close, err
		},
	})
	return 0
}

// auditDir is on a small disk.
const auditDir = "/var/log/chaos"

// Health is what the daemon holds just now.
var Health = outwork.Func("chaos.health", func(context.Context, struct{}) (HealthReply, error) {
	c := countSelf()
	return HealthReply{int64(c.goroutines), int64(c.descriptors), c.rss}, nil
})

// HealthReply is what Health returns.
type HealthReply struct {
	Goroutines  int64 `cbor:"goroutines" doc:"how many"`
	Descriptors int64 `cbor:"descriptors" doc:"how many"`
	RSS         int64 `cbor:"rss" doc:"bytes"`
}

func (l serviceLoad) round(ctx context.Context, e *env) error {
	if e.calm {
		c, err := l.dial(context.Background(), e, e.rand, 2*patience)
		if err != nil {
			return err
		}
		c.Close()
	}
	return e.crowd(ctx, &outwork.Manager{}, 4, func(ctx context.Context, r *rand.Rand) {
		if !e.calm && r.IntN(20) == 0 {
			l.vanish(r)
			return
		}
		c, err := l.dial(ctx, e, r, 0)
		if err != nil {
			pause(ctx, r, 200*time.Millisecond)
			return
		}
		defer c.Close()
		for range 1 + r.IntN(20) {
			if l.call(ctx, e, r, c) != nil && c.Err() != nil {
				return
			}
		}
	})
}

// dial is a connection; for so long it tries while there is no daemon.
func (serviceLoad) dial(ctx context.Context, e *env, r *rand.Rand, tries time.Duration) (*client.Conn, error) {
	for began := time.Now(); ; {
		c := e.begin(entry{what: "dial", limit: 3 * callLimit, start: true})
		within, cancel := context.WithTimeout(ctx, 3*callLimit)
		conn, err := client.Dial(within, "unix://"+daemonSocket)
		cancel()
		if err == nil || time.Since(began) >= tries {
			e.end(ctx, c, err, nil)
			return conn, err
		}
		e.end(ctx, c, nil, nil)
		pause(ctx, r, 100*time.Millisecond)
	}
}

func (serviceLoad) call(ctx context.Context, e *env, r *rand.Rand, conn *client.Conn) error {
	a := RelayArgs{Runs: e.runs, Payload: payload(r)}
	a.Payload = a.Payload[:min(len(a.Payload), service.Argument/2)]
	f, what := Serve, "serve"
	if r.IntN(2) == 0 {
		f, what = Relay, "relay"
	} else {
		a.Fail = r.IntN(8) == 0
	}
	return try(ctx, e, r, entry{what: what, fails: a.Fail, relayed: what == "relay"}, func(id string) RelayArgs {
		a.ID = id
		return a
	}, func(ctx context.Context, a RelayArgs) (EchoReply, error) {
		return f.Call(ctx, conn, a)
	}, func(id string, v EchoReply) error {
		if v.ID != id || string(v.Back) != string(a.Payload) {
			return fmt.Errorf("%d bytes came back of %d", len(v.Back), len(a.Payload))
		}
		return nil
	})
}

// vanish starts a client in a process of its own, which is killed.
func (serviceLoad) vanish(r *rand.Rand) {
	cmd := again("client", nil)
	cmd.Stdout, cmd.Stderr = nil, nil
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // or it outlives a load that is killed
	if cmd.Start() != nil {
		return
	}
	time.Sleep(time.Duration(r.Int64N(int64(150 * time.Millisecond))))
	cmd.Process.Kill()
	cmd.Wait()
}

// runClient calls for ever.
func runClient() int {
	os.Unsetenv(roleVariable)
	ctx := context.Background()
	for {
		conn, err := client.Dial(ctx, "unix://"+daemonSocket)
		if err != nil {
			return 0
		}
		for i := 0; ; i++ {
			_, err := Serve.Call(ctx, conn, RelayArgs{Runs: "/dev/null", ID: fmt.Sprint(os.Getpid(), i), Payload: make([]byte, i%(1<<20))})
			if _, answered := errors.AsType[*outwork.RemoteError](err); err != nil && !answered {
				break
			}
		}
	}
}

// busy reports whether a service's answer is that it could not do it now.
func busy(err error) bool {
	if _, ok := errors.AsType[*service.BusyError](err); ok {
		return true
	}
	_, ok := errors.AsType[*service.InternalError](err)
	return ok
}
