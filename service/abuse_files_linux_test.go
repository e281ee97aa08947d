package service_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/realm"
)

// aFile is a call of file.read with one open file, as it should be.
var aFile = callHeader{function: "file.read", parts: []part{{field: 0, kind: fileKind}}}

// Files that nobody asked for, too many of them, or none end the connection, and are
// closed.
func TestAbuseFiles(t *testing.T) {
	d := abused(t)
	pipe := pipeEnd(t)
	open := frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End}
	ping := frame.Header{Kind: frame.Message, Handle: frame.Ping}
	for i, test := range []struct {
		name  string
		rule  string
		abuse func(s *stranger)
	}{
		{"no file where one is named", "fds", func(s *stranger) { s.openWith(1, aFile, encode(none{})) }},
		{"two files where one is named", "fds", func(s *stranger) { s.openWith(1, aFile, encode(none{}), pipe, pipe) }},
		{"a file that nothing names", "fds", func(s *stranger) { s.openWith(1, callHeader{function: "echo"}, encode(textArgs{"x"}), pipe) }},
		{"a file for a text", "reply", func(s *stranger) {
			s.openWith(1, callHeader{function: "echo", parts: aFile.parts}, encode(textArgs{"x"}), pipe)
		}},
		{"a file for a field that is not there", "reply", func(s *stranger) {
			s.openWith(1, callHeader{function: "file.read", parts: []part{{field: 7, kind: fileKind}}}, encode(none{}), pipe)
		}},
		{"a file for a field twice", "reply", func(s *stranger) {
			s.openWith(1, callHeader{function: "file.read", parts: []part{aFile.parts[0], aFile.parts[0]}}, encode(none{}), pipe, pipe)
		}},
		{"bytes for a file", "reply", func(s *stranger) {
			s.write(header(0, 1, frame.Open, frame.Bulk, 0))
			s.openWith(3, callHeader{function: "file.read", parts: []part{{field: 0, kind: bytesKind, stream: 1}}}, encode(none{}))
		}},
		{"a file with PING", "fds", func(s *stranger) { s.frame(ping, nil, pipe) }},
		{"a file beside no frame of its own", "fds", func(s *stranger) {
			for range 65 {
				s.write(header(0, 0, frame.Message, frame.Ping, 0), pipe)
			}
		}},
		{"253 files", "fds", func(s *stranger) { s.write([]byte{0}, times(pipe, 253)...) }},
		{"253 files of a call", "fds", func(s *stranger) { s.frame(open, encode("x"), times(pipe, 253)...) }},
		{"33 files of a call", "fds", func(s *stranger) { s.frame(open, encode("x"), times(pipe, 33)...) }},
		{"the connection itself", "fds", func(s *stranger) {
			f, err := s.conn.File()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s.frame(ping, nil, f)
		}},
	} {
		before := d.footprint()
		uid := uint32(21_000 + i) // the log tells only so much of each
		s := connectAs(t, realm.User{Name: test.name, UID: uid, GID: uid})
		s.greet()
		test.abuse(s)
		if !s.hungUp() {
			t.Errorf("%s: the daemon does not hang up", test.name)
		}
		s.close()
		d.settles(before)
		d.told(fmt.Sprintf(`a client's connection was ended uid=%d pid=%d cause="rule %s: `, uid, os.Getpid(), test.rule))
	}
}

func times(f *os.File, n int) (files []*os.File) {
	for range n {
		files = append(files, f)
	}
	return files
}

// pipeEnd is the end to read from of a pipe that nobody writes to any more.
func pipeEnd(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { r.Close() })
	return r
}

// A file of another kind than a function likes is its error, and nothing else's.
func TestAbuseKindsOfFiles(t *testing.T) {
	d := abused(t)
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s := greeted(t, "nobody")
	for i, test := range []struct {
		name, path string
		flags      int
		want       string // of the error; "" is that there is none
	}{
		{"a directory", dir, unix.O_RDONLY, "must be a "},
		{"a path", "/etc/shadow", unix.O_PATH, "bad file descriptor"},
		{"a file to write to", filepath.Join(dir, "file"), unix.O_WRONLY | unix.O_CREAT, "bad file descriptor"},
		{"a FIFO without a writer", fifo, unix.O_RDONLY | unix.O_NONBLOCK, ""},
		{"nothing", os.DevNull, unix.O_RDWR, "must be a "},
		{"zeros without end", "/dev/zero", unix.O_RDONLY, "must be a "},
	} {
		fd, err := unix.Open(test.path, test.flags|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), test.path)
		stream := uint32(2*i + 1)
		s.openWith(stream, aFile, encode(none{}), f)
		f.Close()
		a := s.answer(stream)
		if a.Code == 0 != (test.want == "") || !strings.Contains(a.Text, test.want) || strings.Contains(a.Text, "root:") {
			t.Errorf("%s: got %+v", test.name, a)
		}
	}
	d.healthy()
}

// The file of a call that is not let in is closed.
func TestAbuseFileOfTheDenied(t *testing.T) {
	d := abused(t)
	bob := greeted(t, "bob")
	before := d.footprint()
	for i := range uint32(50) {
		bob.openWith(2*i+1, callHeader{function: "file.forbidden", parts: aFile.parts}, encode(none{}), pipeEnd(t))
		if a := bob.answer(2*i + 1); !a.is("service.denied") {
			t.Fatalf("got %+v", a)
		}
	}
	now := d.footprint()
	for end := time.Now().Add(patience); now.fds > before.fds && time.Now().Before(end); now = d.footprint() {
		time.Sleep(time.Millisecond) // they are closed where nobody waits for it
	}
	if now.fds > before.fds {
		t.Errorf("50 denied calls make of %+v %+v", before, now)
	}
}

// A file that never comes to an end holds up who sent it.
func TestAbuseEndlessFile(t *testing.T) {
	d := abused(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := greeted(t, "nobody")
	most := uint32(testService.Limits.CallsPerUser)
	for i := range most {
		s.openWith(2*i+1, aFile, encode(none{}), r)
	}
	s.open(2*most+1, "echo", encode(textArgs{"x"}))
	r.Close()
	began := time.Now()
	d.healthy()
	if took := time.Since(began); took > time.Second {
		t.Errorf("a good client waits %v", took)
	}
	w.Close()
	if a := s.answer(1); !bytes.HasPrefix(a.reply, []byte{0x81, 0x80}) {
		t.Errorf("got %+v", a)
	}
}
