package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/control"
	"github.com/outwork-go/outwork/cmd/outwork/internal/program"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/ptytest"
	"github.com/outwork-go/outwork/internal/record"
)

// token is one that somebody has made.
const token = "outwork-ARAREhMUFRYXICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU5PtwI1jw"

// pretendedHosts is a backend of which each host is this machine.
type pretendedHosts struct {
	m     outwork.Manager
	names []string
}

func (p *pretendedHosts) Address() string { return "0.0.0.0:7000" }

func (p *pretendedHosts) Hosts() (all []control.Host) {
	for _, name := range p.names {
		all = append(all, control.Host{Name: name, Addr: "10.0.0.7:4711", Cut: name == "cut"})
	}
	return all
}

func (p *pretendedHosts) Token(names string, uses int, expires time.Duration) (string, error) {
	return token, nil
}

func (p *pretendedHosts) Revoke(given string) error {
	if given == token {
		return nil
	}
	return errors.New("there is no such token")
}

func (p *pretendedHosts) Run(ctx context.Context, host string, c program.Command) (program.End, error) {
	if host != "web1" {
		return program.End{}, &control.LostError{Text: "no host has joined as " + host + ", but web1: see outwork hosts joined"}
	}
	w, err := p.m.Begin(ctx, outwork.Target{})
	if err != nil {
		return program.End{}, err
	}
	defer w.Close()
	return c.Run(ctx, w)
}

// pretend lets the command find hosts that have joined.
func pretend(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	server, err := control.Listen(path, cleanUp)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	p := &pretendedHosts{names: []string{"web1", "cut"}}
	go func() { served <- server.Serve(ctx, p) }()
	t.Cleanup(func() {
		cancel()
		<-served
		p.m.Close()
	})
	t.Setenv(control.Variable, path)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
}

// does runs the command, and checks what it says.
func does(t *testing.T, stdin string, status int, stdout, stderr string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	cmd := command(t, args...)
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &complaints
	err := cmd.Start()
	if err == nil {
		stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
		err = cmd.Wait()
		stop()
	}
	if got := cmd.ProcessState.ExitCode(); got != status || !strings.Contains(out.String(), stdout) || !strings.Contains(complaints.String(), stderr) {
		t.Errorf("%q: status %d, stdout %q, stderr %q (%v)", args, got, &out, &complaints, err)
	}
}

func TestAttach(t *testing.T) {
	pretend(t)
	does(t, "in", 3, "in", "err\n", "attach", "web1", "sh", "-c", "cat; echo err >&2; exit 3")
	does(t, "", 127, "", "outwork attach: cannot run no-such-program: there is no such program", "attach", "web1", "no-such-program")
	does(t, "", 3, "", "outwork attach: no host has joined as db1, but web1", "attach", "db1", "true")
	does(t, "", 2, "", "outwork attach: \"-x\" is no name of a host", "attach", "--", "-x", "true")
	does(t, "", 2, "", "outwork attach: there is no command behind web1", "attach", "web1")
	none := filepath.Join(t.TempDir(), "s")
	does(t, "", 3, "", "outwork attach: no listener runs at "+none+": start one", "attach", "--socket", none, "web1", "true")
}

// What has joined is a host as any other.
func TestJoinedHop(t *testing.T) {
	pretend(t)
	does(t, "in", 5, "in", "", "run", "--on", "join://web1", "--", "sh", "-c", "cat; exit 5")
	does(t, "", 0, `"yes"`, "", "run", "--on", "join://web1", "-c", "def main(): return 'yes'")
	does(t, "", 0, "join://web1", "", "hosts", "check", "join://web1")
	does(t, "", 3, "", "join://db1: connect: no host has joined as db1, but web1: see outwork hosts joined\n", "run", "--on", "join://db1", "--", "true")
	does(t, "", 0, "join://web1\n", "", "__complete", "run", "--on", "")
	does(t, "", 0, "back", "", "run", "--on", "join://web1", "--on", "join://web1", "--", "echo", "back")
	file := filepath.Join(t.TempDir(), "file")
	does(t, "", 0, "", "", "put", "/etc/passwd", "join://web1"+file)
	passwd, _ := os.ReadFile("/etc/passwd")
	if got, err := os.ReadFile(file); !bytes.Equal(got, passwd) || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestNoListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	t.Setenv(control.Variable, path)
	no := "no listener runs at " + path + ": start one with outwork listen :7000\n"
	does(t, "", 3, "", "join://web1: connect: "+no, "run", "--on", "join://web1", "--", "true")
	does(t, "", 3, "", "outwork hosts joined: "+no, "hosts", "joined")
	does(t, "", 3, "", "outwork hosts token: "+no, "hosts", "token", "web1")
	does(t, "", 3, `{"error":{"kind":"lost","message":"no listener runs at `, "", "hosts", "joined", "--json")
}

func TestHostsVerbsOfListeners(t *testing.T) {
	pretend(t)
	does(t, "", 0, "HOST         ADDRESS        SINCE", "", "hosts", "joined")
	does(t, "", 0, "join://cut ", "", "hosts", "joined")
	does(t, "", 0, `{"name":"web1","address":"10.0.0.7:4711","since":"0001-01-01T00:00:00Z","cut":false}`, "", "hosts", "joined", "--json")
	does(t, "", 0, token+"\n", "For one host called web1, run there: outwork join ", "hosts", "token", "web1")
	file := filepath.Join(t.TempDir(), "token")
	does(t, "", 0, "", ":7000 --token-file "+file, "hosts", "token", "web-*,uses=any,expires=1h="+file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	does(t, "", 2, "", "there is such a file already", "hosts", "token", "web1="+file)
	does(t, "", 0, `{"address":"0.0.0.0:7000","names":"web1","token":"`+token+`"}`, "", "hosts", "token", "--json", "web1")
	other := filepath.Join(t.TempDir(), "other")
	does(t, "", 0, `{"address":"0.0.0.0:7000","file":"`+other+`","names":"web1"}`, " --token-file "+other, "hosts", "token", "--json", "web1="+other)
	does(t, "", 0, "", "", "hosts", "revoke", file)
	does(t, token+"\n", 0, "", "", "hosts", "revoke", "-")
	mistyped := token[:20] + "A" + token[21:]
	does(t, mistyped, 2, "", "outwork hosts revoke: standard input: the token is mistyped", "hosts", "revoke", "-")
}

// An attach that is told to stop, or killed, leaves nothing there.
func TestAttachEnds(t *testing.T) {
	for name, end := range map[string]func(*running){
		"interrupted": func(r *running) {
			r.signal(syscall.SIGINT)
			r.end(statusInterrupted)
		},
		"killed": func(r *running) {
			r.Process.Kill()
			r.end(-1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t)
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, []byte("running\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r := start(t, "attach", "web1", "tail", "-f", file)
			end(r)
			io.Copy(io.Discard, r.stdout)
			until(t, "the command is gone", func() bool { return len(opened(t, file)) == 0 })
		})
	}
}

// opened are the processes that have a file open.
func opened(t *testing.T, file string) (pids []string) {
	t.Helper()
	fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); to == file {
			pids = append(pids, strings.Split(fd, "/")[2])
		}
	}
	return pids
}

// What a record or a host says does not drive the terminal, in JSON neither.
func TestHostileWordsOnATerminal(t *testing.T) {
	pretend(t)
	rec := filepath.Join(t.TempDir(), "evil.rec")
	if err := os.WriteFile(rec, recorded(record.Frame{Worker: "w\u009b2J\u202e", Header: frame.Header{Stream: 1, Kind: frame.Data}}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"wire", rec},
		{"wire", "--json", rec},
		{"attach", "web1", "printf", `w\302\2332J\342\200\256\033]0;title\007\033[6n`},
	} {
		s := sit(t, "", args...)
		s.leaves(statusOK)
		s.Look(func(v *ptytest.Screen) {
			if drawn := v.Drawn(); strings.ContainsAny(drawn, "\u009b\u202e\x07") || strings.Contains(drawn, "\x1b[6n") || !strings.Contains(drawn, `w\u009b2J\u202e`) {
				t.Errorf("%q: %q", args, drawn)
			}
		})
	}
}
