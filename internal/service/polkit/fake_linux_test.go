package polkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// fake is a polkit of any version, which keeps what it was asked.
type fake struct {
	version string
	asked   chan subject
	reply   func() (any, *dbus.Error)
}

// CheckAuthorization answers as the test says.
func (f *fake) CheckAuthorization(s subject, _ string, _ map[string]string, _ uint32, _ string) (any, *dbus.Error) {
	f.asked <- s
	return f.reply()
}

// Get tells the version.
func (f *fake) Get(_, _ string) (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant(f.version), nil
}

func sayYes() (any, *dbus.Error) { return result{true, false, map[string]string{}}, nil }

// startFake puts a fake in the place of polkit.
func startFake(t *testing.T, version string, reply func() (any, *dbus.Error)) *fake {
	t.Helper()
	f := &fake{version, make(chan subject, 1), reply}
	conn, err := dbus.Connect(systemBus)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	err = errors.Join(
		conn.Export(f, polkitPath, polkitInterface),
		conn.Export(f, polkitPath, "org.freedesktop.DBus.Properties"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(polkitName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return f
}

// A polkit that takes a pidfd gets one, beside what older ones go by.
func TestSubject(t *testing.T) {
	for version, want := range map[string]bool{"0.105": false, "122": false, "124": true, "126": true, "127.1": true, "new": false} {
		t.Run(version, func(t *testing.T) {
			startBus(t)
			f := startFake(t, version, sayYes)
			c := newCaller(t, "alice")
			there(t, authority(t, Config{}), c)
			s := <-f.asked
			if s.Kind != "unix-process" || s.Details["pid"].Value() != uint32(c.Peer.PID) ||
				s.Details["start-time"].Value() != c.Peer.Start || s.Details["uid"].Value() != int32(c.UID) {
				t.Errorf("asked about %v", s)
			}
			got := 0
			if fd, ok := s.Details["pidfd"].Value().(dbus.UnixFD); ok {
				got = processOf(t, int(fd))
			}
			if want = want && c.Peer.PIDFD != nil; want && got != c.Peer.PID || !want && got != 0 {
				t.Errorf("asked with the pidfd of process %d", got)
			}
		})
	}
}

// processOf is the process of a pidfd, which it closes.
func processOf(t *testing.T, pidfd int) (pid int) {
	t.Helper()
	defer unix.Close(pidfd)
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", pidfd))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(info), "\nPid:")
	if _, err := fmt.Sscan(after, &pid); err != nil {
		t.Fatalf("no pidfd: %s", info)
	}
	return pid
}

// What is not the answer of polkit is none.
func TestOddAnswers(t *testing.T) {
	startBus(t)
	a := authority(t, Config{})
	c := newCaller(t, "alice")
	replies := make(chan func() (any, *dbus.Error), 1)
	f := startFake(t, "122", func() (any, *dbus.Error) { return (<-replies)() })
	for want, odd := range map[string]func() (any, *dbus.Error){
		"answer cannot be read": func() (any, *dbus.Error) { return "yes", nil },
		`does not answer: a?b`:  func() (any, *dbus.Error) { return nil, dbus.NewError("x.y", []any{"a\nb"}) },
		"answers only root":     func() (any, *dbus.Error) { return nil, dbus.NewError(polkitName+".Error.NotAuthorized", []any{"no"}) },
	} {
		replies <- odd
		answer, err := a.Ask(t.Context(), questionOf(c, "yes"))
		if err == nil || answer.Yes || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %v, want %s", answer, err, want)
		}
		<-f.asked
	}
}

// The process of a yes must still be the one that was asked about.
func TestEndsBeforeTheYes(t *testing.T) {
	startBus(t)
	c := newCaller(t, "alice")
	startFake(t, "122", func() (any, *dbus.Error) {
		c.end()
		return sayYes()
	})
	if answer, err := authority(t, Config{}).Ask(t.Context(), questionOf(c, "yes")); !errors.Is(err, ErrGone) || answer.Yes {
		t.Errorf("got %v, %v", answer, err)
	}
}

// A bus of somebody else could say yes to anything.
func TestBusOfAnother(t *testing.T) {
	realm.Need(t)
	socket := realm.Lookup("bob").Runtime + "/bus"
	c := newCaller(t, "bob", listenRole+"="+socket)
	notThere(t, authority(t, Config{Address: "unix:path=" + socket}), c, "the bus at "+socket+
		": it belongs to uid 12002 (bob), and must be root's: install and start dbus, and polkitd (in some systems the package polkit)")
}

// A bus that lets nobody in holds nobody up.
func TestSilentBus(t *testing.T) {
	realm.Need(t)
	l, err := net.Listen("unix", "@silent")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		if c, err := l.Accept(); err == nil {
			cancel()
			defer c.Close()
			<-t.Context().Done()
		}
	}()
	a := authority(t, Config{Address: "unix:abstract=silent"})
	if _, err := a.Ask(ctx, questionOf(newCaller(t, "alice"), "yes")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Without root, polkit is asked about one's own processes, and without details.
func TestWithoutRoot(t *testing.T) {
	startBus(t)
	startPolkit(t)
	for user, want := range map[string]string{"alice": "true  <nil>\n", "bob": "false polkit said no <nil>\n"} {
		cmd := exec.Command("/proc/self/exe")
		realm.As(cmd, user)
		cmd.Env = append(cmd.Env, askRole+"=org.outwork.test.yes")
		if output, err := cmd.Output(); err != nil || string(output) != want {
			t.Errorf("%s: got %q, %v", user, output, err)
		}
	}
}
