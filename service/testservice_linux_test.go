package service_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/service"
)

// failVariable has the service not start; hangVariable has its start wait for the
// end of its context, or, as "deaf", for nothing.
const (
	failVariable = "OUTWORK_TEST_FAIL"
	hangVariable = "OUTWORK_TEST_HANG"
)

// The tests' service has a function for each thing that can go right or wrong.
var testService = service.Service{
	Name: "testctl", Doc: "Try a service out. It is for tests.", Version: "1.2.3",
	Start: func(ctx context.Context) (func() error, error) {
		if os.Getenv(failVariable) != "" {
			return nil, errors.New("there is no ink")
		}
		if how := os.Getenv(hangVariable); how != "" {
			slog.Info("it hangs")
			<-ctx.Done()
			slog.Info("it is told")
			if how == "deaf" {
				select {}
			}
			return nil, ctx.Err()
		}
		return func() error {
			if ctx.Err() != nil {
				slog.Error("what Start has begun did not outlive the calls")
			}
			return nil
		}, nil
	},
	Limits: service.Limits{ConnectionsPerUser: 8, CallsPerUser: 4, Argument: 64 << 10, CallTime: 10 * time.Second},
	API: []service.Export{
		{Function: echo, Doc: "Say a text back.", Allow: service.Anyone()},
		{Function: set, Doc: "Set a value, as a member of the group.", Allow: service.Group("hostctl"), Mutates: true},
		{Function: rootOnly, Doc: "Do what nobody but root may."},
		{Function: authorized, Doc: "Do what polkit authorizes.", Allow: service.Polkit("org.outwork.testctl.act"), Mutates: true},
		{Function: boom, Doc: "Panic.", Allow: service.Anyone(), Mutates: true},
		{Function: goexit, Doc: "End the goroutine.", Allow: service.Anyone(), Mutates: true},
		{Function: wait, Doc: "Wait until the call is cancelled, or for a while.", Allow: service.Anyone(), Mutates: true},
		{Function: readFile, Doc: "Read an open file.", Allow: service.Anyone()},
		{Function: openFile, Doc: "Open a file that only root can read.", Allow: service.Group("hostctl"), Mutates: true},
		{Function: whoami, Doc: "Tell who the caller is.", Allow: service.Anyone()},
		{Function: ask, Doc: "Ask the caller back.", Allow: service.Anyone(), Asks: []outwork.AnyFunction{answer}},
		{Function: fail, Doc: "Fail.", Allow: service.Anyone(), Mutates: true},
	},
}

type (
	textArgs struct {
		Text string `cbor:"text" doc:"what to say" arg:"0" maxlen:"10000"`
	}
	textReply struct {
		Text string `cbor:"text"`
	}
	setArgs struct {
		Name   string `cbor:"name" doc:"of the value" pattern:"[a-z0-9-]{1,63}" arg:"0"`
		Value  int    `cbor:"value" doc:"the value" min:"0" max:"100" arg:"1"`
		Secret string `cbor:"secret,omitempty" doc:"what nobody is to see" secret:"true"`
	}
	waitArgs struct {
		For time.Duration `cbor:"for,omitempty" doc:"how long at most"`
	}
	fileArgs struct {
		File *os.File `cbor:"file" doc:"what to read" arg:"0" file:"pipe,regular"`
	}
	fileReply struct {
		File *os.File `cbor:"file"`
	}
	whoReply struct {
		UID    uint32   `cbor:"uid"`
		GID    uint32   `cbor:"gid"`
		Groups []uint32 `cbor:"groups"`
	}
	none struct{}
)

var echo = outwork.Func("echo", func(_ context.Context, a textArgs) (textReply, error) { return textReply(a), nil })

var set = outwork.Func("value.set", func(context.Context, setArgs) (none, error) { return none{}, nil })

var rootOnly = outwork.Func("root.only", func(context.Context, none) (textReply, error) { return textReply{"root"}, nil })

var authorized = outwork.Func("authorized", func(context.Context, none) (textReply, error) { return textReply{"done"}, nil })

var boom = outwork.Func("boom", func(context.Context, textArgs) (none, error) { panic("the secret of the stack") })

var goexit = outwork.Func("goexit", func(context.Context, none) (none, error) { runtime.Goexit(); return none{}, nil })

var wait = outwork.Func("wait", func(ctx context.Context, a waitArgs) (none, error) {
	if a.For == 0 {
		a.For = time.Minute
	}
	select {
	case <-ctx.Done():
		return none{}, ctx.Err()
	case <-time.After(a.For):
		return none{}, nil
	}
})

var readFile = outwork.Func("file.read", func(_ context.Context, a fileArgs) (textReply, error) {
	defer a.File.Close()
	b, err := io.ReadAll(io.LimitReader(a.File, 1000))
	return textReply{string(b)}, err
})

var openFile = outwork.Func("file.open", func(context.Context, none) (fileReply, error) {
	f, err := os.Open("/etc/shadow")
	return fileReply{f}, err
})

var whoami = outwork.Func("whoami", func(ctx context.Context, _ none) (whoReply, error) {
	c := service.Caller(ctx)
	return whoReply{c.UID, c.GID, c.Groups}, nil
})

// answer is what the client grants.
var answer = outwork.Func("session.answer", func(context.Context, textArgs) (textReply, error) {
	return textReply{"from the session of " + os.Getenv("USER")}, nil
})

var ask = outwork.Func("ask", func(ctx context.Context, a textArgs) (textReply, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := answer.Call(ctx, call.Back(ctx), textArgs{"?"})
	return textReply{a.Text + " " + r.Text}, err
})

var fail = outwork.Func("fail", func(context.Context, none) (none, error) {
	return none{}, errors.New("it did not work\nreally \x1b]52;c;eA==\a not")
})

// syncBuffer collects what a process writes.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
