package askpass

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what ought to come at once.
const patience = time.Minute

// TestMain plays the program that ssh starts for asking, and an ordinary one.
func TestMain(m *testing.M) {
	if Wanted() {
		if err := Run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(Variable) != "" {
		fmt.Println("ordinary")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// nothingLeft checks at the test's end that it left no descriptor and no goroutine.
func nothingLeft(t *testing.T) {
	r, w, err := os.Pipe() // lets the runtime open what it keeps
	check(t, err)
	r.Close()
	w.Close()
	count := func() [2]int {
		fds, err := os.ReadDir("/proc/self/fd")
		check(t, err)
		return [2]int{len(fds), runtime.NumGoroutine()}
	}
	before := count()
	t.Cleanup(func() {
		now := count()
		for end := time.Now().Add(patience); (now[0] > before[0] || now[1] > before[1]) && time.Now().Before(end); now = count() {
			runtime.Gosched()
		}
		if now[0] > before[0] || now[1] > before[1] {
			t.Errorf("%v descriptors and goroutines, before %v", now, before)
		}
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func serve(t *testing.T, ask Ask) *Server {
	t.Helper()
	s, err := New(ask)
	check(t, err)
	t.Cleanup(s.Close)
	return s
}

// asks is a process that asks, as ssh starts it.
func asks(t *testing.T, s *Server, text, hint string) *exec.Cmd {
	env := s.Environ(os.Environ())
	if hint != "" {
		env = append(env, hintVariable+"="+hint)
	}
	cmd := exec.Command(program(os.Getpid()), text)
	cmd.Args[0] = program(os.Getpid())
	cmd.Env = env
	cmd.WaitDelay = patience
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	t.Cleanup(func() { timer.Stop() })
	return cmd
}

func TestAnswers(t *testing.T) {
	nothingLeft(t)
	const together = maxAsking + 8 // more than are worked on at once
	s := serve(t, func(_ context.Context, q Question) (string, error) {
		if !q.Secret || q.Notice {
			t.Errorf("asked %+v", q)
		}
		return "answer to " + q.Text, nil
	})
	var all sync.WaitGroup
	for i := range together {
		all.Go(func() {
			text := fmt.Sprintf("question %d: ", i)
			got, err := asks(t, s, text, "").Output()
			if want := "answer to " + text + "\n"; string(got) != want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
	all.Wait()
}

// Each of those who ask at once gets its own answer, in whatever order they come.
func TestAnswersCross(t *testing.T) {
	nothingLeft(t)
	var both sync.WaitGroup
	both.Add(2)
	first := make(chan struct{})
	s := serve(t, func(_ context.Context, q Question) (string, error) {
		both.Done()
		both.Wait()
		if q.Text == "a" {
			<-first
		}
		return q.Text, nil
	})
	var all sync.WaitGroup
	for _, text := range []string{"a", "b"} {
		all.Go(func() {
			got, err := asks(t, s, text, "").Output()
			if string(got) != text+"\n" || err != nil {
				t.Errorf("%s got %q, %v", text, got, err)
			}
			if text == "b" {
				close(first)
			}
		})
	}
	all.Wait()
}

func TestRefusals(t *testing.T) {
	nothingLeft(t)
	for name, test := range map[string]struct {
		answer string
		err    error
		hint   string
		want   string // "": refused
	}{
		"error":           {"secret", errors.New("no"), "", ""},
		"empty":           {"", nil, "", "\n"},
		"longest":         {strings.Repeat("x", MaxAnswer), nil, "", strings.Repeat("x", MaxAnswer) + "\n"},
		"too long":        {strings.Repeat("x", MaxAnswer+1), nil, "", ""},
		"two lines":       {"a\nb", nil, "", ""},
		"zero":            {"a\x00b", nil, "", ""},
		"confirmed":       {"Yes ", nil, "confirm", "yes\n"},
		"not confirmed":   {"no", nil, "confirm", ""},
		"empty, not yes":  {"", nil, "confirm", ""},
		"other, not yes":  {"what", nil, "confirm", ""},
		"confirm, failed": {"yes", errors.New("no"), "confirm", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(context.Context, Question) (string, error) { return test.answer, test.err })
			got, err := asks(t, s, "?", test.hint).Output()
			if string(got) != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

// A process that is killed takes its question with it.
func TestAskingProcessGoes(t *testing.T) {
	for _, hint := range []string{"", "none"} {
		t.Run(hint, func(t *testing.T) {
			nothingLeft(t)
			asked, over := make(chan Question, 1), make(chan error, 1)
			s := serve(t, func(ctx context.Context, q Question) (string, error) {
				asked <- q
				if q.Notice {
					go func() { <-ctx.Done(); over <- ctx.Err() }()
					return "ignored", nil
				}
				<-ctx.Done()
				over <- ctx.Err()
				return "", ctx.Err()
			})
			cmd := asks(t, s, "?", hint)
			check(t, cmd.Start())
			if q := <-asked; q.Notice != (hint == "none") || q.Secret == q.Notice {
				t.Errorf("asked %+v", q)
			}
			check(t, cmd.Process.Signal(syscall.SIGTERM)) // as ssh does when a key was touched
			cmd.Wait()
			if err := <-over; err != context.Canceled {
				t.Error(err)
			}
		})
	}
}

func TestServerGoes(t *testing.T) {
	nothingLeft(t)
	asked := make(chan struct{})
	s := serve(t, func(ctx context.Context, _ Question) (string, error) {
		close(asked)
		<-ctx.Done()
		return "too late", nil
	})
	cmd := asks(t, s, "?", "")
	var out bytes.Buffer
	cmd.Stdout = &out
	check(t, cmd.Start())
	late := asks(t, s, "?", "")
	<-asked
	s.Close()
	// What the callback returns nevertheless may come through, or not.
	if err := cmd.Wait(); (err == nil) != (out.String() == "too late\n") {
		t.Errorf("got %q, %v", &out, err)
	}
	if got, err := late.Output(); err == nil {
		t.Errorf("after the end: %q", got)
	}
}

// The variable may outlive its pipe: it must not lead to what has its number then.
func TestStaleVariable(t *testing.T) {
	nothingLeft(t)
	s := serve(t, func(context.Context, Question) (string, error) { return "secret", nil })
	file, err := os.CreateTemp(t.TempDir(), "")
	check(t, err)
	defer file.Close()
	r, w, err := os.Pipe()
	check(t, err)
	defer r.Close()
	defer w.Close()
	other, err := addressOf(w)
	check(t, err)
	for name, a := range map[string]string{
		"file":        fmt.Sprintf("%d/%d/%d", os.Getpid(), file.Fd(), s.name.inode),
		"other pipe":  fmt.Sprintf("%d/%d/%d", os.Getpid(), other.fd, s.name.inode),
		"closed":      fmt.Sprintf("%d/%d/%d", os.Getpid(), 1<<20, s.name.inode),
		"no number":   "a/b/c",
		"too few":     "1/2",
		"empty":       "",
		"no process":  fmt.Sprintf("%d/%d/%d", 1<<30, s.name.fd, s.name.inode),
		"path upward": "../../1",
	} {
		cmd := asks(t, s, "?", "")
		cmd.Env = append(cmd.Env, Variable+"="+a)
		if got, err := cmd.Output(); err == nil || len(got) > 0 {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if info, err := file.Stat(); err != nil || info.Size() > 0 {
		t.Errorf("the file has %v bytes, %v", info.Size(), err)
	}
}

// Programs that ssh starts for something else are not disturbed.
func TestOrdinaryProgram(t *testing.T) {
	nothingLeft(t)
	s := serve(t, func(context.Context, Question) (string, error) {
		t.Error("asked")
		return "secret", nil
	})
	self, err := os.Executable()
	check(t, err)
	for _, args := range [][]string{{self, "one"}, {program(os.Getpid())}, {program(os.Getpid()), "two", "three"}, {program(1), "one"}} {
		cmd := asks(t, s, "", "")
		cmd.Args = args
		if got, err := cmd.Output(); string(got) != "ordinary\n" || err != nil {
			t.Errorf("%q: got %q, %v", args, got, err)
		}
	}
}

// What is no request is ignored, and what comes after it is answered.
func TestHostileRequests(t *testing.T) {
	nothingLeft(t)
	s := serve(t, func(_ context.Context, q Question) (string, error) {
		if q.Text != "good" {
			t.Errorf("asked %+v", q)
		}
		return "answer", nil
	})
	to, err := s.name.open(os.O_WRONLY)
	check(t, err)
	defer to.Close()
	good := request{s.name, kindSecret, "bad"}
	for _, spoil := range []func(b []byte){
		func(b []byte) { b[16] = byte(kinds) },
		func(b []byte) { b[17] = 1 },
		func(b []byte) { b[18], b[19] = 0xff, 0xff },
		func(b []byte) { copy(b, strings.Repeat("\xff", len(b))) },
		func(b []byte) { copy(b[8:16], "strange!") }, // not the pipe's inode
		func(b []byte) { copy(b, "\x7f\xff\xff\xff") },
	} {
		b := good.bytes()
		spoil(b)
		_, err := to.Write(b)
		check(t, err)
	}
	if got, err := asks(t, s, "good", "").Output(); string(got) != "answer\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLongQuestion(t *testing.T) {
	nothingLeft(t)
	s := serve(t, func(_ context.Context, q Question) (string, error) { return fmt.Sprint(len(q.Text)), nil })
	got, err := asks(t, s, strings.Repeat("?", 2*MaxText), "").Output()
	if string(got) != fmt.Sprintln(MaxText) || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestKinds(t *testing.T) {
	for _, test := range []struct {
		hint, text string
		want       kind
	}{
		{"", "deploy@db1's password: ", kindSecret},
		{"", "Enter passphrase for key '/home/u/.ssh/id': ", kindSecret},
		{"", "The authenticity of host 'db1' can't be established.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? ", kindShown},
		{"", "Please type 'yes', 'no' or the fingerprint: ", kindShown},
		{"", "(deploy@db1) Password (yes/no): ", kindSecret}, // the host's words
		{"confirm", "Allow shared connection to db1? ", kindConfirm},
		{"none", "Confirm user presence for key", kindNotice},
		{"unknown", "What? ", kindSecret},
	} {
		if got := kindOf(test.hint, test.text); got != test.want {
			t.Errorf("%q, %q: got %d, want %d", test.hint, test.text, got, test.want)
		}
	}
}

func TestEnviron(t *testing.T) {
	nothingLeft(t)
	s := serve(t, nil)
	old := []string{"A=1", "SSH_ASKPASS=/usr/bin/x", "SSH_ASKPASS_REQUIRE=prefer", "SSH_ASKPASS_PROMPT=none", Variable + "=1/2/3", "DISPLAY="}
	got := strings.Join(s.Environ(old), " ")
	want := fmt.Sprintf("A=1 DISPLAY= SSH_ASKPASS=/proc/%d/exe SSH_ASKPASS_REQUIRE=force OUTWORK_ASKPASS=%v DISPLAY=none", os.Getpid(), s.name)
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := s.Environ([]string{"DISPLAY=:0"}); got[0] != "DISPLAY=:0" || len(got) != 4 {
		t.Errorf("got %q", got)
	}
	if got := strings.Join(Refuse(old), " "); got != "A=1 DISPLAY= SSH_ASKPASS_REQUIRE=never" {
		t.Errorf("got %s", got)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add((&request{address{1, 2, 3}, kindConfirm, "text"}).bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRequest(b)
		if err == nil && (r.kind >= kinds || len(r.text) > 3*MaxText) {
			t.Errorf("%+v", r)
		}
		if answer, _, err := parseAnswer(b); err == nil && len(answer) > MaxAnswer {
			t.Errorf("%q", answer)
		}
	})
}
