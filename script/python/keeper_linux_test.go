package python

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/guest"
)

// alone is an interpreter that keeps itself, and its manager's end spoken by hand.
type alone struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *os.File
	errs *bytes.Buffer
	pid  int // the interpreter's, which is not cmd's
}

// soon is how long a test waits for what ought to come at once.
const soon = time.Minute

// startAlone starts one; change changes its runtime.
func startAlone(t *testing.T, change ...string) *alone {
	t.Helper()
	o := guest.Options{Plain: true, Alone: true, Functions: map[string]string{}}
	text := strings.NewReplacer(change...).Replace(string(program(o)))
	if len(change) > 0 && text == string(program(o)) {
		t.Fatalf("the runtime has none of %q", change)
	}
	feed := pack([]byte(text))
	path, err := Find("", nil)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	a := &alone{t: t, cmd: exec.Command(path, "-I", "-c", fmt.Sprintf(stub, 0, len(feed), "zlib.decompress(b)")), errs: &bytes.Buffer{}}
	a.cmd.Stderr = a.errs
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	a.out, a.cmd.Stdout = out, w
	if a.in, err = a.cmd.StdinPipe(); err == nil {
		err = a.cmd.Start()
	}
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.in.Close()
		a.out.Close()
		a.cmd.Process.Kill()
		a.cmd.Wait()
	})
	a.out.SetReadDeadline(time.Now().Add(soon))
	a.write(feed)
	a.greet()
	return a
}

func (a *alone) write(b []byte) {
	a.t.Helper()
	if _, err := a.in.Write(b); err != nil {
		a.t.Fatal(err)
	}
}

// send sends a frame.
func (a *alone) send(stream uint32, kind frame.Kind, handle frame.Handle, flags frame.Flags, payload []byte) {
	a.t.Helper()
	h := frame.Header{Stream: stream, Kind: kind, Handle: handle, Flags: flags, Length: uint32(len(payload))}
	a.write(append(h.Append(nil), payload...))
}

// next is the next frame, or the end.
func (a *alone) next() (frame.Header, []byte, error) {
	b := make([]byte, frame.HeaderSize)
	if _, err := io.ReadFull(a.out, b); err != nil {
		return frame.Header{}, nil, err
	}
	h, err := frame.Parse(b)
	if err != nil {
		return h, nil, err
	}
	b = make([]byte, binary.BigEndian.Uint32(b))
	_, err = io.ReadFull(a.out, b)
	return h, b, err
}

// expect passes over frames until one has that handle. To PING it answers meanwhile.
func (a *alone) expect(handle frame.Handle) []byte {
	a.t.Helper()
	for {
		h, b, err := a.next()
		if err != nil {
			a.t.Fatalf("waiting for %s: %v; %s", handle, err, a.errs)
		}
		switch h.Handle {
		case handle:
			return b
		case frame.Ping:
			a.send(0, frame.Message, frame.Pong, 0, b)
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := cbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (a *alone) greet() {
	a.t.Helper()
	preamble := make([]byte, frame.PreambleSize)
	if _, err := io.ReadFull(a.out, preamble); err != nil {
		a.t.Fatalf("%v; %s", err, a.errs)
	}
	a.write(preamble)
	a.send(0, frame.Message, frame.Hello, 0, marshal(a.t, map[string]any{"name": "a", "window": 65536, "level": 0}))
	var hello struct {
		PID int `cbor:"pid"`
	}
	if err := cbor.Unmarshal(a.expect(frame.Hello), &hello); err != nil || hello.PID == 0 || hello.PID == a.cmd.Process.Pid {
		a.t.Fatalf("%+v, %v", hello, err)
	}
	a.pid = hello.PID
}

// run has a script begin, and returns when that has printed something.
func (a *alone) run(source string) {
	a.t.Helper()
	list := marshal(a.t, []any{"x.py", source, []string{}, 0, []any{[]any{}, []any{}, []any{}}})
	call := append(marshal(a.t, []any{"guest.script", 0, []any{}, []any{}, 0}), marshal(a.t, list)...)
	a.send(1, frame.Open, frame.CallFunction, frame.End, call)
	if b := a.expect(frame.Output); !bytes.HasPrefix(b, []byte("\x01on")) {
		a.t.Fatalf("%q is printed", b)
	}
}

// ended waits for the end, and returns the exit status.
func (a *alone) ended() int {
	a.t.Helper()
	for {
		if _, _, err := a.next(); errors.Is(err, os.ErrDeadlineExceeded) {
			a.t.Fatal("it does not end")
		} else if err != nil {
			break
		}
	}
	a.cmd.Wait()
	if err := syscall.Kill(a.pid, 0); err != syscall.ESRCH {
		a.t.Errorf("the interpreter: %v", err)
	}
	return a.cmd.ProcessState.ExitCode()
}

// inC is a script in which nothing of Python's runs any more.
const inC = "print('on', flush=True)\n9**9**9"

// TestKeeper: it answers for an interpreter that computes, and ends it.
func TestKeeper(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(*alone)
		status int
	}{
		"the link ends":   {func(a *alone) { a.in.Close() }, 137},
		"a kill":          {func(a *alone) { a.send(0, frame.Message, frame.Shutdown, 0, []byte{9}) }, 137},
		"a signal":        {func(a *alone) { a.cmd.Process.Signal(syscall.SIGTERM) }, 137},
		"the interpreter": {func(a *alone) { syscall.Kill(a.pid, syscall.SIGSEGV) }, 128 + int(syscall.SIGSEGV)},
	} {
		t.Run(name, func(t *testing.T) {
			a := startAlone(t)
			a.run(inC)
			for i := range 3 {
				ping := fmt.Appendf(nil, "ping %d", i)
				a.send(0, frame.Message, frame.Ping, 0, ping)
				if pong := a.expect(frame.Pong); !bytes.Equal(pong, ping) {
					t.Errorf("%q is answered with %q", ping, pong)
				}
			}
			c.end(a)
			if got := a.ended(); got != c.status {
				t.Errorf("exit status %d, want %d; %s", got, c.status, a.errs)
			}
		})
	}
}

// TestKeeperSplit: frames that come byte by byte are the same.
func TestKeeperSplit(t *testing.T) {
	a := startAlone(t)
	a.run("print('on', flush=True)")
	for _, b := range append(frame.Header{Kind: frame.Message, Handle: frame.Ping, Length: 3}.Append(nil), "one"...) {
		a.write([]byte{b})
	}
	if pong := a.expect(frame.Pong); string(pong) != "one" {
		t.Errorf("%q", pong)
	}
	a.send(0, frame.Message, frame.Shutdown, 0, nil)
	if got := a.ended(); got != 0 {
		t.Errorf("exit status %d; %s", got, a.errs)
	}
}

// TestKeeperSilence: a manager of which nothing is heard is asked, and then given up; one
// that has announced its silence is waited for.
func TestKeeperSilence(t *testing.T) {
	a := startAlone(t, "SILENCE=15", "SILENCE=1.5")
	a.run(inC)
	for range 3 {
		ping := a.expect(frame.Ping)
		a.send(0, frame.Message, frame.Pong, 0, ping)
	}
	a.send(0, frame.Message, frame.Handle(8), 0, nil) // PAUSE
	a.out.SetReadDeadline(time.Now().Add(3 * time.Second))
	if h, _, err := a.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v, %v", h, err)
	}
	a.out.SetReadDeadline(time.Now().Add(soon))
	a.send(0, frame.Message, frame.Ping, 0, nil)
	a.expect(frame.Ping)
	if got := a.ended(); got != 137 {
		t.Errorf("exit status %d; %s", got, a.errs)
	}
}

// TestTooOld: what an interpreter says that is too old, while it can.
func TestTooOld(t *testing.T) {
	path, err := Find("", nil)
	if err != nil {
		t.Skip(err)
	}
	args, _ := interpreter{}.Start(guest.Options{Plain: true})
	args[2] = strings.Replace(args[2], "<(3,8)", "<(4,8)", 1)
	out, err := exec.Command(path, args...).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "Python 3.") || !strings.HasSuffix(string(out), " is too old: 3.8 or later is needed; name another with Target.Program, --python or OUTWORK_PYTHON\n") {
		t.Errorf("%v: %q", err, out)
	}
}
