package gate

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/transport"
)

func TestJoin(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("", s.token(Pass{Names: "db1"}))
		if name := s.join(d, stream); name != "db1" {
			t.Errorf("it is called %q", name)
		}
		h := s.host()
		if h.Name != "db1" || h.Addr.String() != "10.0.0.1:1" || !h.Stream.Joined() {
			t.Errorf("%+v", h)
		}
		s.logsNothing()
	})
}

// Each token that is worth nothing is refused in one sentence; the log says why.
func TestTokenOverTheWire(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		used, revoked, expired := s.token(Pass{}), s.token(Pass{}), s.token(Pass{Expires: time.Minute})
		d, stream := s.dialler("db1", used)
		s.join(d, stream)
		s.host()
		if err := s.gate.Revoke(revoked); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		k := newTicket(s.gate.Pin())
		unknown := k.text()
		good, _ := parseTicket(s.token(Pass{Uses: -1}))
		good.secret[3]++
		for token, want := range map[string]error{
			used: errTokenUsed, revoked: errTokenRevoked, expired: errTokenExpired, unknown: errTokenUnknown, good.text(): errTokenSecret,
		} {
			k, _ := parseTicket(token)
			d, stream := s.dialler("db2", token)
			s.refuses(d, stream, codeKey, "the token is unknown, used up, expired or revoked")
			s.logs(`level=WARN msg="refused a connection" addr=10.0.0.1:`, want.Error(), "token="+hex.EncodeToString(k.id[:]))
			if stream.Joined() {
				t.Error("it has a connection all the same")
			}
		}
		d, stream = s.dialler("db2", "")
		s.refuses(d, stream, codeKey, "needs a token")
		s.logs("no token")
		s.nobody()
	})
}

// A token that a gate with the same key has made is good again when it is said so, and no
// other.
func TestReadmit(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		old := newTicket(s.gate.Pin())
		d, stream := s.dialler("", old.text())
		s.refuses(d, stream, codeKey, "the token is unknown")
		if err := s.gate.Readmit(old.text(), Pass{Names: "db1"}); err != nil {
			t.Fatal(err)
		}
		d, stream = s.dialler("", old.text())
		if name := s.join(d, stream); name != "db1" {
			t.Errorf("it is called %q", name)
		}
		s.host()
		d, stream = s.dialler("", old.text())
		s.refuses(d, stream, codeKey, "the token is unknown, used up")
		for token, want := range map[string]string{
			old.text():                          "known here already",
			newTicket(identity(t).Pin()).text(): "another key",
			"outwork-x":                         "not whole",
		} {
			if err := s.gate.Readmit(token, Pass{}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", token, err)
			}
		}
		if err := s.gate.Readmit(newTicket(s.gate.Pin()).text(), Pass{Names: "["}); err == nil {
			t.Error("a pattern that is none")
		}
	})
}

// A token of another gate fails at the key, before it is shown to anybody; a token that
// cannot be one before anybody is dialled.
func TestTokenOfAnother(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		other := newTicket(identity(t).Pin())
		d, stream := s.dialler("db1", other.text())
		_, _, err := d.Join(t.Context(), stream)
		if _, ok := errors.AsType[*channel.KeyError](err); !ok {
			t.Errorf("another's: %v", err)
		}
		synctest.Wait()
		s.logs("refused a connection", "it expects another key")
		dials := s.net.dialled()
		token := s.token(Pass{})
		d, stream = s.dialler("db1", token[:len(token)-5])
		if _, _, err := d.Join(t.Context(), stream); err == nil || !strings.Contains(err.Error(), "not whole") {
			t.Errorf("cut: %v", err)
		}
		d.Token, d.Channel.Pin = "", channel.Pin{}
		if _, _, err := d.Join(t.Context(), stream); err == nil || !strings.Contains(err.Error(), "neither a token nor a shared secret") {
			t.Errorf("none: %v", err)
		}
		if s.net.dialled() != dials {
			t.Error("somebody was dialled")
		}
	})
}

func TestNames(t *testing.T) {
	within(t, func(c *Config) { c.MaxHosts = 2 }, func(t *testing.T, s *scene) {
		token := s.token(Pass{Names: "db*", Uses: -1})
		d, stream := s.dialler("db1", token)
		s.join(d, stream)
		s.host()
		for name, want := range map[string]struct {
			code         uint8
			text, reason string
		}{
			"":                       {codeName, "give it one", "no name"},
			"web1":                   {codeName, "not for the name web1", "does not allow: web1"},
			"db 1":                   {codeName, "no name of a host", `\"db 1\"`},
			"db1":                    {codeTaken, "a host of the name db1 is here", "host that is here: db1"},
			strings.Repeat("d", 500): {codeName, "bytes more is no name", "372 bytes more"},
		} {
			d, stream := s.dialler(name, token)
			s.refuses(d, stream, want.code, want.text)
			s.logs("refused a connection", want.reason)
			time.Sleep(logEvery)
		}
		d, stream = s.dialler("db2", token)
		s.join(d, stream)
		d, stream = s.dialler("db3", token)
		s.refuses(d, stream, codeFull, "as many hosts as it takes")
		s.host().Stream.Fail(errors.New("enough"))
		synctest.Wait() // db2 is forgotten
		s.log.take()
		s.join(d, stream)
	})
}

// A refused JOIN does not use the token up.
func TestTokenIsKeptForAName(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		token := s.token(Pass{Names: "db?"})
		d, stream := s.dialler("web", token)
		s.refuses(d, stream, codeName, "not for the name web")
		d, stream = s.dialler("db1", token)
		s.join(d, stream)
	})
}

// Who is cut off joins the session again: its host is the same, and nobody else is told.
func TestResumption(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		s.join(d, stream)
		h := s.host()
		s.send(stream, "a")
		s.send(h.Stream, "b")
		s.got(h.Stream, "a")
		s.got(stream, "b")
		for range 3 {
			s.net.cut()
			s.send(stream, "c")
			s.send(h.Stream, "d")
			s.logs(`level=WARN msg="host is cut off" host=db1 why=`, "for=2m0s")
			if h.Stream.Joined() {
				t.Fatal("it is not cut off")
			}
			time.Sleep(1500 * time.Millisecond)
			if name := s.join(d, stream); name != "db1" {
				t.Errorf("it is called %q", name)
			}
			s.logs(`level=INFO msg="host is back" host=db1 after=1.5s`)
			s.got(h.Stream, "c")
			s.got(stream, "d")
			if !h.Stream.Joined() {
				t.Error("it has no connection")
			}
		}
		// And when the old connection is there still, nothing was missed.
		s.join(d, stream)
		s.logsNothing()
		s.nobody()
	})
}

// raw is a channel to the gate.
func (s *scene) raw(c channel.Config) *channel.Conn {
	s.t.Helper()
	t, err := s.net.dial(s.t.Context(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	ch, err := channel.Dial(t, c)
	if err != nil {
		s.t.Fatal(err)
	}
	return ch
}

// says sends a message with its length, and returns the ADMIT, or nil when there is none.
func says(t *testing.T, ch *channel.Conn, message []byte) *admit {
	t.Helper()
	if err := ch.WriteAll(message); err != nil {
		t.Fatal(err)
	}
	b, err := readMessage(ch)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	a, err := parseAdmit(b)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// An impostor with the right session has another key; a JOIN that is said again, or late,
// is not newer.
func TestImpostor(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		s.join(d, stream)
		s.host()
		impostor, other := s.dialler("db1", d.Token)
		impostor.Session = d.Session
		impostor.attempt.Store(100)
		s.refuses(impostor, other, codeKey, "the session belongs to another key")
		s.logs("refused a connection", `"another key"`)
		if !stream.Joined() {
			t.Error("the host was thrown out")
		}
		for attempt, want := range map[uint64]uint8{0: codeAttempt, 1: codeAttempt} {
			j := join{joinVersion, d.Session[:], attempt, 0, "", []byte{}, []byte{}}
			b, _ := packed(joinPlan(), &j)
			ch := s.raw(d.Channel)
			if a := says(t, ch, b); a == nil || a.Code != want {
				t.Errorf("attempt %d: %+v", attempt, a)
			}
			ch.Close()
			s.logs("refused a connection", "an attempt that is not newer")
		}
		if !stream.Joined() {
			t.Error("the host was thrown out")
		}
		d.attempt.Store(0)
		s.refuses(d, stream, codeAttempt, "a newer attempt")
		s.log.take()
		s.join(d, stream)
	})
}

// What was recorded of a connection is worth nothing on another, whatever the channel.
func TestReplayedBytes(t *testing.T) {
	for name, c := range map[string]channel.Config{
		"keys": {Identity: identity(t)}, "secret": {Secret: []byte("sixteen bytes or so")},
	} {
		t.Run(name, func(t *testing.T) {
			within(t, func(cfg *Config) { cfg.Channel = c }, func(t *testing.T, s *scene) {
				token := ""
				if c.Secret == nil {
					token = s.token(Pass{Uses: -1})
				}
				d, stream := s.dialler("db1", token)
				d.Channel.Secret = c.Secret
				var sent bytes.Buffer
				d.dial = func(ctx context.Context, addr string) (mux.Transport, error) {
					t, err := s.net.dial(ctx, addr)
					return &recorded{t, &sent}, err
				}
				s.join(d, stream)
				s.host()
				said := bytes.Clone(sent.Bytes())
				conn, err := s.net.dial(t.Context(), "")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Send([][]byte{said}, nil); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if !s.log.has("refused a connection", "rule ") {
					t.Errorf("logged %q", s.log.take())
				}
				s.nobody()
				if !stream.Joined() {
					t.Error("the host was thrown out")
				}
			})
		})
	}
}

// recorded keeps what is sent.
type recorded struct {
	mux.Transport
	sent *bytes.Buffer
}

func (r *recorded) Send(bufs [][]byte, _ []*os.File) (int, error) {
	n, err := r.Transport.Send(bufs, nil)
	left := n
	for _, b := range bufs {
		k := min(left, len(b))
		r.sent.Write(b[:k])
		left -= k
	}
	return n, err
}

func TestMalformedJoin(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		for want, b := range map[string][]byte{
			"version 2: this side speaks version 1": {0, 2, 0x81, 2},
			"a length of 0":                         {0, 0},
			"a length of 2049":                      {8, 1},
			"a session of 1 bytes":                  append([]byte{0, 9}, 0x87, 1, 0x41, 0, 1, 0, 0x60, 0x40, 0x40),
		} {
			ch := s.raw(channel.Config{Identity: identity(t), Pin: s.gate.Pin()})
			if a := says(t, ch, b); a == nil || a.Code != codeVersion || !strings.Contains(a.Text, want) {
				t.Errorf("%s: %+v", want, a)
			}
			ch.Close()
			s.logs("refused a connection", "a JOIN that is none", want)
		}
	})
}

// A session with bytes in it that is not known is refused for good, and ends the stream
// of who has it; one that is over is not known.
func TestUnknownSession(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{Uses: -1}))
		j := join{joinVersion, d.Session[:], 7, 1, "db1", []byte{}, []byte{}}
		b, _ := packed(joinPlan(), &j)
		ch := s.raw(d.Channel)
		if a := says(t, ch, b); a == nil || a.Code != codeUnknown {
			t.Errorf("%+v", a)
		}
		ch.Close()
		s.logs("refused a connection", "a session that is not known any more")
		s.join(d, stream)
		h := s.host()
		h.Stream.Fail(errors.New("enough"))
		synctest.Wait() // it is forgotten, with its name
		s.log.take()
		other, otherStream := s.dialler("db1", d.Token)
		s.join(other, otherStream)
	})
}

// A new host takes the name of one that is cut off, and of no other.
func TestInstead(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{Uses: -1}))
		s.join(d, stream)
		h := s.host()
		s.net.cut()
		synctest.Wait()
		other, otherStream := s.dialler("db1", d.Token)
		s.join(other, otherStream)
		if err := h.Stream.Err(); err == nil || err.Error() != "another joined in its place as db1" {
			t.Errorf("the old stream: %v", err)
		}
		if h := s.host(); h.Name != "db1" || !h.Stream.Joined() {
			t.Errorf("%+v", h)
		}
		synctest.Wait()
		third, thirdStream := s.dialler("db1", d.Token)
		s.refuses(third, thirdStream, codeTaken, "is here")
	})
}

// One token for one host: of 50 that come at once, one gets in.
func TestSingleUse(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		token := s.token(Pass{})
		var in, refused atomic.Int32
		var group sync.WaitGroup
		for range 50 {
			d, stream := s.dialler("db1", token)
			group.Go(func() {
				_, _, err := d.Join(t.Context(), stream)
				if r, ok := errors.AsType[*Refusal](err); ok && r.Code == codeKey {
					refused.Add(1)
				} else if err == nil {
					in.Add(1)
				}
			})
		}
		group.Wait()
		if in.Load() != 1 || refused.Load() != 49 {
			t.Errorf("%d got in, %d were refused", in.Load(), refused.Load())
		}
		s.host()
		s.nobody()
	})
}

func TestSecret(t *testing.T) {
	secret := []byte("sixteen bytes or so")
	within(t, func(c *Config) { c.Channel = channel.Config{Secret: secret} }, func(t *testing.T, s *scene) {
		if _, err := s.gate.Token(Pass{}); err == nil || s.gate.Pin() != (channel.Pin{}) {
			t.Errorf("a token was made: %v", err)
		}
		d, stream := s.dialler("db1", "")
		d.Channel = channel.Config{Secret: []byte("another of 16 bytes")}
		if _, _, err := d.Join(t.Context(), stream); err == nil || !strings.Contains(err.Error(), "it has another secret") {
			t.Errorf("with another secret: %v", err)
		}
		s.logs("refused a connection", "rule tag")
		d.Channel.Secret = secret
		s.join(d, stream)
		h := s.host()
		s.net.cut()
		s.logs("host is cut off")
		s.join(d, stream)
		if !h.Stream.Joined() {
			t.Error("it has no connection")
		}
		s.logs("host is back")
		nameless, other := s.dialler("", "")
		nameless.Channel = d.Channel
		s.refuses(nameless, other, codeName, "give it one")
	})
}

// A stream that was there before is joined with its key alone, and is no host.
func TestExpect(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("", "")
		mine := resume.New(streamConfig)
		s.adopt(mine)
		s.refuses(d, stream, codeKey, "needs a token")
		s.log.take()
		s.gate.Expect(d.Session, identity(t).Pin(), "ssh-db1", mine)
		s.refuses(d, stream, codeKey, "another key")
		s.gate.Forget(d.Session)
		s.gate.Expect(d.Session, d.Channel.Identity.Pin(), "ssh://db1:22", mine)
		if name := s.join(d, stream); name != "" || !mine.Joined() {
			t.Errorf("it is called %q: %v", name, mine.Joined())
		}
		s.nobody()
		s.gate.Forget(d.Session)
		s.net.cut()
		synctest.Wait()
		s.refuses(d, stream, codeKey, "needs a token")
	})
}

// Who says nothing, or something without an end, is dropped in time.
func TestDeadline(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		silent, err := s.net.dial(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		ch := s.raw(channel.Config{Identity: identity(t), Pin: s.gate.Pin()})
		if err := ch.WriteAll([]byte{1}); err != nil {
			t.Fatal(err)
		}
		slow, err := s.net.dial(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []byte("\x16\x03\x01\x40\x00\x01\x00\x3f\xfc") { // one byte a second
			slow.Send([][]byte{{b}}, nil)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second - time.Nanosecond)
		s.logsNothing()
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if lines := s.log.find("refused a connection", `reason="no JOIN within 10 s"`); len(lines) != 3 {
			t.Errorf("logged %q", s.log.take())
		}
		if _, _, err := silent.Recv([][]byte{make([]byte, 1)}); !errors.Is(err, io.EOF) {
			t.Errorf("it is open still: %v", err)
		}
		ch.Close()
	})
}

// A host that is gone before it got its ADMIT may come again with its session, while its
// time runs; its token is used up, and its name taken.
func TestAdmitIsLost(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		token := s.token(Pass{})
		d, stream := s.dialler("db1", token)
		lose := func() {
			t.Helper()
			k, _ := parseTicket(token)
			j := join{joinVersion, d.Session[:], d.attempt.Add(1), 0, d.Name, k.id[:], k.secret[:]}
			b, _ := packed(joinPlan(), &j)
			ch := s.raw(d.Channel)
			s.net.setMute(true)
			defer s.net.setMute(false)
			if err := ch.WriteAll(b); err != nil {
				t.Fatal(err)
			}
			defer ch.Close()
			s.logs("refused a connection", "ADMIT could not be sent")
		}
		lose()
		s.nobody()
		time.Sleep(testRedial - 1)
		lose()
		s.join(d, stream)
		h := s.host()
		time.Sleep(time.Hour)
		synctest.Wait()
		if !h.Stream.Joined() || !stream.Joined() {
			t.Errorf("it was given up: %v", h.Stream.Err())
		}

		token = s.token(Pass{Uses: 2})
		d, stream = s.dialler("db2", token)
		lose()
		time.Sleep(testRedial)
		synctest.Wait()
		s.join(d, stream) // as a new host, by the token's second use
		s.host()
	})
}

// Close ends each that is not in, in whatever phase, tells nobody's stream, and takes no
// more.
func TestClose(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		s.join(d, stream)
		h := s.host()
		if _, err := s.net.dial(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		half, err := s.net.dial(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		half.Send([][]byte{{0x16, 3, 1, 1, 0, 1}}, nil)
		ch := s.raw(channel.Config{Identity: identity(t), Pin: s.gate.Pin()})
		synctest.Wait()
		for range 2 {
			if err := s.gate.Close(); err != nil {
				t.Error(err)
			}
		}
		s.logsNothing()
		if !h.Stream.Joined() || !stream.Joined() {
			t.Error("the host lost its connection")
		}
		if err := ch.ReadFull(make([]byte, 1)); err == nil {
			t.Error("a connection is open still")
		}
		ch.Close()
		late, lateStream := s.dialler("db2", "")
		if _, _, err := late.Join(t.Context(), lateStream); err == nil {
			t.Error("somebody has joined after Close")
		}
		s.gate.Expect(Session{1}, channel.Pin{}, "late", h.Stream)
	})
}

// The gate's records about a host end with Close, and nothing of it is left.
func TestCloseWhileCut(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, stream := s.dialler("db1", s.token(Pass{}))
		s.join(d, stream)
		s.host()
		s.net.cut()
		s.logs("host is cut off")
		s.gate.Close()
		s.logsNothing()
	})
}

// A listener that fails all the time makes no gate spin, and does not end it.
func TestAcceptFails(t *testing.T) {
	for _, failure := range []error{syscall.EMFILE, errors.New("something else")} {
		synctest.Test(t, func(t *testing.T) {
			ln := &failing{memory: newMemory(), err: &net.OpError{Op: "accept", Err: failure}}
			log, got := newLog()
			g := listen(ln, Config{Channel: channel.Config{Identity: identity(t)}, Log: log}, ln.wrap, 100)
			time.Sleep(time.Hour)
			if n := ln.calls.Load(); n < 3600 || n > 3620 {
				t.Errorf("%d calls of Accept in an hour", n)
			}
			if !got.has(`level=WARN msg="cannot take a connection" reason="accept: ` + failure.Error()) {
				t.Errorf("logged %q", got.take())
			}
			ln.works.Store(true)
			time.Sleep(longPause)
			conn, err := ln.dial(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			g.Close()
			if _, _, err := conn.Recv([][]byte{make([]byte, 1)}); !errors.Is(err, io.EOF) {
				t.Errorf("what was taken is open still: %v", err)
			}
		})
	}
}

// failing is a listener that fails until it works.
type failing struct {
	*memory
	err   error
	calls atomic.Int64
	works atomic.Bool
}

func (f *failing) Accept() (net.Conn, error) {
	if f.works.Load() {
		return f.memory.Accept()
	}
	f.calls.Add(1)
	return nil, f.err
}

// A stream over a hop goes on over a connection to the gate: the hop's end, which is the
// end of all before, is none then. Where there is no other connection it stays on the hop.
func TestConnectBack(t *testing.T) {
	within(t, nil, func(t *testing.T, s *scene) {
		d, there := s.dialler("", "")
		mine := resume.New(streamConfig)
		a, b := transport.Pair()
		mine.Begin(a)
		s.adopt(mine)
		if err := transport.SendAll(b, [][]byte{frame.Preamble()}, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n, _, err := b.Recv([][]byte{make([]byte, frame.PreambleSize)}); n != frame.PreambleSize {
			t.Fatal(err)
		}
		there.Answer(b)
		s.send(mine, "over the hop")
		s.got(there, "over the hop")

		s.gate.Expect(d.Session, d.Channel.Identity.Pin(), "ssh://db1", mine)
		right := d.Channel.Pin
		d.Channel.Pin[0]++
		if _, _, err := d.Join(t.Context(), there); err == nil || !there.Joined() {
			t.Fatalf("to another key: %v", err)
		}
		s.logs("it expects another key")
		s.send(there, "still")
		s.got(mine, "still")
		d.Channel.Pin = right
		s.join(d, there)
		if _, _, err := b.Recv([][]byte{make([]byte, 1)}); err == nil || errors.Is(err, mux.ErrAgain) {
			t.Errorf("the hop is open still: %v", err)
		}
		s.send(mine, "over")
		s.send(there, "back")
		s.got(there, "over")
		s.got(mine, "back")
		s.logsNothing()
		s.net.cut()
		s.logs("host is cut off", "host=ssh://db1")
		s.join(d, there)
		s.logs("host is back", "host=ssh://db1")
	})
}
