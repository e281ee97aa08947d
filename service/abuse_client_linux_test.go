package service_test

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/realm"
)

// stranger is a client of the daemon's that says what it likes.
type stranger struct {
	t     *testing.T
	conn  *net.UnixConn
	files []*os.File // that came with what was read
}

// connect connects to the daemon as one of the realm's users.
func connect(t *testing.T, user string) *stranger {
	t.Helper()
	return connectAs(t, realm.Lookup(user))
}

func connectAs(t *testing.T, u realm.User) *stranger {
	t.Helper()
	conn, err := dialAs(u, socketPath)
	if err != nil {
		t.Fatalf("connect as %s: %v", u.Name, err)
	}
	s := &stranger{t: t, conn: conn}
	t.Cleanup(s.close)
	return s
}

// greeted connects and says HELLO.
func greeted(t *testing.T, user string) *stranger {
	t.Helper()
	s := connect(t, user)
	s.greet()
	return s
}

// dialAs connects from a thread that is the user: the kernel notes who calls
// connect(2), and what the thread may be afterwards does not matter.
func dialAs(u realm.User, path string) (conn *net.UnixConn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if err = become(u); err == nil {
			conn, err = dialHere(path)
		}
	}()
	<-done
	return conn, err
}

// become makes this thread, and no other of the process, the user.
func become(u realm.User) error {
	groups := append([]uint32{u.GID}, u.Groups...)
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0)
	if errno == 0 {
		_, _, errno = unix.RawSyscall(unix.SYS_SETRESGID, uintptr(u.GID), uintptr(u.GID), uintptr(u.GID))
	}
	if errno == 0 {
		_, _, errno = unix.RawSyscall(unix.SYS_SETRESUID, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID))
	}
	if errno != 0 {
		return os.NewSyscallError("become a user", errno)
	}
	return nil
}

// dialHere connects on this thread; package net would do so wherever it likes.
func dialHere(path string) (*net.UnixConn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	return unixConn(f)
}

func unixConn(f *os.File) (*net.UnixConn, error) {
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

func (s *stranger) close() {
	s.conn.Close()
	for _, f := range s.files {
		f.Close()
	}
	s.files = nil
}

// write sends bytes and files. A daemon that has hung up meanwhile is no matter:
// what it answered is what counts.
func (s *stranger) write(b []byte, files ...*os.File) {
	s.t.Helper()
	var oob []byte
	if len(files) > 0 {
		var fds []int
		for _, f := range files {
			fds = append(fds, int(f.Fd()))
		}
		oob = unix.UnixRights(fds...)
	}
	s.conn.SetWriteDeadline(time.Now().Add(patience))
	_, _, err := s.conn.WriteMsgUnix(b, oob, nil)
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		s.t.Errorf("write: %v", err)
	}
}

// frame sends a frame whose length and count of files are right.
func (s *stranger) frame(h frame.Header, payload []byte, files ...*os.File) {
	s.t.Helper()
	h.Length, h.FDs = uint32(len(payload)), uint8(len(files))
	s.write(append(h.Append(nil), payload...), files...)
}

func (s *stranger) control(h frame.Handle, payload []byte) {
	s.t.Helper()
	s.frame(frame.Header{Kind: frame.Message, Handle: h}, payload)
}

// say is a preamble and a HELLO.
func say() []byte {
	hello := encode(map[string]any{
		"name": "stranger", "build": "", "digest": make([]byte, 32), "window": 256 << 10, "streams": 16, "level": 0,
		"languages": []string{}, "confinement": "none", "functions": map[string]string{}, "pid": 1,
	})
	b := frame.Header{Kind: frame.Message, Handle: frame.Hello, Length: uint32(len(hello))}.Append(frame.Preamble())
	return append(b, hello...)
}

// greet does what any client does first.
func (s *stranger) greet() {
	s.t.Helper()
	s.write(say())
	if _, err := s.take(frame.PreambleSize); err != nil {
		s.t.Fatalf("the daemon says no preamble: %v", err)
	}
	if h, _, err := s.next(); err != nil || h.Handle != frame.Hello {
		s.t.Fatalf("the daemon says %s in place of HELLO: %v", h.Handle, err)
	}
}

// open sends a call of a function on a new stream.
func (s *stranger) open(stream uint32, function string, args []byte) {
	s.t.Helper()
	s.openWith(stream, callHeader{function: function}, args)
}

func (s *stranger) openWith(stream uint32, c callHeader, args []byte, files ...*os.File) {
	s.t.Helper()
	s.frame(frame.Header{Stream: stream, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End}, append(c.header(), args...), files...)
}

// callHeader is the header of a call.
type callHeader struct {
	function  string
	remaining time.Duration
	parts     []part
	grants    []string
}

// part is what travels beside the arguments: [field, kind, stream, size, offset,
// immutable, inline].
type part struct {
	field, kind, stream int
	size                int64
}

// The kinds of parts, and the field of filed that is a file.
const (
	bytesKind = 0
	fileKind  = 4
)

func (c callHeader) header() []byte {
	parts, grants := []any{}, []string{}
	for _, p := range c.parts {
		parts = append(parts, []any{p.field, p.kind, p.stream, p.size, 0, false, []byte{}})
	}
	return encode([]any{c.function, int64(c.remaining), parts, append(grants, c.grants...), 0})
}

// encode is v as CBOR.
func encode(v any) []byte {
	b, err := cbor.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// take reads n bytes.
func (s *stranger) take(n int) ([]byte, error) {
	b, oob := make([]byte, n), make([]byte, unix.CmsgSpace(4*frame.MaxFDs))
	s.conn.SetReadDeadline(time.Now().Add(patience))
	for got := 0; got < n; {
		k, noob, _, _, err := s.conn.ReadMsgUnix(b[got:], oob)
		s.keep(oob[:noob])
		if k == 0 && err == nil {
			err = io.EOF
		}
		if err != nil {
			return nil, err
		}
		got += k
	}
	return b, nil
}

func (s *stranger) keep(oob []byte) {
	messages, _ := unix.ParseSocketControlMessage(oob)
	for _, m := range messages {
		fds, _ := unix.ParseUnixRights(&m)
		for _, fd := range fds {
			s.files = append(s.files, os.NewFile(uintptr(fd), "passed"))
		}
	}
}

// next reads a frame.
func (s *stranger) next() (frame.Header, []byte, error) {
	b, err := s.take(frame.HeaderSize)
	if err != nil {
		return frame.Header{}, nil, err
	}
	h, err := frame.Parse(b)
	if err != nil {
		return h, nil, err
	}
	payload, err := s.take(int(h.Length))
	return h, payload, err
}

// outcome is what came of a call.
type outcome struct {
	_     struct{} `cbor:",toarray"`
	Code  int      // 0: it is a result
	Text  string
	Stack string
	Kinds []string
	Data  []typed

	reply []byte // with its header
}

// typed is one of the registered errors that an error is.
type typed struct {
	_      struct{} `cbor:",toarray"`
	Code   string
	Fields []byte
}

// is reports whether it is the error that crosses under a code.
func (o *outcome) is(code string) bool {
	return slices.ContainsFunc(o.Data, func(e typed) bool { return e.Code == code })
}

// answer waits for what comes of the call on a stream.
func (s *stranger) answer(stream uint32) (a outcome) {
	s.t.Helper()
	for {
		h, payload, err := s.next()
		switch {
		case err != nil:
			s.t.Fatalf("no answer on stream %d: %v", stream, err)
		case h.Stream != stream || h.Kind != frame.Message:
		case h.Handle == frame.Reply:
			return outcome{reply: payload}
		case h.Handle == frame.Error:
			if err := cbor.Unmarshal(payload, &a); err != nil {
				s.t.Fatalf("an answer that cannot be read: %v", err)
			}
			return a
		}
	}
}

// synchronize waits until the daemon has seen what was sent.
func (s *stranger) synchronize() {
	s.t.Helper()
	s.control(frame.Ping, []byte("?"))
	for {
		h, _, err := s.next()
		if err != nil {
			s.t.Fatalf("no PONG: %v", err)
		}
		if h.Handle == frame.Pong {
			return
		}
	}
}

// hungUp reads until the daemon hangs up, and reports whether it did.
func (s *stranger) hungUp() bool {
	s.conn.SetReadDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, s.conn)
	return err == nil || errors.Is(err, syscall.ECONNRESET)
}
