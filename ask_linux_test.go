package outwork_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/sshtest"
)

func init() { usualRoles["asked manager"] = askedManager }

// person answers questions, and keeps them.
type person struct {
	answer func(ctx context.Context, q host.Question) (string, error)

	mu    sync.Mutex
	asked []host.Question
}

func says(answer string) *person {
	return &person{answer: func(context.Context, host.Question) (string, error) { return answer, nil }}
}

func (p *person) ask(ctx context.Context, q host.Question) (string, error) {
	p.mu.Lock()
	p.asked = append(p.asked, q)
	p.mu.Unlock()
	return p.answer(ctx, q)
}

func (p *person) questions() []host.Question {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// reach starts a worker through hops, and calls it.
func reach(t *testing.T, m *outwork.Manager, hops ...string) error {
	t.Helper()
	last := len(hops) - 1
	w, err := m.Start(within(t), outwork.Target{Via: hops[:last], Host: hops[last]})
	if err != nil {
		return err
	}
	if n, err := double.Call(within(t), w, 21); n != 42 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	return nil
}

// failsAt checks that err is of that stage, and one line that has these words.
func failsAt(t *testing.T, err error, stage host.Stage, words ...string) {
	t.Helper()
	e, ok := errors.AsType[*host.Error](err)
	if !ok || e.Stage != stage {
		t.Fatalf("got %v; want a failure to %v", err, stage)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q is not one line", err)
	}
}

// unseen looks for a secret in the arguments and environments of all processes that this
// test has started, here and in machines, again and again until stop is called.
func unseen(t *testing.T, secret string, machines ...*sshtest.Machine) (stop func()) {
	quit, done := make(chan struct{}), make(chan int)
	go func() {
		looked := 0
		for last := false; !last; {
			select {
			case <-quit:
				last = true
			default:
			}
			pids := append(relatives(t), os.Getpid())
			for _, m := range machines {
				for _, p := range m.Processes() {
					pids = append(pids, p.PID)
				}
			}
			for _, pid := range pids {
				for _, name := range []string{"cmdline", "environ"} {
					b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
					if looked++; err == nil && bytes.Contains(b, []byte(secret)) {
						t.Errorf("the %s of process %d has the secret: %q", name, pid, b)
					}
				}
			}
		}
		done <- looked
	}()
	return func() {
		close(quit)
		if n := <-done; n < 10 {
			t.Errorf("looked at only %d files", n)
		}
	}
}

func TestPassword(t *testing.T) {
	nothingLeft(t)
	machine := sshtest.NewMachine(t, sshtest.Options{Password: true, NoKeys: true})
	url := "ssh://" + machine.Host
	m, p := over(machine), says(sshtest.Password)
	m.Ask = p.ask
	stop := unseen(t, sshtest.Password, machine)
	err := reach(t, m, url)
	stop()
	if err != nil {
		t.Fatal(err)
	}
	want := host.Question{Host: url, Text: "deploy@" + machine.Host + "'s password:", Secret: true}
	if got := p.questions(); len(got) != 1 || got[0] != want {
		t.Errorf("asked %+v; want %+v", got, want)
	}
	closes(t, m, machine)

	t.Run("wrong", func(t *testing.T) {
		m, p := over(machine), says("wrong")
		m.Ask = p.ask
		failsAt(t, reach(t, m, url), host.Authenticate, url, "Permission denied")
		if n := len(p.questions()); n != 1 {
			t.Errorf("asked %d times", n)
		}
		closes(t, m, machine)
	})
	t.Run("refused", func(t *testing.T) {
		m, p, why := over(machine), says(""), errors.New("she is on holiday")
		p.answer = func(context.Context, host.Question) (string, error) { return "", why }
		m.Ask = p.ask
		err := reach(t, m, url)
		failsAt(t, err, host.Authenticate, url, "password:", why.Error())
		if !errors.Is(err, why) || len(p.questions()) != 1 {
			t.Errorf("got %v after %d questions", err, len(p.questions()))
		}
		closes(t, m, machine)
	})
	t.Run("two lines", func(t *testing.T) {
		m := over(machine)
		m.Ask = says("a\nb").ask
		failsAt(t, reach(t, m, url), host.Authenticate, "two lines")
		closes(t, m, machine)
	})
	t.Run("nobody to ask", func(t *testing.T) {
		t.Setenv("SSH_ASKPASS", "/bin/false") // of the user's desktop
		t.Setenv("SSH_ASKPASS_REQUIRE", "force")
		m := over(machine)
		failsAt(t, reach(t, m, url), host.Authenticate, "Permission denied", "nobody can be asked")
		closes(t, m, machine)
	})
}

// A question that nobody answers ends with the manager.
func TestNoAnswer(t *testing.T) {
	nothingLeft(t)
	machine := sshtest.NewMachine(t, sshtest.Options{Password: true, NoKeys: true})
	m, asked := over(machine), make(chan struct{})
	var given bool
	m.Ask = func(ctx context.Context, _ host.Question) (string, error) {
		close(asked)
		<-ctx.Done()
		given = true
		return "", ctx.Err()
	}
	failed := make(chan error)
	go func() { failed <- reach(t, m, "ssh://"+machine.Host) }()
	<-asked
	closes(t, m, machine)
	if err := <-failed; !errors.Is(err, outwork.ErrClosed) || !given {
		t.Errorf("got %v; the question was given up: %v", err, given)
	}
}

// It ends with the only Start that waits for it, too.
func TestNoAnswerInTime(t *testing.T) {
	nothingLeft(t)
	machine := sshtest.NewMachine(t, sshtest.Options{Password: true, NoKeys: true})
	m, given := over(machine), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	m.Ask = func(asked context.Context, _ host.Question) (string, error) {
		cancel()
		<-asked.Done()
		given <- asked.Err()
		return "", asked.Err()
	}
	if _, err := m.Start(ctx, outwork.Target{Host: "ssh://" + machine.Host}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := <-given; err != context.Canceled {
		t.Error(err)
	}
	closes(t, m, machine)
}

// configured is a manager with the machine's ssh configuration changed.
func configured(t *testing.T, machine *sshtest.Machine, change func(config string) string) *outwork.Manager {
	t.Helper()
	config, err := os.ReadFile(machine.Config)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(name, []byte(change(string(config))), 0o600); err != nil {
		t.Fatal(err)
	}
	return &outwork.Manager{SSH: []string{"ssh", "-F", name}}
}

func TestPassphrase(t *testing.T) {
	nothingLeft(t)
	const passphrase = "open sesame"
	machine := sshtest.NewMachine(t, sshtest.Options{})
	key := filepath.Join(t.TempDir(), "id")
	withKey := func(config string) string {
		line := regexp.MustCompile(`IdentityFile (.*)`)
		old, err := os.ReadFile(line.FindStringSubmatch(config)[1])
		if err == nil {
			err = os.WriteFile(key, old, 0o600)
		}
		if err == nil {
			err = exec.Command("ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", key).Run()
		}
		if err != nil {
			t.Fatal(err)
		}
		return line.ReplaceAllLiteralString(config, "IdentityFile "+key)
	}
	m, p := configured(t, machine, withKey), says(passphrase)
	m.Ask = p.ask
	stop := unseen(t, passphrase, machine)
	err := reach(t, m, "ssh://"+machine.Host)
	stop()
	if err != nil {
		t.Fatal(err)
	}
	if got := p.questions(); len(got) != 1 || !got[0].Secret || !strings.Contains(got[0].Text, "passphrase for key '"+key) {
		t.Errorf("asked %+v", got)
	}
	closes(t, m, machine)

	m = configured(t, machine, withKey)
	m.Ask = says("wrong").ask
	failsAt(t, reach(t, m, "ssh://"+machine.Host), host.Authenticate, "Permission denied")
	closes(t, m, machine)
}

func TestHostKeyQuestion(t *testing.T) {
	nothingLeft(t)
	machine := sshtest.NewMachine(t, sshtest.Options{})
	for answer, fails := range map[string]bool{"yes": false, "no": true, "": true} {
		t.Run(answer, func(t *testing.T) {
			known := filepath.Join(t.TempDir(), "known_hosts")
			m := configured(t, machine, func(config string) string {
				config = regexp.MustCompile(`UserKnownHostsFile .*`).ReplaceAllLiteralString(config, "UserKnownHostsFile "+known)
				return strings.Replace(config, "StrictHostKeyChecking yes", "StrictHostKeyChecking ask", 1)
			})
			p := says(answer)
			m.Ask = p.ask
			err := reach(t, m, "ssh://"+machine.Host)
			got := p.questions()
			if len(got) != 1 || got[0].Secret || !strings.Contains(got[0].Text, "(yes/no/[fingerprint])") || !strings.Contains(got[0].Text, "SHA256:") {
				t.Errorf("asked %+v", got)
			}
			if !fails && err != nil {
				t.Fatal(err)
			}
			if fails {
				failsAt(t, err, host.Connect, "Host key verification failed")
			}
			if _, err := os.Stat(known); (err != nil) != fails {
				t.Errorf("the key was kept: %v", err)
			}
			closes(t, m, machine)
		})
	}
}

// Two hosts ask at the same time, and each gets its own answer.
func TestTwoAsk(t *testing.T) {
	nothingLeft(t)
	a := sshtest.NewMachine(t, sshtest.Options{Password: true, NoKeys: true})
	b := sshtest.NewMachine(t, sshtest.Options{Password: true, NoKeys: true})
	m := &outwork.Manager{SSH: []string{"ssh", "-F", sshtest.Config(t, a, b)}}
	var both sync.WaitGroup
	both.Add(2)
	m.Ask = func(_ context.Context, q host.Question) (string, error) {
		both.Done()
		both.Wait()
		if q.Host == "ssh://"+b.Host {
			return "wrong", nil
		}
		return sshtest.Password, nil
	}
	var all sync.WaitGroup
	all.Go(func() {
		if err := reach(t, m, "ssh://"+a.Host); err != nil {
			t.Error(err)
		}
	})
	var err error
	all.Go(func() { err = reach(t, m, "ssh://"+b.Host) })
	all.Wait()
	failsAt(t, err, host.Authenticate, b.Host)
	closes(t, m, a, b)
}

// What ssh asks on a host on the way is asked here.
func TestBastionAsks(t *testing.T) {
	nothingLeft(t)
	a, b := sshtest.NewBastion(t, sshtest.Options{}, sshtest.Options{Password: true, NoKeys: true})
	way := []string{"ssh://" + a.Host, "ssh://" + b.Host}
	want := host.Question{Host: way[1], Text: "deploy@" + b.Host + "'s password:", Secret: true}

	m, p := over(a), says(sshtest.Password)
	m.Ask = p.ask
	stop := unseen(t, sshtest.Password, a, b)
	err := reach(t, m, way...)
	stop()
	if err != nil {
		t.Fatal(err)
	}
	if got := p.questions(); len(got) != 1 || got[0] != want {
		t.Errorf("asked %+v; want %+v", got, want)
	}
	closes(t, m, a, b)

	t.Run("wrong", func(t *testing.T) {
		m, p := over(a), says("wrong")
		m.Ask = p.ask
		failsAt(t, reach(t, m, way...), host.Authenticate, b.Host, "Permission denied")
		if n := len(p.questions()); n != 1 {
			t.Errorf("asked %d times", n)
		}
		closes(t, m, a, b)
	})
	t.Run("refused", func(t *testing.T) {
		m, why := over(a), errors.New("she is on holiday")
		m.Ask = func(context.Context, host.Question) (string, error) { return "", why }
		if err := reach(t, m, way...); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		closes(t, m, a, b)
	})
	t.Run("given up", func(t *testing.T) {
		m, asked := over(a), make(chan struct{})
		m.Ask = func(ctx context.Context, _ host.Question) (string, error) {
			close(asked)
			<-ctx.Done()
			return "", ctx.Err()
		}
		failed := make(chan error)
		go func() { failed <- reach(t, m, way...) }()
		<-asked
		closes(t, m, a, b)
		if err := <-failed; !errors.Is(err, outwork.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("asks alone", func(t *testing.T) { // of two, the one that is killed takes its question along
		m := over(a)
		m.Ask = func(ctx context.Context, _ host.Question) (string, error) {
			for _, process := range a.Processes() {
				if strings.Contains(process.Command, "'s password") {
					syscall.Kill(process.PID, syscall.SIGKILL)
				}
			}
			<-ctx.Done()
			return "", ctx.Err()
		}
		failsAt(t, reach(t, m, way...), host.Authenticate, b.Host)
		closes(t, m, a, b)
	})
}

// askedManager is a manager that waits for an answer, and says so.
func askedManager() {
	m := outwork.Manager{SSH: []string{"ssh", "-F", os.Getenv("TEST_CONFIG")}}
	m.Ask = func(ctx context.Context, _ host.Question) (string, error) {
		fmt.Println("asked")
		<-ctx.Done()
		return "", ctx.Err()
	}
	_, err := m.Start(context.Background(), outwork.Target{Host: os.Getenv("TEST_HOST")})
	fmt.Println(err)
}

func TestManagerDiesWhileAsked(t *testing.T) {
	nothingLeft(t)
	machine := sshtest.NewMachine(t, sshtest.Options{Password: true, NoKeys: true})
	target := self(t, usualRole, "asked manager")
	cmd := exec.Command(target.Program)
	cmd.Env = append(target.Env, "TEST_CONFIG="+machine.Config, "TEST_HOST=ssh://"+machine.Host)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "asked\n" {
		t.Errorf("it says %q", line)
	}
	if n := len(relatives(t)); n < 4 { // the manager, its starter, ssh, and what asks
		t.Errorf("only %d processes are there", n)
	}
	cmd.Process.Kill()
	cmd.Wait()
	noProcess(t)
	eventually(t, "no process left in the machine", func() bool { return len(machine.Processes()) == 0 })
}
