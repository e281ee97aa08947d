package outwork_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/gate"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/sshtest"
	"github.com/outwork-go/outwork/internal/transport"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/tcp"
)

// joining is what a host that joins is told on its standard input.
type joining struct {
	Address, Token, Name string
	Secret               []byte
	Redial               time.Duration
}

func init() {
	usualRoles["join"] = func() {
		var j joining
		if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		err := tcp.Join(ctx, tcp.JoinConfig{
			Address: j.Address, Token: j.Token, Name: j.Name, Secret: j.Secret, Redial: j.Redial,
			Joined: func(name string) { fmt.Println("joined as", name) },
		})
		e, _ := errors.AsType[*tcp.JoinError](err)
		fmt.Printf("ended, refused %v: %v\n", e != nil && e.Refused, err)
	}
}

// joiner is a process that joins.
type joiner struct {
	t    *testing.T
	cmd  *exec.Cmd
	said *bufio.Scanner
}

// joins starts one: in a machine, or here when that is nil.
func joins(t *testing.T, machine *sshtest.Machine, j joining) *joiner {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	if machine != nil {
		cmd = machine.Command(context.Background(), "exec "+installed(t, machine, exe))
	}
	cmd.Env = append(os.Environ(), usualRole+"=join")
	in, err := json.Marshal(&j)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		cmd.Process.Kill() // or it has ended
		cmd.Wait()
		r.Close()
	})
	return &joiner{t, cmd, bufio.NewScanner(r)}
}

// installed puts a program into a machine.
func installed(t *testing.T, machine *sshtest.Machine, program string) string {
	t.Helper()
	const to = "/usr/local/bin/joiner"
	b, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(machine.Path(to), b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// says waits for a line that begins so, which must be the next.
func (j *joiner) says(line string) {
	j.t.Helper()
	if !j.said.Scan() || !strings.HasPrefix(j.said.Text(), line) {
		j.t.Fatalf("it says %q, want %q", j.said.Text(), line)
	}
}

// awaitsHosts is a manager that hosts join, and where it listens.
func awaitsHosts(t *testing.T, c tcp.ListenConfig, addr string) (*outwork.Manager, *tcp.Listener, *logged) {
	t.Helper()
	log := &logged{}
	m := &outwork.Manager{Log: slog.New(slog.NewTextHandler(log, nil))}
	l, err := c.Listen(within(t), m, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, l, log
}

func token(t *testing.T, l *tcp.Listener, p tcp.Pass) string {
	t.Helper()
	token, err := l.Token(p)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A host that has joined is a host as others are.
func TestJoin(t *testing.T) {
	nothingLeft(t)
	m, l, _ := awaitsHosts(t, tcp.ListenConfig{}, "127.0.0.1:0")
	j := joins(t, nil, joining{Address: l.Addr(), Token: token(t, l, tcp.Pass{Names: "web-*"}), Name: "web-1"})
	host, err := l.Accept(within(t))
	if host != "join://web-1" || err != nil {
		t.Fatalf("%q, %v", host, err)
	}
	j.says("joined as web-1")
	all := l.Hosts()
	if len(all) != 1 || all[0].Name != "web-1" || all[0].Cut || all[0].Since.IsZero() || !strings.HasPrefix(all[0].Addr, "127.0.0.1:") {
		t.Errorf("hosts: %+v", all)
	}
	for _, back := range []string{"", tcp.Auto} {
		w := started(t, m, outwork.Target{Host: host, ConnectBack: back})
		if n, err := double.Call(within(t), w, 21); n != 42 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if w.Host() != host {
			t.Errorf("it is at %q", w.Host())
		}
	}
	r, err := m.Check(within(t), outwork.Target{Host: host})
	if err != nil || r.Facts.OS != "linux" {
		t.Errorf("check: %+v, %v", r, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	j.says("ended, refused false: <nil>")
	if _, err := l.Accept(t.Context()); !errors.Is(err, outwork.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if err := j.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// A manager that speaks nonsense is told so, and not left waiting for a host that it takes
// to be cut off.
func TestJoinNonsense(t *testing.T) {
	key, err := channel.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hosts := make(chan *gate.Host, 1)
	g := gate.Listen(ln, gate.Config{Channel: channel.Config{Identity: key}, Redial: time.Minute, Joined: func(h *gate.Host) { hosts <- h }})
	defer g.Close()
	at := g.Addr().String()
	pass, err := g.Token(gate.Pass{Names: "a"})
	if err != nil {
		t.Fatal(err)
	}
	j := joins(t, nil, joining{Address: at, Token: pass})
	stream := (<-hosts).Stream
	defer stream.Close()
	if err := transport.SendAll(stream, [][]byte{[]byte("this is no preamble")}, nil); err != nil {
		t.Fatal(err)
	}
	for err = error(nil); err == nil || errors.Is(err, mux.ErrAgain); _, _, err = stream.Recv([][]byte{make([]byte, 100)}) {
		if err != nil {
			stream.Poll()
		}
	}
	if _, ok := errors.AsType[*resume.EndError](err); !ok {
		t.Errorf("the manager has %v", err)
	}
	j.says("ended, refused false: join " + at + ": ")
	if !strings.Contains(j.said.Text(), "preamble") {
		t.Errorf("it says %s", j.said.Text())
	}
}

// A name is that of one host of the manager, at whichever listener.
func TestJoinTwoListeners(t *testing.T) {
	m, l, _ := awaitsHosts(t, tcp.ListenConfig{}, "127.0.0.1:0")
	other, err := tcp.Listen(within(t), m, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	joins(t, nil, joining{Address: l.Addr(), Token: token(t, l, tcp.Pass{Names: "a"})}).says("joined as a")
	second := joins(t, nil, joining{Address: other.Addr(), Token: token(t, other, tcp.Pass{Names: "a"})})
	second.says("ended, refused false: join " + other.Addr() + `: the other side ended it: "a host has joined as a at another`)
}

// Who waits for a call is told that the host was waited for, and how long.
func TestJoinedHostStaysAway(t *testing.T) {
	m := &outwork.Manager{Redial: time.Second, Log: slog.New(slog.DiscardHandler)}
	defer m.Close()
	l, err := tcp.Listen(within(t), m, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := sshtestProxy(t, l.Addr())
	joins(t, nil, joining{Address: proxy.address(), Token: token(t, l, tcp.Pass{Names: "a"})}).says("joined as a")
	w := started(t, m, outwork.Target{Host: "join://a"})
	call := wait.Go(t.Context(), w, struct{}{})
	proxy.Cut()
	if _, err = call.Result(); !errors.Is(err, lost.Host) || !strings.Contains(err.Error(), "did not come back within 1s") {
		t.Errorf("got %v", err)
	}
}

// A host behind one that has joined is cut off with that, and comes back with it; a worker
// that is closed meanwhile is missed alone.
func TestCutBehindJoinedHost(t *testing.T) {
	m := &outwork.Manager{Log: slog.New(slog.DiscardHandler), Hops: near}
	defer m.Close()
	l, err := tcp.Listen(within(t), m, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := sshtestProxy(t, l.Addr())
	joins(t, nil, joining{Address: proxy.address(), Token: token(t, l, tcp.Pass{Names: "a"})}).says("joined as a")
	at := outwork.Target{Via: []string{"join://a"}, Host: "near://"}
	one, other, first := started(t, m, at), started(t, m, at), started(t, m, outwork.Target{Host: "join://a"})
	back := time.After(link.Silence + 5*time.Second) // longer than who was told nothing waits
	proxy.Cut()
	soon(t, "close", func() { one.Close() })
	<-back
	proxy.Resume()
	for name, w := range map[string]*outwork.Worker{"there": first, "behind it": other} {
		if n, err := double.Call(within(t), w, 21); n != 42 || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// A host that has left before somebody accepted it is nobody's any more.
func TestAcceptOnce(t *testing.T) {
	m, l, _ := awaitsHosts(t, tcp.ListenConfig{}, "127.0.0.1:0")
	pass := token(t, l, tcp.Pass{Names: "a", Uses: -1})
	for range 2 {
		j := joins(t, nil, joining{Address: l.Addr(), Token: pass})
		j.says("joined as a")
		eventually(t, "it is here", func() bool { return len(l.Hosts()) == 1 })
		started(t, m, outwork.Target{Host: "join://a"})
		if err := j.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		j.says("ended, refused false: context canceled")
		eventually(t, "it has left", func() bool { return len(l.Hosts()) == 0 })
	}
	joins(t, nil, joining{Address: l.Addr(), Token: pass}).says("joined as a")
	if host, err := l.Accept(within(t)); host != "join://a" || err != nil {
		t.Errorf("%q, %v", host, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if host, err := l.Accept(ctx); err == nil {
		t.Errorf("%s is accepted twice", host)
	}
}

// Nobody has joined by that name: that host is not reached.
func TestNotJoined(t *testing.T) {
	notReached := func(m *outwork.Manager, why string) {
		t.Helper()
		_, started := m.Start(within(t), outwork.Target{Host: "join://web"})
		_, checked := m.Check(within(t), outwork.Target{Host: "join://web"})
		for _, err := range []error{started, checked} {
			e, ok := errors.AsType[*host.Error](err)
			if !ok || e.Stage != host.Connect || e.Hop != "join://web" || e.Code != -1 || e.Error() != "join://web: connect: "+why || !strings.HasSuffix(err.Error(), e.Error()) {
				t.Errorf("%T %v", err, err)
			}
		}
	}
	m := &outwork.Manager{}
	defer m.Close()
	notReached(m, "this manager does not listen for hosts: call tcp.Listen")
	m, l, _ := awaitsHosts(t, tcp.ListenConfig{}, "127.0.0.1:0")
	notReached(m, "no host has joined")
	joins(t, nil, joining{Address: l.Addr(), Token: token(t, l, tcp.Pass{Names: "a"})})
	if _, err := l.Accept(within(t)); err != nil {
		t.Fatal(err)
	}
	notReached(m, "no host has joined by that name; those that have: a")
}

// Who may not join is told so in a sentence.
func TestJoinRefused(t *testing.T) {
	_, l, log := awaitsHosts(t, tcp.ListenConfig{}, "127.0.0.1:0")
	_, other, _ := awaitsHosts(t, tcp.ListenConfig{}, "127.0.0.1:0")
	at := l.Addr()
	once := token(t, l, tcp.Pass{Names: "a"})
	first := joins(t, nil, joining{Address: at, Token: once})
	first.says("joined as a")
	revoked := token(t, l, tcp.Pass{})
	if err := l.Revoke(revoked); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		joining
		want string
	}{
		"used token":     {joining{Token: once}, "ended, refused true: join " + at + ": "},
		"revoked token":  {joining{Token: revoked}, "ended, refused true: join " + at + ": "},
		"other listener": {joining{Token: token(t, other, tcp.Pass{})}, "ended, refused false: join " + at + ": the other side has the key"},
		"cut token":      {joining{Token: once[:20]}, "ended, refused false: join " + at + ": "},
		"other name":     {joining{Token: token(t, l, tcp.Pass{Names: "b"}), Name: "c"}, "ended, refused true: join " + at + ": "},
		"taken name":     {joining{Token: token(t, l, tcp.Pass{Names: "*"}), Name: "a"}, "ended, refused false: join " + at + ": the manager refuses: a host of the name a is here"},
		"taken token":    {joining{Token: token(t, l, tcp.Pass{Names: "a"})}, "ended, refused false: join " + at + ": the manager refuses: a host of the name a is here"},
		"no token":       {joining{}, "ended, refused false: join " + at + ": there is neither a token nor a secret"},
		"a secret":       {joining{Secret: []byte("0123456789abcdef")}, "ended, refused false: join " + at + ": "},
		"short secret":   {joining{Secret: []byte("0123")}, "ended, refused false: join " + at + ": the secret has 4 bytes"},
	} {
		test.Address = at
		joins(t, nil, test.joining).says(test.want)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	log.says(t, "refused a connection")
	if text := log.String(); strings.Contains(text, once) || !strings.Contains(text, "addr=127.0.0.1:") {
		t.Errorf("the log: %s", text)
	}
}

// With nothing but a secret.
func TestJoinBySecret(t *testing.T) {
	secret := []byte("correct horse battery staple")
	m, l, _ := awaitsHosts(t, tcp.ListenConfig{Secret: secret}, "127.0.0.1:0")
	if _, err := l.Token(tcp.Pass{}); err == nil {
		t.Error("a token where there is a secret")
	}
	at := l.Addr()
	wrong := joins(t, nil, joining{Address: at, Secret: []byte("correct horse battery stable"), Name: "x"})
	wrong.says("ended, refused false: join " + at)
	joins(t, nil, joining{Address: at, Secret: secret, Name: "x"}).says("joined as x")
	w := started(t, m, outwork.Target{Host: "join://x"})
	if n, err := double.Call(within(t), w, 21); n != 42 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

// A host that leaves in peace is lost at once, and with it what it has started.
func TestHostLeaves(t *testing.T) {
	nothingLeft(t)
	m, l, _ := awaitsHosts(t, tcp.ListenConfig{}, "127.0.0.1:0")
	pass := token(t, l, tcp.Pass{Names: "a", Uses: -1})
	for range 2 { // it may come again
		j := joins(t, nil, joining{Address: l.Addr(), Token: pass})
		host, err := l.Accept(within(t))
		if err != nil {
			t.Fatal(err)
		}
		w := started(t, m, outwork.Target{Host: host})
		call := wait.Go(t.Context(), w, struct{}{})
		if _, err := double.Call(within(t), w, 1); err != nil {
			t.Fatal(err)
		}
		if err := j.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_, err = call.Result()
		if !errors.Is(err, lost.Host) || !strings.Contains(err.Error(), "the host leaves") {
			t.Errorf("the call: %v", err)
		}
		j.says("joined as a")
		j.says("ended, refused false: context canceled")
		eventually(t, "no host is joined", func() bool { return len(l.Hosts()) == 0 })
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// A manager that was started again does not know the hosts of the one before; with the same
// key it can tell them.
func TestManagerRestarts(t *testing.T) {
	identity, err := tcp.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().String()
	proxy := sshtestProxy(t, at)
	free.Close()
	m, l, _ := awaitsHosts(t, tcp.ListenConfig{Identity: identity}, at)
	j := joins(t, nil, joining{Address: proxy.address(), Token: token(t, l, tcp.Pass{})})
	if _, err := l.Accept(within(t)); err != nil {
		t.Fatal(err)
	}
	if !j.said.Scan() {
		t.Fatal("it has not joined")
	}
	proxy.Cut() // so that the manager cannot say that it ends
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	awaitsHosts(t, tcp.ListenConfig{Identity: identity}, at)
	proxy.Resume()
	j.says("ended, refused true: join " + proxy.address() + ": the manager refuses: the manager does not know this host any more")
}

// mangler forwards connections to target, and changes a byte of what comes from there when
// it is told to.
type mangler struct {
	net.Listener
	now atomic.Bool
}

func mangles(t *testing.T, target string) *mangler {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &mangler{Listener: ln}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", target)
			if err != nil {
				from.Close()
				return
			}
			all.Go(func() { p.pass(to, from, false) })
			all.Go(func() { p.pass(from, to, true) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
	return p
}

func (p *mangler) pass(from, to net.Conn, changes bool) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && changes && p.now.Swap(false) {
			b[n-1] ^= 1
		}
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// What was changed on the way is a violation that names its rule, and no reason to try
// again.
func TestMangled(t *testing.T) {
	for rule, c := range map[string]tcp.ListenConfig{"tls": {}, "tag": {Secret: []byte("0123456789abcdef")}} {
		m, l, _ := awaitsHosts(t, c, "127.0.0.1:0")
		proxy := mangles(t, l.Addr())
		j := joining{Address: proxy.Addr().String(), Secret: c.Secret, Name: "a"}
		if c.Secret == nil {
			j.Token = token(t, l, tcp.Pass{})
		}
		host := joins(t, nil, j)
		host.says("joined as a")
		w := started(t, m, outwork.Target{Host: "join://a"})
		proxy.now.Store(true)
		_, err := double.Call(within(t), w, 21)
		if e, ok := errors.AsType[*outwork.ProtocolError](err); !ok || e.Rule != rule {
			t.Errorf("%s: %v", rule, err)
		}
		host.says("ended, refused ")
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

type testProxy struct{ *sshtest.Proxy }

func (p testProxy) address() string { return net.JoinHostPort(p.Addr, fmt.Sprint(p.Port)) }

func sshtestProxy(t *testing.T, target string) testProxy {
	t.Helper()
	p, err := sshtest.NewProxy(target, sshtest.ProxyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return testProxy{p}
}
