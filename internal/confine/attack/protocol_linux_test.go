package attack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/sandbox"
)

// spoken are bytes for the link.
type spoken struct {
	Bytes []byte
	Files int // descriptors that go along
}

// speak says something on the link in the worker's name. Its result comes behind that.
var speak = outwork.Func("attack.speak", func(_ context.Context, s spoken) (struct{}, error) {
	var rights []byte
	if s.Files > 0 {
		fds := make([]int, s.Files)
		rights = unix.UnixRights(fds...) // its standard input, again and again
	}
	for b := s.Bytes; len(b) > 0; {
		n, err := unix.SendmsgN(3, b, rights, nil, 0)
		if errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil {
			return struct{}{}, err
		}
		b, rights = b[n:], nil
	}
	return struct{}{}, nil
})

// abuses are each message of the protocol, at each place, with what does not belong there.
func abuses() map[string]spoken {
	all := make(map[string]spoken)
	random := rand.New(rand.NewPCG(1, 2))
	handles := []frame.Handle{
		frame.Hello, frame.ForwardLog, frame.Shutdown, frame.LogLevel, frame.Ping, frame.Pong, frame.Output, frame.Pause,
		frame.CallFunction, frame.GetModule, frame.GetContainer, frame.Bulk, frame.ReadContainer, frame.SearchContainer,
		frame.HashContainer, frame.Relay, frame.CompareContainer, frame.ExtentContainer,
		frame.Reply, frame.Error, frame.Progress, frame.Item, 99,
	}
	for _, h := range handles {
		for _, stream := range []uint32{0, 1, 2, 1<<32 - 2} {
			payload := make([]byte, random.IntN(100))
			for i := range payload {
				payload[i] = byte(random.Uint32())
			}
			kind := frame.Message
			if stream == 2 {
				kind = frame.Open
			}
			b := frame.Header{Length: uint32(len(payload)), Stream: stream, Kind: kind, Handle: h}.Append(nil)
			all[fmt.Sprintf("%v of garbage on %d", h, stream)] = spoken{Bytes: append(b, payload...)}
		}
	}
	all["a frame of 4 GiB"] = spoken{Bytes: []byte("\xff\xff\xff\xff\x00\x00\x00\x01\x03\x00\x00\x00")}
	all["a web request"] = spoken{Bytes: []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")}
	all["files that belong to nothing"] = spoken{Bytes: frame.Header{Kind: frame.Message, Handle: frame.Ping, FDs: 9}.Append(nil), Files: 9}
	all["more files than a frame may have"] = spoken{Bytes: frame.Header{Kind: frame.Message, Handle: frame.Ping, FDs: 255}.Append(nil), Files: 250}
	all["files that no frame tells of"] = spoken{Bytes: frame.Header{Kind: frame.Message, Handle: frame.Ping}.Append(nil), Files: 3}
	return all
}

// TestProtocolAbuse: whatever a confined worker says on its link, at worst it is killed.
func TestProtocolAbuse(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which closes what was forgotten
	a := newAttacker(t, sandbox.Config{Level: sandbox.Strict})
	other := a.worker(t)
	a.w = nil
	killed, said, open := 0, 0, openHere(t)
	for name, s := range abuses() {
		if said++; sample > 1 && said%4 > 0 && s.Files == 0 {
			continue // a worker takes its time to start, and another quarter comes the next time
		}
		t.Run(name, func(t *testing.T) {
			w := a.worker(t)
			_, err := speak.Call(within(t), w, s)
			if err == nil {
				_, err = alive.Call(within(t), w, 1)
			}
			if n, err := alive.Call(within(t), other, 2); n != 4 || err != nil {
				t.Errorf("another worker: %d, %v", n, err)
			}
			if err == nil {
				return // nobody minds
			}
			if _, ok := errors.AsType[*outwork.ProtocolError](err); !ok {
				t.Errorf("got %T %v", err, err)
			}
			killed++
			<-w.Done()
			w.Close()
			a.w = nil
			noMore(t, w.PID())
		})
	}
	if a.w != nil {
		a.w.Close() // with what waits for its frame: 32 descriptors at most
		a.w = nil
	}
	now, tick, soon := openHere(t), time.NewTicker(time.Millisecond), within(t)
	defer tick.Stop()
	for len(now) > len(open) && soon.Err() == nil { // what a peer sent is closed where nobody waits for that
		<-tick.C
		now = openHere(t)
	}
	if len(now) > len(open) {
		t.Errorf("the manager has descriptors open that it had not before: are they those that were sent?\nbefore: %q\nnow: %q", open, now)
	}
	if killed < said/8 {
		t.Errorf("%d of %d were killed for it: was it said?", killed, said)
	}
}

// openHere is what this process has open, by what it is, but for the runtime's own files, which come
// when it likes, and a link's second descriptor, by which it waits when it rests.
func openHere(t *testing.T) []string {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for _, e := range all {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.HasPrefix(to, "/sys/fs/cgroup/") || strings.HasPrefix(to, "socket:") && slices.Contains(open, to) {
			continue
		}
		open = append(open, to)
	}
	return open
}
