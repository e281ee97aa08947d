package link

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// relays is an agent whose processes are functions, and its manager.
func relays(t testing.TB, by medium, process func(*Relayed)) (m, agent *Link) {
	t.Helper()
	return pair(t, by, nil, Config{}, Config{Relay: process})
}

func spawn(t testing.TB, m *Link, output func(int, []byte)) *Relay {
	t.Helper()
	r, err := m.Relay(t.Context(), &Spawn{Kind: SpawnCommand, Args: []string{}, Env: []string{}}, output, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// stream is a Transport as an io.ReadWriter.
type stream struct{ mux.Transport }

func (s stream) Read(p []byte) (int, error) {
	for {
		n, _, err := s.Recv([][]byte{p})
		if !errors.Is(err, mux.ErrAgain) {
			return n, err
		}
		if err := s.Poll(); err != nil {
			return 0, err
		}
	}
}

func (s stream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		k, err := s.Send([][]byte{p[n:]}, nil)
		n += k
		if errors.Is(err, mux.ErrAgain) {
			err = s.PollSend()
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// A process's bytes, output and end cross, more than any window at once.
func TestRelay(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789abcdef"), 10<<20/16)
	for _, by := range []medium{byMemory, bySocket, byPipes} {
		t.Run(string(by), func(t *testing.T) {
			nothingLeft(t)
			m, agent := relays(t, by, func(p *Relayed) {
				p.Began(77)
				s := stream{p.Transport()}
				p.Output(1, []byte("begins"))
				n, err := io.Copy(s, s)
				if n != int64(len(text)) || err != nil {
					p.Failed(err)
					return
				}
				p.Output(2, bytes.Repeat([]byte("e"), MaxOutput+1))
				p.Ended(Ended{Code: 3, User: 5, PeakMemory: 7, OutOfMemory: true, Tail: []byte("last words")})
			})
			var printed [3]strings.Builder
			r := spawn(t, m, func(fd int, b []byte) { printed[fd].Write(b) })
			go func() {
				stream{r.Transport()}.Write(text)
				r.CloseSend()
			}()
			got, err := io.ReadAll(stream{r.Transport()})
			if !bytes.Equal(got, text) || err != nil {
				t.Errorf("%d bytes came back, %v", len(got), err)
			}
			e, err := r.Wait()
			if e.Code != 3 || e.User != 5 || e.PeakMemory != 7 || !e.OutOfMemory || string(e.Tail) != "last words" || err != nil || r.PID() != 77 {
				t.Errorf("it ended with %+v, %v; process %d", e, err, r.PID())
			}
			if printed[1].String() != "begins" || printed[2].Len() != MaxOutput+1 {
				t.Errorf("it printed %q and %d bytes", printed[1].String(), printed[2].Len())
			}
			r.Transport().Close()
			rest(t, m, agent)
		})
	}
}

// What a process is to be held by reaches the agent as it was written: what is wrong with it is for
// who starts the process to say.
func TestRelayConfined(t *testing.T) {
	for _, policy := range []string{"", `{"level":"strict"}`, "\xff\x00 no policy"} {
		nothingLeft(t)
		m, agent := relays(t, byMemory, func(p *Relayed) {
			if string(p.Confine) != policy {
				p.Failed(fmt.Errorf("%q", p.Confine))
				return
			}
			p.Ended(Ended{Code: 4})
		})
		r, err := m.Relay(t.Context(), &Spawn{Args: []string{}, Env: []string{}, Confine: []byte(policy)}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := r.Wait(); e.Code != 4 || err != nil {
			t.Errorf("%q: %+v, %v", policy, e, err)
		}
		r.Transport().Close()
		rest(t, m, agent)
	}
}

// What a process wrote can be read when it has ended, and its end is known before.
func TestRelayEndsUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, agent := relays(t, byMemory, func(p *Relayed) {
			stream{p.Transport()}.Write([]byte("written"))
			p.Ended(Ended{})
		})
		r := spawn(t, m, nil)
		if _, err := r.Wait(); err != nil {
			t.Error(err)
		}
		got, err := io.ReadAll(stream{r.Transport()})
		if string(got) != "written" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if _, err := (stream{r.Transport()}).Write([]byte("late")); err == nil {
			t.Error("what nobody reads any more was taken")
		}
		rest(t, m, agent)
		m.Close()
		agent.Close()
	})
}

// A manager that reads no more ends the input; the process's end is told all the same.
func TestRelayClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, agent := relays(t, byMemory, func(p *Relayed) {
			s := stream{p.Transport()}
			go io.Copy(s, endless{}) // more than anybody takes
			n, err := io.Copy(io.Discard, s)
			if n != 5 || err != nil {
				p.Failed(errors.New("not what was sent"))
			}
			p.Ended(Ended{Code: 9})
		})
		r := spawn(t, m, nil)
		stream{r.Transport()}.Write([]byte("hello"))
		if _, err := io.ReadFull(stream{r.Transport()}, make([]byte, 1<<20)); err != nil {
			t.Error(err)
		}
		r.Transport().Close()
		if e, err := r.Wait(); e.Code != 9 || err != nil {
			t.Errorf("it ended with %+v, %v", e, err)
		}
		m.Close()
		agent.Close()
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestRelayFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, agent := relays(t, byMemory, func(p *Relayed) { p.Failed(errors.New("no such program")) })
		r := spawn(t, m, nil)
		_, err := r.Wait()
		if f, ok := errors.AsType[*Failure](err); !ok || f.Message != "no such program" {
			t.Errorf("got %v", err)
		}
		if n, err := r.Transport().(*mux.Pipe).Send([][]byte{{1}}, nil); err == nil {
			t.Errorf("sent %d bytes to nobody", n)
		}
		rest(t, m, agent)
		if _, err := m.Relay(t.Context(), &Spawn{Args: []string{strings.Repeat("x", MaxSpawn)}, Env: []string{}}, nil, nil); err == nil {
			t.Error("too long a command line was sent")
		}
		m.Close()
		agent.Close()
	})
}

// The end of the link ends its processes on both sides.
func TestRelayIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := make(chan error, 1)
		m, agent := relays(t, byMemory, func(p *Relayed) {
			_, err := io.Copy(io.Discard, stream{p.Transport()})
			<-p.Done()
			lost <- err
			p.Ended(Ended{})
		})
		r := spawn(t, m, nil)
		read := make(chan error, 1)
		go func() {
			_, err := stream{r.Transport()}.Read(make([]byte, 1))
			read <- err
		}()
		synctest.Wait()
		agent.Fail(errors.New("broken"))
		if err := <-read; err == nil {
			t.Error("who reads is not told")
		}
		if _, err := r.Wait(); err == nil {
			t.Error("who waits is not told")
		}
		if err := <-lost; err == nil {
			t.Error("the process is not told")
		}
		m.Close()
		agent.Close()
	})
}

// A link runs over a relay as over anything else, and one that stands still holds up no other.
func TestLinkInRelay(t *testing.T) {
	for _, by := range []medium{byMemory, bySocket, byPipes} {
		t.Run(string(by), func(t *testing.T) {
			nothingLeft(t)
			var reg Registry
			if err := reg.Add(echo()); err != nil {
				t.Fatal(err)
			}
			m, agent := relays(t, by, func(p *Relayed) {
				if p.Name == "stuck" {
					stream{p.Transport()}.Write(make([]byte, 1<<20)) // nobody reads it
					<-p.Done()
				} else {
					w := New(p.Transport(), Config{Side: mux.WorkerSide, Serving: true, NoFiles: true, Functions: &reg, Errors: &Errors{}})
					<-w.Done()
					w.Close()
				}
				p.Ended(Ended{})
			})
			if _, err := m.Relay(t.Context(), &Spawn{Name: "stuck", Args: []string{}, Env: []string{}}, nil, nil); err != nil {
				t.Fatal(err)
			}
			r := spawn(t, m, nil)
			inner := New(r.Transport(), Config{Side: mux.ManagerSide, NoFiles: true, Functions: &reg, Errors: &Errors{}, Same: true})
			f := reg.Lookup("echo")
			for _, n := range []int{0, 100, LiftBytes + 1, 5 << 20} {
				if n > LiftBytes {
					if _, err := inner.Greeted(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				got, err := call[echoArgs, echoReply](t.Context(), inner, f, echoArgs{make([]byte, n)}, nil)
				if err != nil || len(got.Data) != n {
					t.Fatalf("%d bytes: got %d, %v", n, len(got.Data), err)
				}
			}
			inner.Close()
			if _, err := r.Wait(); err != nil {
				t.Error(err)
			}
			m.Close()
			agent.Close()
		})
	}
}

// What an agent may not say on a RELAY, and a manager neither.
func TestRelayViolations(t *testing.T) {
	progressed := mustBytes(&progressPlan, progress{Done: 1})
	ended := mustBytes(&endedPlan, Ended{Tail: []byte{}})
	for _, c := range []struct {
		name, rule string
		say        func(r *raw)
	}{
		{"an ITEM without text", "message", func(r *raw) { say(r, 0, frame.Item, []byte{1}) }},
		{"an ITEM to descriptor 0", "message", func(r *raw) { say(r, 0, frame.Item, []byte("\x00x")) }},
		{"a PROGRESS that is none", "message", func(r *raw) { say(r, 0, frame.Progress, []byte("x")) }},
		{"an end that is none", "message", func(r *raw) { say(r, frame.End, frame.Reply, progressed) }},
		{"an end without END", "reply", func(r *raw) { say(r, 0, frame.Reply, ended) }},
		{"two ends", "ended", func(r *raw) {
			for range 2 {
				say(r, frame.End, frame.Reply, ended)
			}
		}},
		{"data beyond the credit", "credit", func(r *raw) {
			for range 6 {
				r.data(1, make([]byte, 1<<20), 0)
			}
		}},
		{"a RELAY to a manager", "handle", func(r *raw) { r.open(2, frame.Relay, mustBytes(&spawnPlan, Spawn{Args: []string{}, Env: []string{}})) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			nothingLeft(t)
			m, r := greeted(t, mux.ManagerSide, nil, Config{})
			spawn(t, m, func(int, []byte) {})
			r.ignore()
			c.say(r)
			if got := ends(t, m); got != c.rule {
				t.Errorf("rule %q: %v", got, m.Err())
			}
		})
	}
	good := Spawn{Args: []string{}, Env: []string{}}
	for name, c := range map[string]struct {
		rule string
		cfg  Config
		say  func(r *raw)
	}{
		"to no agent": {"handle", Config{}, func(r *raw) { r.open(1, frame.Relay, mustBytes(&spawnPlan, good)) }},
		"of no kind": {"message", asAgent, func(r *raw) {
			r.open(1, frame.Relay, mustBytes(&spawnPlan, Spawn{Kind: 9, Args: []string{}, Env: []string{}}))
		}},
		"of less": {"message", asAgent, func(r *raw) {
			r.open(1, frame.Relay, mustBytes(&spawnPlan, Spawn{Boot: -1, Args: []string{}, Env: []string{}}))
		}},
		"that is none": {"message", asAgent, func(r *raw) { r.open(1, frame.Relay, []byte("x")) }},
		"and a message": {"handle", asAgent, func(r *raw) {
			r.frame(frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.Relay}, mustBytes(&spawnPlan, good))
			say(r, 0, frame.Item, []byte("x"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			nothingLeft(t)
			w, r := greeted(t, mux.WorkerSide, nil, c.cfg)
			r.ignore()
			c.say(r)
			if got := ends(t, w); got != c.rule {
				t.Errorf("rule %q: %v", got, w.Err())
			}
		})
	}
}

// say sends a message on stream 1.
func say(r *raw, flags frame.Flags, h frame.Handle, payload []byte) {
	r.frame(frame.Header{Stream: 1, Kind: frame.Message, Handle: h, Flags: flags}, payload)
}

// asAgent is an agent whose processes run until the link ends.
var asAgent = Config{Relay: func(p *Relayed) {
	<-p.Done()
	p.Ended(Ended{})
}}

// A manager that wants a process gone says so by a RESET.
func TestRelayReset(t *testing.T) {
	w, r := greeted(t, mux.WorkerSide, nil, Config{Relay: func(p *Relayed) {
		<-p.Gone()
		p.Ended(Ended{})
	}})
	r.open(1, frame.Relay, mustBytes(&spawnPlan, Spawn{Args: []string{}, Env: []string{}}))
	r.reset(1)
	r.until(frame.Reset, 0)
	for deadline := time.Now().Add(patience); w.conn.Stream(1) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("the stream is still there")
		}
	}
}
