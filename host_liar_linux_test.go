package outwork_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

func init() {
	usualRoles["liar that is silent"] = func() { lieAsAgent(func(*resetting, uint32) {}) }
	usualRoles["liar that lets go"] = func() { lieAsAgent((*resetting).reset) }
}

// resetting is a transport that sends a RESET behind what it sends next.
type resetting struct {
	mux.Transport
	stream atomic.Uint32
}

func (r *resetting) reset(stream uint32) { r.stream.Store(stream) }

func (r *resetting) Send(bufs [][]byte, files []*os.File) (int, error) {
	n, err := r.Transport.Send(bufs, files)
	for _, b := range bufs {
		n -= len(b)
	}
	if stream := r.stream.Load(); stream != 0 && n == 0 && err == nil { // no frame is cut in two
		r.stream.Store(0)
		b := frame.Header{Length: 2, Stream: stream, Kind: frame.Reset}.Append(nil)
		err = transport.SendAll(r.Transport, [][]byte{append(b, 0, byte(mux.Cancelled))}, nil)
	}
	for _, b := range bufs {
		n += len(b)
	}
	return n, err
}

// lieAsAgent is an agent whose processes are none: it takes each signal, and says that a process
// began, once then was called for its stream.
func lieAsAgent(then func(*resetting, uint32)) {
	in, errIn := unix.Dup(0)
	out, errOut := unix.Dup(1)
	pipes, err := transport.NewPipes(os.NewFile(uintptr(in), "in"), os.NewFile(uintptr(out), "out"))
	if err = errors.Join(errIn, errOut, err); err != nil {
		panic(err)
	}
	t := &resetting{Transport: pipes}
	type signal struct {
		ID     uint32
		Signal int
	}
	taken := link.Own("agent.signal", "this test", func(context.Context, *signal) (*struct{}, error) { return &struct{}{}, nil })
	l := link.New(t, link.Config{
		Side: mux.WorkerSide, Serving: true, NoFiles: true, Paced: true, Errors: &link.Errors{}, Alive: link.Silence,
		Functions: link.RegistryOf(taken), Hello: link.Hello{Name: "agent", Confinement: "none"},
		Relay: func(p *link.Relayed) {
			then(t, p.ID())
			p.Began(1)
			<-p.Done()
		},
	})
	<-l.Done()
}

type liarHop string

func (h liarHop) String() string { return "liar://" + string(h) }

func (liarHop) Direct() {}

func (h liarHop) Command(string) []string {
	return []string{"env", usualRole + "=liar that " + string(h), "/proc/" + strconv.Itoa(os.Getpid()) + "/exe"}
}

// A host that answers, and does not tell the end of a process, keeps nobody waiting for ever.
func TestHostTellsNoEnd(t *testing.T) {
	for lie, c := range map[string]struct {
		limits sandbox.Limits
		cause  lost.Cause
		or     string // a rule, of a protocol error
	}{
		"is silent": {limits: sandbox.Limits{WallTime: time.Millisecond}, cause: lost.Time, or: "handshake"}, // whose limit comes at the same time
		"lets go":   {cause: lost.Host},
	} {
		t.Run(lie, func(t *testing.T) {
			nothingLeft(t)
			m := outwork.Manager{Grace: time.Millisecond, Hops: map[string]func(string) (host.Hop, error){
				"liar": func(lie string) (host.Hop, error) { return liarHop(lie), nil },
			}}
			defer soon(t, "close", func() { m.Close() })
			if _, err := m.Check(within(t), outwork.Target{Host: "liar://" + lie}); err == nil {
				t.Fatal("it tells what it is")
			} // but it has greeted
			w, err := m.Begin(within(t), outwork.Target{Host: "liar://" + lie, Limits: c.limits})
			if err != nil {
				t.Fatal(err)
			}
			soon(t, "its end", func() { <-w.Done() })
			err = w.Err()
			if p, ok := errors.AsType[*outwork.ProtocolError](err); !errors.Is(err, c.cause) && !(ok && p.Rule == c.or) {
				t.Errorf("not for %q: %v", c.cause, err)
			}
		})
	}
}
