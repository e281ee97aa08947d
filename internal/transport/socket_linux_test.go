package transport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// sockets are two ends that are closed by the test.
func sockets(t *testing.T) (a, b *Socket) {
	t.Helper()
	a, f, err := SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	if b, err = NewSocket(fd); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// openFDs counts this process's file descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// counted runs f twice, and checks that the second time opened nothing for good.
func counted(t *testing.T, f func(t *testing.T)) {
	f(t)
	before := openFDs(t)
	t.Run("counted", f)
	if after := openFDs(t); after > before {
		t.Errorf("%d file descriptors before, %d after", before, after)
	}
}

func TestSocketFiles(t *testing.T) {
	counted(t, func(t *testing.T) {
		a, b := sockets(t)
		testFilesInOrder(t, a, b)
		for _, s := range []*Socket{a, b} {
			s.Stop()
			s.Close()
		}
	})
}

func TestSocketEnd(t *testing.T) {
	counted(t, func(t *testing.T) { a, b := sockets(t); testEnd(t, a, b) })
}

func TestSocketWaits(t *testing.T) {
	counted(t, func(t *testing.T) { a, b := sockets(t); testWaits(t, a, b) })
}

// echo answers calls with their argument and files, and ends waits for answers.
type echo struct {
	conn  *mux.Conn
	mu    sync.Mutex
	files []*os.File
}

func (e *echo) Handle(ev mux.Event) error {
	switch {
	case ev.Stream == nil:
	case ev.Kind == frame.Open && ev.Handle == frame.CallFunction:
		return e.conn.Queue(ev.Stream, frame.Reply, ev.Payload, true, ev.Files)
	case ev.End || ev.Kind == frame.Reset:
		e.mu.Lock()
		e.files = append(e.files, ev.Files...)
		e.mu.Unlock()
		if w, ok := ev.Stream.User.(*mux.Waiter); ok {
			e.conn.Signal(w)
		}
	}
	return nil
}

func (*echo) Closed(error) {}

func newConn(t mux.Transport, side mux.Side) (*mux.Conn, *echo) {
	s := mux.NewState(side, 64)
	s.Peer(mux.Window, 64)
	s.Raw(frame.Preamble())
	e := &echo{}
	e.conn = mux.NewConn(t, s, e, side == mux.WorkerSide)
	e.conn.Flush()
	return e.conn, e
}

// Many callers, each with files: what was passed comes back, and nothing stays
// open.
func TestConnOverSocket(t *testing.T) {
	counted(t, func(t *testing.T) { a, b := sockets(t); testConn(t, a, b, 32) })
}

// testConn has many callers, each with up to so many files.
func testConn(t *testing.T, a, b mux.Transport, files int) {
	m, em := newConn(a, mux.ManagerSide)
	w, _ := newConn(b, mux.WorkerSide)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 20 {
				if err := passCall(t, m, 1+i*3000, (i+j)%(files+1)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if files > 0 && len(em.files) == 0 {
		t.Error("no files came back")
	}
	closeFiles(em.files)
	m.Close()
	w.Close()
}

// passCall calls with n bytes and so many files.
func passCall(t *testing.T, c *mux.Conn, n, count int) error {
	files := make([]*os.File, count)
	for i := range files {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		files[i] = f
	}
	var w mux.Waiter
	if _, err := c.Open(t.Context(), frame.CallFunction, []byte(strings.Repeat("x", n)), true, files, &w); err != nil {
		return err
	}
	return c.Wait(t.Context(), &w)
}

// A peer that goes with files on the way in both directions leaves none open here.
func TestFilesOfALostPeer(t *testing.T) {
	counted(t, func(t *testing.T) {
		a, b := sockets(t)
		m, em := newConn(a, mux.ManagerSide)
		w, ew := newConn(b, mux.WorkerSide)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for passCall(t, m, 60000, 8) == nil {
				}
			})
		}
		if err := passCall(t, m, 10, 1); err != nil {
			t.Error(err)
		}
		w.Close()
		wg.Wait()
		err := m.Err()
		if _, ok := errors.AsType[*mux.SendError](err); !ok && err != io.EOF {
			t.Errorf("the link ended by %v", err)
		}
		m.Close()
		closeFiles(em.files)
		closeFiles(ew.files)
	})
}

// More files than may wait for their frame end the link by the rule's name.
func TestTooManyFiles(t *testing.T) {
	for _, many := range []int{mux.MaxPendingFDs + 1, maxRights} {
		counted(t, func(t *testing.T) {
			a, b := sockets(t)
			m, _ := newConn(a, mux.ManagerSide)
			f := pipeFile(t)
			fds := make([]int, many)
			for i := range fds {
				fds[i] = int(f.Fd())
			}
			if err := unix.Sendmsg(b.in, frame.Preamble(), unix.UnixRights(fds...), nil, 0); err != nil {
				t.Fatal(err)
			}
			<-m.Done()
			if v, ok := errors.AsType[*frame.Violation](m.Err()); !ok || v.Rule != "fds" {
				t.Errorf("%d files: %v", many, m.Err())
			}
			m.Close()
			b.Close()
			f.Close()
		})
	}
}

// A file that is refused is not this process's for a moment, and who passed it broke
// a rule.
func TestRefusedFile(t *testing.T) {
	counted(t, func(t *testing.T) {
		a, b := sockets(t)
		b.RefuseFiles()
		m, _ := newConn(b, mux.WorkerSide)
		f := pipeFile(t)
		if _, err := a.Send([][]byte{frame.Preamble()}, []*os.File{f}); err != nil {
			t.Fatal(err)
		}
		<-m.Done()
		if v, ok := errors.AsType[*frame.Violation](m.Err()); !ok || v.Rule != "fds" {
			t.Errorf("got %v", m.Err())
		}
		m.Close()
		a.Stop()
		a.Close()
		f.Close()
	})
}

// limited marks the child of TestLostFiles.
const limited = "OUTWORK_TEST_LIMITED"

// A process that has no room for the files that come to it says that, and blames
// nobody else: with room for some, and for none.
func TestLostFiles(t *testing.T) {
	if spare := os.Getenv(limited); spare != "" {
		loseFiles(t, spare)
		return
	}
	for _, spare := range []string{"0", "1"} {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestLostFiles$")
		cmd.Env = append(os.Environ(), limited+"="+spare)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "files are lost") {
			t.Errorf("room for %s: %v\n%s", spare, err, out)
		}
	}
}

func loseFiles(t *testing.T, spare string) {
	a, b := sockets(t)
	f := pipeFile(t)
	if _, err := a.Send([][]byte{{1}}, []*os.File{f, f, f}); err != nil {
		t.Fatal(err)
	}
	highest, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	limit := unix.Rlimit{Cur: uint64(highest + 1), Max: uint64(highest + 1)}
	if spare == "1" {
		unix.Close(highest)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	_, files, err := b.Recv([][]byte{make([]byte, 10)})
	if err == nil || !strings.Contains(err.Error(), "too many open files") || fmt.Sprint(len(files)) != spare {
		t.Fatalf("%d files, %v", len(files), err)
	}
	fmt.Println("files are lost")
}

// ends makes two ends of each kind that waits as waiter does.
var ends = map[string]func(t *testing.T) (a, b mux.Transport){
	"sockets": func(t *testing.T) (mux.Transport, mux.Transport) { return sockets(t) },
	"pipes":   plain,
}

// waiting is the waiter of an end.
func waiting(t mux.Transport) *waiter {
	if p, ok := t.(*pipes); ok {
		return &p.waiter
	}
	return &t.(*Socket).waiter
}

// TestPollSendIsPatient: a writer that waits for long is woken all the same, by
// room and by Stop.
func TestPollSendIsPatient(t *testing.T) {
	for kind, pair := range ends {
		for name, wake := range map[string]func(a, b mux.Transport){
			"room": func(_, b mux.Transport) {
				buf := make([]byte, 1<<20)
				for _, _, err := b.Recv([][]byte{buf}); err == nil; _, _, err = b.Recv([][]byte{buf}) {
				}
			},
			"Stop":                func(a, _ mux.Transport) { a.Stop() },
			"the end of the peer": func(_, b mux.Transport) { b.Close() },
		} {
			t.Run(kind+", "+name, func(t *testing.T) {
				a, b := pair(t)
				for _, err := a.Send([][]byte{make([]byte, 1<<20)}, nil); err == nil; _, err = a.Send([][]byte{make([]byte, 1<<20)}, nil) {
				}
				done := make(chan error)
				go func() { done <- a.PollSend() }()
				for waiting(a).send.Load() == nil { // it waits without a thread
					runtime.Gosched()
				}
				wake(a, b)
				if err := <-done; err != nil {
					t.Error(err)
				}
				a.Close()
				if name != "the end of the peer" {
					b.Close()
				}
			})
		}
	}
}

// TestRestLosesNothing: what comes at any moment between Rest, Poll and Recv is
// seen.
func TestRestLosesNothing(t *testing.T) {
	for kind, pair := range ends {
		for _, procs := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s, %d processors", kind, procs), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				a, b := pair(t)
				testRest(t, a, b)
				a.Close()
				b.Close()
			})
		}
	}
}

func testRest(t *testing.T, a, b mux.Transport) {
	const n = 5000
	var asker sync.WaitGroup
	asker.Go(func() {
		one := [][]byte{make([]byte, 1)}
		for range n {
			if _, err := a.Send(one, nil); err != nil {
				t.Error(err)
			}
			for _, _, err := a.Recv(one); err != nil; _, _, err = a.Recv(one) {
				a.Poll()
			}
		}
	})
	for i := 0; i < n; {
		wait := b.Rest
		if i%7 == 0 {
			wait = b.Poll
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Recv([][]byte{make([]byte, 1)}); err == nil {
			i++
			b.Send([][]byte{{1}}, nil)
		}
		if i%11 == 0 {
			b.Unpark()
		}
	}
	asker.Wait()
}
