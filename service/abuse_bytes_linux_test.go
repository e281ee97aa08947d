package service_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/realm"
)

// header is a frame's header that claims what it likes.
func header(length, stream uint32, kind frame.Kind, handle frame.Handle, flags frame.Flags) []byte {
	return frame.Header{Length: length, Stream: stream, Kind: kind, Handle: handle, Flags: flags}.Append(nil)
}

// pickle is what the published design ran as root.
const pickle = "cposix\nsystem\np0\n(S'touch /run/pwned'\np1\ntp2\nRp3\n."

// Whoever speaks something else is cut off, and the log says which rule they broke.
func TestAbuseBytes(t *testing.T) {
	d := abused(t)
	preamble := string(frame.Preamble())
	greeting := string(say())
	for i, test := range []struct{ name, says, rule string }{
		{"a pickle", pickle, "preamble"},
		{"a binary pickle", "\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94", "preamble"},
		{"a request of HTTP", "POST /hostname HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nweb1", "preamble"},
		{"a banner of ssh", "SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "preamble"},
		{"D-Bus", "\x00AUTH EXTERNAL 30\r\n", "preamble"},
		{"another version", frame.Magic + "\x00\x02\x00\x00", "version"},
		{"2^32-1 bytes at first", preamble + string(header(1<<32-1, 0, frame.Message, frame.Hello, 0)), "length"},
		{"2^32-1 bytes of a call", greeting + string(header(1<<32-1, 1, frame.Open, frame.CallFunction, frame.End)), "length"},
		{"2^32-1 bytes on no stream", greeting + string(header(1<<32-1, 77, frame.Data, 0, 0)), "length"},
		{"1 MiB of HELLO", preamble + string(header(1<<20, 0, frame.Message, frame.Hello, 0)), "length"},
		{"no HELLO", preamble + string(header(0, 0, frame.Message, frame.Ping, 0)), "handshake"},
		{"HELLO that is a pickle", preamble + string(header(uint32(len(pickle)), 0, frame.Message, frame.Hello, 0)) + pickle, "handshake"},
		{"two HELLOs", greeting + greeting[frame.PreambleSize:], "handshake"},
		{"a script", greeting + string(header(0, 1, frame.Open, frame.GetModule, frame.End)), "handle"},
		{"a container", greeting + string(header(0, 1, frame.Open, frame.GetContainer, frame.End)), "handle"},
		{"log records", greeting + string(header(0, 0, frame.Message, frame.ForwardLog, 0)), "handle"},
		{"SHUTDOWN", greeting + string(header(0, 0, frame.Message, frame.Shutdown, 0)), "handle"},
		{"LOG_LEVEL", greeting + string(header(0, 0, frame.Message, frame.LogLevel, 0)), "handle"},
		{"an answer to nothing", greeting + string(header(0, 2, frame.Message, frame.Reply, frame.End)), "stream"},
		{"more than the window", greeting + string(header(64<<10+1, 1, frame.Open, frame.CallFunction, frame.End)), "credit"},
		{"noise", greeting + strings.Repeat("\xff\x00\x7f", 100), "length"},
	} {
		uid := uint32(20_000 + i) // the log tells only so much of each
		s := connectAs(t, realm.User{Name: test.name, UID: uid, GID: uid})
		before := d.forgetPeak()
		s.write([]byte(test.says))
		if !s.hungUp() {
			t.Errorf("%s: the daemon does not hang up", test.name)
		}
		d.told(fmt.Sprintf(`a client's connection was ended uid=%d pid=%d cause="rule %s: `, uid, os.Getpid(), test.rule))
		if grown := d.footprint().peak - before.peak; grown > memoryFactor*8<<10 {
			t.Errorf("%s: the daemon took %d KiB", test.name, grown)
		}
		s.close()
	}
	if got := len(d.records(nil)); got != 0 {
		t.Errorf("there are %d records", got)
	}
}

// What nests too deep is an argument that does not fit, or no message at all.
func TestAbuseNesting(t *testing.T) {
	d := abused(t)
	const depth = 20_000
	lists, maps := bytes.Repeat([]byte{0x81}, depth), bytes.Repeat([]byte{0xa1, 0x61, 'x'}, depth)
	tags := bytes.Repeat([]byte{0xc1}, depth)
	s := greeted(t, "nobody")
	for i, deep := range [][]byte{lists, maps, tags, append([]byte("\xa1\x64text"), lists...)} {
		stream := uint32(2*i + 1)
		s.open(stream, "echo", append(bytes.Clone(deep), 0))
		if a := s.answer(stream); a.Code != 4 || len(a.Text) > 1000 {
			t.Errorf("%.8x…: got %d, %.200q", deep, a.Code, a.Text)
		}
	}
	for _, deep := range [][]byte{lists, maps, tags} {
		s := greeted(t, "nobody")
		s.frame(frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.End}, append(bytes.Clone(deep), 0))
		if !s.hungUp() {
			t.Errorf("%.8x… is taken for the header of a call", deep)
		}
		s.close()
	}
	d.told("rule message: ")
}

// drip sends bytes one at a time, as long as they are taken.
func (s *stranger) drip(b []byte, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range b {
		if _, err := s.conn.Write(b[i : i+1]); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-s.t.Context().Done():
			return
		}
	}
}

// Who begins something and is slow about it has 10 seconds, or as much as half again; who is idle may
// be so for ever.
func TestAbuseSlowness(t *testing.T) {
	d := abused(t)
	const every = 400 * time.Millisecond
	long := bytes.Repeat([]byte{'x'}, 1000)
	idle := greeted(t, "carol")
	call := header(1000, 1, frame.Open, frame.CallFunction, frame.End)
	var all sync.WaitGroup
	for _, test := range []struct {
		name, user string
		greets     bool
		talk       func(s *stranger)
	}{
		{"nothing", "carol", false, func(*stranger) {}},
		{"a slow preamble", "carol", false, func(s *stranger) { s.drip(say(), every) }},
		{"no HELLO", "carol", false, func(s *stranger) { s.write(frame.Preamble()) }},
		{"a slow header", "carol", true, func(s *stranger) { s.drip(call, 2*time.Second) }},
		{"a slow payload", "nobody", true, func(s *stranger) { s.write(call); s.drip(long, every) }},
		{"no payload", "nobody", true, func(s *stranger) { s.write(call) }},
		{"no end of a message", "nobody", true, func(s *stranger) { s.write(header(0, 1, frame.Open, frame.CallFunction, frame.More)) }},
		{"no end of bytes", "nobody", true, func(s *stranger) { s.write(header(0, 1, frame.Open, frame.Bulk, 0)) }},
	} {
		s := connect(t, test.user)
		if test.greets {
			s.greet()
		}
		all.Go(func() { test.talk(s) })
		all.Go(func() {
			began := time.Now()
			if hung, took := s.hungUp(), time.Since(began).Round(time.Second/10); !hung || took < 8*time.Second || took > 17*time.Second {
				t.Errorf("%s: the daemon hangs up: %v, after %v", test.name, hung, took)
			}
		})
	}
	d.healthy()
	all.Wait()
	d.told("rule stall: ")
	d.told("rule handshake: ")
	idle.open(1, "echo", encode(textArgs{"still here"}))
	if a := idle.answer(1); !bytes.Contains(a.reply, []byte("still here")) {
		t.Errorf("who was idle got %+v", a)
	}
}
