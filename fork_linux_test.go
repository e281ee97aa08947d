package outwork

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// An interpreter that somebody has taken over may tell anything of its copy, and twice.
func TestForkOfLiar(t *testing.T) {
	for _, c := range []struct {
		name string
		pids []int64
		want int64
	}{{"none", []int64{0, 0, -1}, 0}, {"twice", []int64{0, 7, 7, 8}, 7}} {
		t.Run(c.name, func(t *testing.T) {
			ours, file, err := transport.SocketPair()
			if err != nil {
				t.Fatal(err)
			}
			fork := newFunction("guest.fork", "this test", func(ctx context.Context, a forkArgs) (Value, error) {
				for _, pid := range c.pids {
					link.From(ctx).Progress(pid, 0, "")
				}
				raw, err := codec.EncodeValue([]any{int64(0), int64(0), int64(0), int64(0), int64(0)})
				return Value{raw}, err
			})
			defer file.Close()
			fd, err := unix.Dup(int(file.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := transport.NewSocket(fd)
			if err != nil {
				t.Fatal(err)
			}
			liar := link.New(theirs, link.Config{
				Side: mux.WorkerSide, Serving: true, Functions: link.RegistryOf(fork), Errors: &link.Errors{}, Hello: link.Hello{Confinement: "none"},
			})
			defer liar.Close()
			l := link.New(ours, link.Config{Side: mux.ManagerSide, Functions: &functions, Errors: &crossing, Hello: link.Hello{Confinement: "none"}})
			defer l.Close()
			if _, err := l.Greeted(t.Context()); err != nil { // a call with files is none that goes ahead
				t.Fatal(err)
			}
			f := &forked{of: &Worker{link: l}, began: make(chan struct{}), ended: make(chan struct{})}
			f.call(&forkArgs{"copy", file, file, file})
			if f.err != nil {
				t.Fatal(f.err)
			}
			began := false
			select {
			case <-f.began:
				began = true
			default:
			}
			if got := f.pid.Load(); got != c.want || began != (c.want > 0) {
				t.Errorf("its number is %d, begun %v; not %d", got, began, c.want)
			}
		})
	}
}
