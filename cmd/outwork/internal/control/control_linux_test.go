package control

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/program"
)

// visitVariable makes this test's binary a client of the socket that it names.
const visitVariable = "TEST_VISIT"

func TestMain(m *testing.M) {
	outwork.Main()
	if path := os.Getenv(visitVariable); path != "" {
		visit(path)
	}
	os.Exit(m.Run())
}

// visit says what comes of a request.
func visit(path string) {
	_, err := Do(context.Background(), path, Request{Do: List})
	fmt.Println(err)
	os.Exit(0)
}

// soon is how long anything here may take, on the slowest machine.
const soon = time.Minute

// backend is one whose hosts are this machine, or what run says.
type backend struct {
	m     outwork.Manager
	hosts []Host
	run   func(ctx context.Context, c program.Command) (program.End, error)
}

func (b *backend) Address() string { return "[::]:7000" }
func (b *backend) Hosts() []Host   { return b.hosts }

func (b *backend) Token(names string, uses int, expires time.Duration) (string, error) {
	if names == "bad" {
		return "", errors.New("there is no such name")
	}
	return fmt.Sprintf("token %s %d %v", names, uses, expires), nil
}

func (b *backend) Revoke(token string) error { return fmt.Errorf("%q is no token", token) }

func (b *backend) Run(ctx context.Context, host string, c program.Command) (program.End, error) {
	if host != "here" {
		return program.End{}, &LostError{"no host has joined as " + host}
	}
	if b.run != nil {
		return b.run(ctx, c)
	}
	w, err := b.m.Begin(ctx, outwork.Target{})
	if err != nil {
		return program.End{}, err
	}
	defer w.Close()
	return c.Run(ctx, w)
}

// serve serves b at a path, until the function that it returns is called, or the test
// ends. Then nothing of it is left.
func serve(t *testing.T, b *backend) (path string, end func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	s, err := Listen(path, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, b) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		b.m.Close()
		if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
	t.Cleanup(end)
	return path, end
}

// files are this process's open files.
func files(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// settled fails when more goroutines than before stay.
func settled(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(soon); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, and there were %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestRequests(t *testing.T) {
	before, open := runtime.NumGoroutine(), files(t)
	b := &backend{}
	for i := range 3000 { // more than a record holds
		b.hosts = append(b.hosts, Host{Name: fmt.Sprintf("web%d", i), Addr: "10.0.0.1:4711", Since: time.Unix(int64(i), 0).UTC(), Cut: i%2 == 1})
	}
	path, end := serve(t, b)
	a, err := Do(t.Context(), path, Request{Do: List})
	if err != nil || len(a.Hosts) != 3000 || a.Hosts[2999] != b.hosts[2999] || a.Address != "[::]:7000" {
		t.Errorf("got %d hosts, %v, %v", len(a.Hosts), a.Address, err)
	}
	a, err = Do(t.Context(), path, Request{Do: Token, Names: "web-*", Uses: -1, Expires: time.Hour})
	if err != nil || a.Token != "token web-* -1 1h0m0s" {
		t.Errorf("got %q, %v", a.Token, err)
	}
	for want, r := range map[string]Request{
		"there is no such name":                           {Do: Token, Names: "bad"},
		`"x" is no token`:                                 {Do: Revoke, Text: "x"},
		`the listener does not know how to "dance": it i`: {Do: "dance"},
		"there is no command":                             {Do: attach, Host: "here"},
	} {
		if _, err := Do(t.Context(), path, r); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: got %v", r, err)
		}
	}
	end()
	settled(t, before)
	if n := files(t); n > open {
		t.Errorf("%d files are open, and were %d", n, open)
	}
}

// try attaches, and fails when it takes too long.
func try(t *testing.T, path string, c Command) (stdout, stderr string, status int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var out, complaints bytes.Buffer
	c.Host, c.Stdout, c.Stderr = "here", &out, &complaints
	status, err = Attach(ctx, path, c)
	if ctx.Err() != nil {
		t.Error("it took too long")
	}
	return out.String(), complaints.String(), status, err
}

func sh(script string) []string { return []string{"sh", "-c", script} }

func TestAttach(t *testing.T) {
	before := runtime.NumGoroutine()
	path, end := serve(t, &backend{})
	for _, test := range []struct {
		argv           []string
		stdin          string
		stdout, stderr string
		status         int
	}{
		{sh("echo out; echo err >&2; exit 3"), "", "out\n", "err\n", 3},
		{[]string{"printf", "%s|", "a b", "é", ""}, "", "a b|é||", "", 0},
		{[]string{"cat"}, "in", "in", "", 0},
		{sh("kill -9 $$"), "", "", "", 137},
		{sh("read x; echo $x; exec <&-; echo done"), "1\n2\n", "1\ndone\n", "", 0},
	} {
		stdout, stderr, status, err := try(t, path, Command{Argv: test.argv, Stdin: strings.NewReader(test.stdin)})
		if stdout != test.stdout || stderr != test.stderr || status != test.status || err != nil {
			t.Errorf("%q: got %q, %q, %d, %v", test.argv, stdout, stderr, status, err)
		}
	}
	if _, _, status, err := try(t, path, Command{Argv: []string{"no-such-program"}}); status != 127 || err == nil || !strings.Contains(err.Error(), "there is no such program") {
		t.Errorf("got %d, %v", status, err)
	}
	_, err := Attach(t.Context(), path, Command{Host: "nowhere", Argv: []string{"true"}, Stdout: io.Discard, Stderr: io.Discard})
	if e, ok := errors.AsType[*LostError](err); !ok || e.Text != "no host has joined as nowhere" {
		t.Errorf("got %v", err)
	}
	if _, _, _, err := try(t, path, Command{Argv: []string{strings.Repeat("x", maxPayload)}}); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
	end()
	settled(t, before)
}

func TestBytesBothWays(t *testing.T) {
	data := make([]byte, 20<<20)
	rand.Read(data)
	path, _ := serve(t, &backend{})
	stdout, _, status, err := try(t, path, Command{Argv: []string{"cat"}, Stdin: bytes.NewReader(data)})
	if stdout != string(data) || status != 0 || err != nil {
		t.Errorf("%d bytes came back as %d: %d, %v", len(data), len(stdout), status, err)
	}
}

// gate is a writer that waits.
type gate chan struct{}

func (g gate) Write(p []byte) (int, error) {
	<-g
	return len(p), nil
}

// Output that nobody takes is held back, and holds nothing else up.
func TestSlowReader(t *testing.T) {
	const much = 8 << 20
	written := make(chan int, much/maxPayload+1)
	b := &backend{run: func(_ context.Context, c program.Command) (program.End, error) {
		var out sync.WaitGroup
		out.Go(func() {
			for range much / maxPayload {
				n, _ := c.Stdout.Write(make([]byte, maxPayload))
				written <- n
			}
		})
		for range 100 {
			c.Stderr.Write(make([]byte, maxPayload))
		}
		io.WriteString(c.Stderr, "end")
		out.Wait()
		return program.End{}, nil
	}}
	path, _ := serve(t, b)
	slow, seen := make(gate), make(chan int, 1)
	complaints := &counter{want: 100*maxPayload + len("end"), enough: seen}
	ended := make(chan error, 1)
	go func() {
		_, err := Attach(t.Context(), path, Command{Host: "here", Argv: []string{"x"}, Stdout: slow, Stderr: complaints})
		ended <- err
	}()
	<-seen // all of standard error came
	if n := len(written) * maxPayload; n > 2*window {
		t.Errorf("%d bytes were taken that nobody reads", n)
	}
	close(slow)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// counter tells when it has enough.
type counter struct {
	n, want int
	enough  chan int
}

func (c *counter) Write(p []byte) (int, error) {
	if c.n += len(p); c.n == c.want {
		c.enough <- c.n
	}
	return len(p), nil
}

// waits is a command that says that it runs, reads nothing, and ends when it is told to.
func waits(ends chan<- error) func(context.Context, program.Command) (program.End, error) {
	return func(ctx context.Context, c program.Command) (program.End, error) {
		io.WriteString(c.Stdout, "running\n")
		<-ctx.Done()
		ends <- context.Cause(ctx)
		return program.End{Code: -1, Signal: 2}, nil
	}
}

// endless is input without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A client that goes has its command stopped, although that reads nothing of what was sent.
func TestClientGoes(t *testing.T) {
	ends := make(chan error, 1)
	path, _ := serve(t, &backend{run: waits(ends)})
	c := newTestConn(t, path)
	c.mustAsk(Request{Do: attach, Host: "here", Argv: [][]byte{[]byte("x")}})
	for range window / (maxPayload / 2) {
		if err := c.send(kindData, []byte{stdin}, make([]byte, maxPayload/2)); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	if err := <-ends; err != errGone {
		t.Errorf("got %v", err)
	}
}

func TestStop(t *testing.T) {
	ends := make(chan error, 1)
	path, _ := serve(t, &backend{run: waits(ends)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	status, err := Attach(ctx, path, Command{Host: "here", Argv: []string{"x"}, Stdin: endless{}, Stdout: onWrite(cancel), Stderr: io.Discard})
	if got := <-ends; got != errStopped || status != 130 || err != nil {
		t.Errorf("stopped for %v: %d, %v", got, status, err)
	}
}

// onWrite is a writer that says so.
type onWrite func()

func (w onWrite) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}

func TestListenerEnds(t *testing.T) {
	path, end := serve(t, &backend{run: waits(make(chan error, 1))})
	idle := newTestConn(t, path) // asks nothing, and holds nothing up
	_, err := Attach(t.Context(), path, Command{Host: "here", Argv: []string{"x"}, Stdout: onWrite(func() { go end() }), Stderr: io.Discard})
	if e, ok := errors.AsType[*LostError](err); !ok || e.Text != "the listener was ended" {
		t.Errorf("got %v", err)
	}
	end()
	if _, err := io.ReadAll(idle); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	_, err = Do(t.Context(), path, Request{Do: List})
	if _, ok := errors.AsType[*NoListenerError](err); !ok {
		t.Errorf("got %v", err)
	}
}

// Output that cannot be written ends the command.
func TestWriterFails(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err) // any Linux has it
	}
	defer full.Close()
	path, _ := serve(t, &backend{})
	if _, err := Attach(t.Context(), path, Command{Host: "here", Argv: []string{"yes"}, Stdout: full, Stderr: io.Discard}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
}

// testConn is a client that does what it likes.
type testConn struct {
	*conn
	t *testing.T
}

func newTestConn(t *testing.T, path string) *testConn {
	t.Helper()
	c, err := dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &testConn{c, t}
}

func (c *testConn) mustAsk(r Request) {
	c.t.Helper()
	if err := c.ask(r); err != nil {
		c.t.Fatal(err)
	}
}

// record is a record as it crosses.
func record(kind byte, payload string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(kind)<<24|uint32(len(payload)))) + payload
}

// Whatever else a client sends ends its connection, and nobody else's.
func TestHostileClients(t *testing.T) {
	before := runtime.NumGoroutine()
	ends := make(chan error, 1)
	path, end := serve(t, &backend{run: waits(ends)})
	piece := record(kindData, "\x00"+strings.Repeat("x", maxPayload-1))
	for name, sent := range map[string]string{
		"nothing":            "",
		"another protocol":   "GET / HTTP/1.1\r\n\r\n",
		"another version":    "outwork\x02",
		"no request":         preamble + record(kindData, "\x00x"),
		"a long record":      preamble + "\x01\xff\xff\xff",
		"no JSON":            preamble + record(kindRequest, "{"),
		"JSON of other kind": preamble + record(kindRequest, `{"Do":1}`),
	} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, sent)
		c.(*net.UnixConn).CloseWrite()
		if got, err := io.ReadAll(c); len(got) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		c.Close()
	}
	for name, sent := range map[string]string{
		"a second request":    record(kindRequest, "{}"),
		"an answer":           record(kindAnswer, "{}"),
		"output":              record(kindData, "\x01x"),
		"a lane that is none": record(kindData, "\x03x"),
		"no lane":             record(kindData, ""),
		"a stop with text":    record(kindStop, "x"),
		"consumed of input":   record(kindTook, "\x00\x00\x00\x00\x01"),
		"consumed too much":   record(kindTook, "\x01\x00\xff\xff\xff"),
		"a short count":       record(kindTook, "\x01\x00"),
		"data behind the end": record(kindData, "\x00") + record(kindData, "\x00x"),
		"more than a window":  strings.Repeat(piece, window/maxPayload+1),
		"cut":                 piece[:100],
	} {
		c := newTestConn(t, path)
		c.mustAsk(Request{Do: attach, Host: "here", Argv: [][]byte{[]byte("x")}})
		io.WriteString(c, sent)
		c.Conn.(*net.UnixConn).CloseWrite()
		if err := <-ends; err != errGone {
			t.Errorf("%s: the command ended for %v", name, err)
		}
		c.Close()
	}
	if _, err := Do(t.Context(), path, Request{Do: List}); err != nil {
		t.Error(err)
	}
	end()
	settled(t, before)
}

// A listener that is none is told as that.
func TestHostileServers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for sent, want := range map[string]string{
		"":                                         "the listener has ended",
		record(kindAnswer, "{"):                    "unexpected end of JSON",
		record(kindRequest, "{}"):                  "breaks the protocol",
		record(kindData, "\x00x"):                  "breaks the protocol",
		record(kindTook, "\x00\x7f\xff\xff\xff"):   "breaks the protocol",
		"HTTP/1.1 400 Bad Request\r\n":             "the listener",
		record(kindMore, "{") + "\x02\x00\x00\x01": "the listener",
	} {
		go func() {
			c, err := l.Accept()
			if err == nil {
				io.WriteString(c, sent)
				c.(*net.UnixConn).CloseWrite()
				io.Copy(io.Discard, c)
				c.Close()
			}
		}()
		_, err := Attach(t.Context(), path, Command{Host: "h", Argv: []string{"x"}, Stdout: io.Discard, Stderr: io.Discard})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", sent, err)
		}
	}
}

func TestSocket(t *testing.T) {
	path, _ := serve(t, &backend{})
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	_, err = Listen(path, 0)
	if e, ok := errors.AsType[*InUseError](err); !ok || e.PID != os.Getpid() || !strings.HasPrefix(err.Error(), "another outwork listen, process ") {
		t.Errorf("got %v", err)
	}
}

// What a listener that was killed has left is no hindrance.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	_, err = Do(t.Context(), path, Request{Do: List})
	if _, ok := errors.AsType[*NoListenerError](err); !ok {
		t.Errorf("got %v", err)
	}
	s, err := Listen(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("it is left: %v", err)
	}
}

func TestPath(t *testing.T) {
	runtimeDir := t.TempDir()
	t.Setenv(Variable, "")
	t.Setenv("XDG_RUNTIME_DIR", runtimeDir)
	if got, err := Path(""); got != filepath.Join(runtimeDir, "outwork", "listen.sock") || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	t.Setenv("XDG_RUNTIME_DIR", "")
	if got, err := Path(""); got != fmt.Sprintf("/tmp/outwork-%d/listen.sock", os.Getuid()) || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	t.Setenv(Variable, "/x/y.sock")
	if got, err := Path(""); got != "/x/y.sock" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := Path("/z"); got != "/z" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
	t.Setenv(Variable, "y.sock")
	if _, err := Path(""); err == nil {
		t.Error("a path that depends on the folder is taken")
	}
}

// The usual folder is the user's alone, or it is not used.
func TestFolder(t *testing.T) {
	t.Setenv(Variable, "")
	for want, prepare := range map[string]func(dir string) error{
		"": func(string) error { return nil },
		"others may use the folder": func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o711))
		},
		"is no folder": func(dir string) error { return os.Symlink("/tmp", dir) },
		"belongs to": func(dir string) error {
			if os.Getuid() != 0 {
				return os.Symlink("/root", dir) // nobody else's folder can be made
			}
			return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 65534, 65534))
		},
	} {
		if want == "belongs to" && os.Getuid() != 0 {
			continue
		}
		dir := t.TempDir()
		t.Setenv("XDG_RUNTIME_DIR", dir)
		if err := prepare(filepath.Join(dir, "outwork")); err != nil {
			t.Fatal(err)
		}
		path, err := Path("")
		if err != nil {
			t.Fatal(err)
		}
		s, err := Listen(path, 0)
		if want == "" {
			if err != nil {
				t.Error(err)
				continue
			}
			s.Close()
			if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("got %v, %v", info.Mode(), err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Another user is let in by neither the mode nor the server, and lets himself not be
// deceived by a server of ours.
func TestAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("only root can be another user")
		}
		t.Skip("only root can be another user")
	}
	dir, err := os.MkdirTemp("", "control")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	s, err := Listen(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, &backend{}) }()
	defer func() { cancel(); <-served }()
	binary := filepath.Join(dir, "visitor")
	copyFile(t, binary)
	as := func() string {
		cmd := exec.CommandContext(t.Context(), binary)
		cmd.Env = []string{visitVariable + "=" + path, "GORACE=atexit_sleep_ms=0"}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := as(); !strings.HasSuffix(got, ": permission denied") {
		t.Errorf("got %s", got)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := as(); got != lost(errEnded).Error() {
		t.Errorf("got %s", got)
	}
}

// copyFile copies this test's binary to where others may run it.
func copyFile(t *testing.T, to string) {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, self)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}
