package polkit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// authority is the polkit of the private bus.
func authority(t *testing.T, c Config) *Authority {
	t.Helper()
	a := New(c)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func questionOf(c *caller, action string) policy.Question {
	return policy.Question{Subject: c.Subject, Action: "org.outwork.test." + action}
}

func TestRealPolkit(t *testing.T) {
	startBus(t)
	startPolkit(t)
	a := authority(t, Config{})
	for _, test := range []struct {
		user, action string
		details      map[string]string
		want         string
	}{
		{"alice", "yes", nil, "yes"},
		{"bob", "yes", nil, "polkit said no"},
		{"carol", "yes", nil, "yes"},
		{"nobody", "yes", nil, "polkit said no"},
		{"root", "yes", nil, "yes"},
		{"root", "no", nil, "yes"},
		{"alice", "no", nil, "polkit said no"},
		{"alice", "admin", nil, "it takes authentication, and no agent is there to ask for it: run pkttyagent, or call from a desktop session"},
		{"bob", "details", map[string]string{"function": "hostname.set", "name": "a\nb", "polkit.message": "forged"}, "yes"},
		{"bob", "details", nil, "polkit said no"},
		{"bob", "unknown", nil, "polkit does not know the action org.outwork.test.unknown: install its .policy file in /usr/share/polkit-1/actions"},
	} {
		t.Run(test.user+" "+test.action, func(t *testing.T) {
			q := questionOf(newCaller(t, test.user), test.action)
			q.Details = test.details
			answer, err := a.Ask(t.Context(), q)
			got := answer.Why
			switch {
			case err != nil:
				got = err.Error()
			case answer.Yes:
				got = "yes"
			}
			if got != test.want || answer.Yes && answer.Why != "" {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// started is a question that waits for an agent to authenticate its user.
type started struct {
	lines  *bufio.Scanner
	cookie string
	done   chan error
}

// begin asks, and returns when polkit has asked the agent.
func begin(t *testing.T, ctx context.Context, a *Authority, c *caller) *started {
	t.Helper()
	s := &started{lines: c.lines, done: make(chan error, 1)}
	go func() {
		q := questionOf(c, "self")
		q.Details = map[string]string{"function": "disk.wipe"}
		answer, err := a.Ask(ctx, q)
		if err == nil && !answer.Yes {
			err = errors.New(answer.Why)
		}
		s.done <- err
	}()
	if !s.lines.Scan() {
		t.Fatalf("the agent was not asked: %v", <-s.done)
	}
	words := strings.Fields(s.lines.Text())
	if len(words) != 4 || words[1] != "org.outwork.test.self" || words[2] != "disk.wipe" {
		t.Fatalf("the agent was asked %q", words)
	}
	s.cookie = words[3]
	return s
}

// A caller that goes away takes its question along.
func TestCancel(t *testing.T) {
	startBus(t)
	startPolkit(t)
	a := authority(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	s := begin(t, ctx, a, newCaller(t, "alice", withAgent))
	cancel()
	if err := <-s.done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if !s.lines.Scan() || s.lines.Text() != "cancel "+s.cookie {
		t.Errorf("the agent was told %q", s.lines.Text())
	}
}

func TestAskTime(t *testing.T) {
	startBus(t)
	startPolkit(t)
	a := authority(t, Config{AskTime: time.Second})
	s := begin(t, t.Context(), a, newCaller(t, "alice", withAgent))
	if err := <-s.done; err == nil || err.Error() != "polkit gave no answer within 1s: context deadline exceeded" {
		t.Errorf("got %v", err)
	}
	if !s.lines.Scan() || s.lines.Text() != "cancel "+s.cookie {
		t.Errorf("the agent was told %q", s.lines.Text())
	}
}

// The user authenticates; the test is PAM's helper, which is root.
func TestAuthenticates(t *testing.T) {
	startBus(t)
	startPolkit(t)
	a := authority(t, Config{})
	c := newCaller(t, "alice", withAgent)
	s := begin(t, t.Context(), a, c)
	respond(t, c.UID, s.cookie)
	fmt.Fprint(c.input, ".")
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

// respond tells polkit that a user has authenticated.
func respond(t *testing.T, uid uint32, cookie string) {
	t.Helper()
	conn, err := dbus.Connect(systemBus)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	identity := subject{"unix-user", map[string]dbus.Variant{"uid": dbus.MakeVariant(uid)}} // unsigned, other than in a subject
	obj := conn.Object(polkitName, polkitPath)
	if err := obj.Call(polkitInterface+".AuthenticationAgentResponse2", 0, uid, cookie, identity).Err; err != nil {
		t.Fatal(err)
	}
}

// An agent that ends without one having authenticated was sent away.
func TestDismissed(t *testing.T) {
	startBus(t)
	startPolkit(t)
	a := authority(t, Config{})
	c := newCaller(t, "alice", withAgent)
	s := begin(t, t.Context(), a, c)
	fmt.Fprint(c.input, ".")
	if err := <-s.done; err == nil || err.Error() != "polkit said no" {
		t.Errorf("got %v", err)
	}
}

// The process that polkit says yes to may be gone by then.
func TestCallerEnds(t *testing.T) {
	startBus(t)
	startPolkit(t)
	a := authority(t, Config{})
	c := newCaller(t, "alice")
	c.end()
	if _, err := a.Ask(t.Context(), questionOf(c, "yes")); !errors.Is(err, ErrGone) {
		t.Errorf("gone before it was asked: %v", err)
	}
	c = newCaller(t, "alice", withAgent)
	s := begin(t, t.Context(), a, c)
	respond(t, c.UID, s.cookie)
	c.end() // its agent goes along, and with it the authentication
	if err := <-s.done; err == nil {
		t.Error("polkit's yes is taken for a process that ended")
	}
}

func TestWhoIsNotKnown(t *testing.T) {
	realm.Need(t)
	a := authority(t, Config{})
	c := newCaller(t, "alice")
	for name, change := range map[string]func(*policy.Subject){
		"no process":                func(s *policy.Subject) { s.Peer = nil },
		"another uid":               func(s *policy.Subject) { s.UID++ },
		"another start":             func(s *policy.Subject) { s.Peer.Start++ },
		"no start":                  func(s *policy.Subject) { s.Peer.Start = 0 },
		"outside the pid namespace": func(s *policy.Subject) { s.Peer.PID = 0 },
	} {
		q := questionOf(c, "yes")
		if name != "no process" {
			peer := *c.Peer
			q.Subject.Peer = &peer
		}
		change(&q.Subject)
		if _, err := a.Ask(t.Context(), q); !errors.Is(err, ErrGone) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	q := questionOf(c, "yes")
	peer := *c.Peer
	q.Subject.Peer, q.Subject.UID, peer.UID = &peer, 1<<31, 1<<31
	if _, err := a.Ask(t.Context(), q); err == nil || !strings.Contains(err.Error(), "uid 2147483648") {
		t.Errorf("a uid that polkit does not take: %v", err)
	}
}

func TestBusy(t *testing.T) {
	startBus(t)
	startPolkit(t)
	a := authority(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	c := newCaller(t, "alice", withAgent)
	var waiting []*started
	for range MaxQuestionsPerUser {
		waiting = append(waiting, begin(t, ctx, a, c))
	}
	if _, err := a.Ask(t.Context(), questionOf(c, "yes")); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	if answer, err := a.Ask(t.Context(), questionOf(newCaller(t, "carol"), "yes")); err != nil || !answer.Yes {
		t.Errorf("somebody else: %v, %v", answer, err)
	}
	cancel()
	for _, s := range waiting {
		<-s.done
	}
	if answer, err := a.Ask(t.Context(), questionOf(c, "yes")); err != nil || !answer.Yes {
		t.Errorf("afterwards: %v, %v", answer, err)
	}
}
