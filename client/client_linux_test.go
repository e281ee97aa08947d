package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// Functions of the service of these tests.
var (
	dialDouble = outwork.Func("test.service.double", func(ctx context.Context, n int) (int, error) {
		call.Progress(ctx, int64(n), 2*int64(n), "doubling")
		return 2 * n, nil
	})
	dialFail = outwork.Func("test.service.fail", func(context.Context, string) (int, error) {
		return 0, fmt.Errorf("red \x1b[31m, bell \a: %w", fs.ErrNotExist)
	})
	dialWait = outwork.Func("test.service.wait", func(ctx context.Context, _ int) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	dialBack = outwork.Func("test.service.back", func(ctx context.Context, n int) (int, error) {
		return dialDouble.Call(ctx, call.Back(ctx), n)
	})
	dialAbsent = outwork.Declare[int, int]("test.service.absent")
)

// dialMark, in the environment, is an address that this program dials in place of
// running tests.
const dialMark = "DIAL_TEST_ADDRESS"

func TestMain(m *testing.M) {
	if address := os.Getenv(dialMark); address != "" {
		dialRole(address)
		return
	}
	os.Exit(m.Run())
}

// dialRole dials address, and says how that went.
func dialRole(address string) {
	_, err := client.Dialer{UID: os.Geteuid()}.Dial(context.Background(), address)
	fmt.Println(errors.Is(err, fs.ErrPermission), err)
}

// ownUser dials services of the user who runs the tests.
var ownUser = client.Dialer{UID: os.Geteuid()}

// lost is err as the LostError that it must be.
func lost(t *testing.T, err error) *outwork.LostError {
	t.Helper()
	e, ok := errors.AsType[*outwork.LostError](err)
	if !ok {
		t.Fatalf("got %T %v, want a LostError", err, err)
	}
	return e
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// nothingLeft fails the test when there are more descriptors or goroutines at its
// end than now. It must come before what cleans up.
func nothingLeft(t *testing.T) {
	t.Helper()
	r, w, err := os.Pipe() // lets the runtime open what it keeps
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	w.Close()
	fds, routines := descriptors(t), runtime.NumGoroutine()
	t.Cleanup(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(patience); !t.Failed(); <-tick.C {
			d, r := descriptors(t), runtime.NumGoroutine()
			if d <= fds && r <= routines {
				return
			}
			if time.Now().After(deadline) {
				t.Errorf("%d descriptors and %d goroutines are left, of %d and %d before", d, r, fds, routines)
			}
		}
	})
}

// listening is a socket that is closed at the test's end.
func listening(t *testing.T) *net.UnixListener {
	t.Helper()
	dir, err := os.MkdirTemp("", "dial")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// fakeService serves the functions of these tests on l, until the test ends, and
// counts its links.
type fakeService struct {
	l  *net.UnixListener
	wg sync.WaitGroup

	mu    sync.Mutex
	links []*link.Link
}

func serveFake(t *testing.T) *fakeService {
	t.Helper()
	s := &fakeService{l: listening(t)}
	var reg link.Registry
	for _, f := range []any{dialDouble, dialFail, dialWait, dialBack} {
		if err := reg.Add(hook.Function(f)); err != nil {
			t.Fatal(err)
		}
	}
	s.wg.Go(func() { s.accept(t, &reg) })
	t.Cleanup(s.close)
	return s
}

func (s *fakeService) accept(t *testing.T, reg *link.Registry) {
	for {
		c, err := s.l.AcceptUnix()
		if err != nil {
			return
		}
		f, err := c.File()
		c.Close()
		if err != nil {
			t.Error(err)
			return
		}
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		f.Close()
		if err != nil {
			t.Error(err)
			return
		}
		sock, err := transport.NewSocket(fd)
		if err != nil {
			t.Error(err)
			return
		}
		l := link.New(sock, link.Config{
			Side: mux.WorkerSide, Service: true, Serving: true, Functions: reg, Errors: hook.Errors,
			Hello: link.Hello{Name: "fake", Confinement: "none", PID: os.Getpid()},
		})
		s.mu.Lock()
		s.links = append(s.links, l)
		s.mu.Unlock()
	}
}

// end ends the links that there are.
func (s *fakeService) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.links {
		l.Fail(err)
		l.Close()
	}
	s.links = nil
}

func (s *fakeService) close() {
	s.l.Close()
	s.wg.Wait()
	s.end(mux.ErrClosed)
}

func (s *fakeService) address() string { return "unix://" + s.l.Addr().String() }

// dialled is a connection to s.
func dialled(t *testing.T, s *fakeService) *client.Conn {
	t.Helper()
	c, err := ownUser.Dial(within(t), s.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestDial(t *testing.T) {
	nothingLeft(t)
	s := serveFake(t)
	path := s.l.Addr().String()
	for _, address := range []string{path, "unix:" + path, "unix://" + path} {
		c, err := ownUser.Dial(within(t), address)
		if err != nil {
			t.Fatal(err)
		}
		if c.Address() != "unix://"+path || c.Err() != nil {
			t.Errorf("%s, %v", c.Address(), c.Err())
		}
		if n, err := dialDouble.Call(within(t), c, 21); n != 42 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		c.Close()
		c.Close()
		<-c.Done()
		if err := c.Err(); !errors.Is(err, outwork.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if _, err := dialDouble.Call(within(t), c, 21); !errors.Is(err, outwork.ErrClosed) || lost(t, err).MayHaveRun {
			t.Errorf("called after: %v", err)
		}
	}
}

func TestConnErrors(t *testing.T) {
	nothingLeft(t)
	s := serveFake(t)
	c := dialled(t, s)
	_, err := dialFail.Call(within(t), c, "x")
	e, ok := errors.AsType[*outwork.RemoteError](err)
	if !ok || !errors.Is(err, fs.ErrNotExist) || e.Host != s.address() || strings.Contains(err.Error(), "\a") ||
		!strings.HasPrefix(err.Error(), "test.service.fail on the service at "+s.address()+": red ") {
		t.Errorf("%T %v", err, err)
	}
	_, err = dialAbsent.Call(within(t), c, 1)
	if e, ok := errors.AsType[*outwork.RemoteError](err); !ok || !e.Refused || !strings.Contains(e.Message, "test.service.absent") {
		t.Errorf("absent: %T %v", err, err)
	}
	ctx, cancel := context.WithCancel(within(t))
	cancel()
	if _, err := dialWait.Call(ctx, c, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if n, err := dialDouble.Call(within(t), c, 4); n != 8 || err != nil {
		t.Errorf("after all that: %d, %v", n, err)
	}
}

func TestConnGrantsAndProgress(t *testing.T) {
	nothingLeft(t)
	c := dialled(t, serveFake(t))
	var seen []string
	ctx := call.WithProgress(within(t), func(done, total int64, label string) {
		seen = append(seen, fmt.Sprint(done, " of ", total, " ", label))
	})
	if n, err := dialDouble.Call(ctx, c, 3); n != 6 || err != nil || fmt.Sprint(seen) != "[3 of 6 doubling]" {
		t.Errorf("%d, %v, %q", n, err, seen)
	}
	if n, err := dialBack.Call(call.WithGrants(within(t), dialDouble), c, 5); n != 10 || err != nil {
		t.Errorf("granted: %d, %v", n, err)
	}
	if _, err := dialBack.Call(within(t), c, 5); err == nil {
		t.Error("called back what was not granted")
	}
}

// Many at once, and then the service is gone: every call ends.
func TestConnIsLost(t *testing.T) {
	nothingLeft(t)
	s := serveFake(t)
	c := dialled(t, s)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for n := range 50 {
				if m, err := dialDouble.Call(within(t), c, n); m != 2*n || err != nil {
					t.Errorf("%d, %v", m, err)
				}
			}
		})
	}
	running.Wait()
	waiting := dialWait.Go(within(t), c, 1)
	if _, err := dialDouble.Call(within(t), c, 1); err != nil { // so the other has been sent
		t.Error(err)
	}
	s.end(io.EOF)
	_, err := waiting.Result()
	if e := lost(t, err); e.Host != s.address() || e.Function != "test.service.wait" || !strings.Contains(err.Error(), "it ended the connection") {
		t.Errorf("%v", err)
	}
	<-c.Done() // also when nobody calls
	if err := c.Err(); err == nil || lost(t, err).Function != "" {
		t.Errorf("%v", err)
	}
	if _, err := dialDouble.Call(within(t), c, 1); lost(t, err).MayHaveRun {
		t.Errorf("%v", err)
	}
}

// Whoever runs the service is told from whom was expected, before anything is
// said.
func TestImpostor(t *testing.T) {
	nothingLeft(t)
	l := listening(t)
	heard := make(chan int, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			heard <- -1
			return
		}
		defer c.Close()
		b, _ := io.ReadAll(c)
		heard <- len(b)
	}()
	_, err := client.Dialer{UID: os.Geteuid() + 7}.Dial(within(t), l.Addr().String())
	e, ok := errors.AsType[*client.ImpostorError](err)
	if !ok || int(e.UID) != os.Geteuid() || int(e.Want) != os.Geteuid()+7 || errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
	if n := <-heard; n != 0 {
		t.Errorf("it was sent %d bytes", n)
	}
}

func TestNoDaemon(t *testing.T) {
	nothingLeft(t)
	l := listening(t)
	path := l.Addr().String()
	l.SetUnlinkOnClose(false)
	l.Close()
	_, err := ownUser.Dial(within(t), path)
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "nobody listens on the socket") {
		t.Errorf("%v", err)
	}
	_, err = ownUser.Dial(within(t), path+"x")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "there is no socket, so its daemon does not run: start it") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(path+"y", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = ownUser.Dial(within(t), path+"y"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
}

// A socket that is not for this user: the error tells whom it is for.
func TestNotForThisUser(t *testing.T) {
	nothingLeft(t)
	l := listening(t)
	path := l.Addr().String()
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]string{
		0o400: "alone (mode 0400)",
		0o420: "and the group ", // which its owner, who dials unless it is root, may not use
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), dialMark+"="+path)
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "true ") || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v\n%s", mode, err, out)
		}
	}
}

// A service that has no room closes at once; one that is not a service is told
// from it; neither holds anything up.
func TestNotServed(t *testing.T) {
	nothingLeft(t)
	for words, check := range map[string]func(error) bool{
		"": func(err error) bool {
			return errors.Is(err, syscall.EAGAIN) && strings.Contains(err.Error(), "closed the connection at once")
		},
		"HTTP/1.1 400 Bad Request\r\n\r\n": func(err error) bool {
			e, ok := errors.AsType[*outwork.ProtocolError](err)
			return ok && e.Rule == "preamble" && strings.Contains(err.Error(), "the service at unix://")
		},
	} {
		l := listening(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, words)
			c.Close()
		}()
		_, err := ownUser.Dial(within(t), l.Addr().String())
		if !check(err) {
			t.Errorf("%q: %T %v", words, err, err)
		}
		<-done
	}
}

// Who gives up leaves nothing behind, in the queue and in the handshake.
func TestDialIsAbandoned(t *testing.T) {
	nothingLeft(t)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	path := filepath.Join(t.TempDir(), "s")
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	full := 0
	for range 5 { // the first have a place in the queue, and wait for an answer
		ctx, cancel := context.WithTimeout(within(t), 50*time.Millisecond)
		_, err := ownUser.Dial(ctx, path)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if errors.Is(err, syscall.EAGAIN) {
			full++
		}
		cancel()
	}
	if full == 0 {
		t.Error("the queue was never full")
	}
}
