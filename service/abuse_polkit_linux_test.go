package service_test

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/realm"
)

const (
	busProgram = "/usr/bin/dbus-daemon"
	busSocket  = "/run/dbus/system_bus_socket"

	polkitName = "org.freedesktop.PolicyKit1"
	polkitPath = "/org/freedesktop/PolicyKit1/Authority"

	// Anybody may do anything on this bus. Nobody else is on it.
	busConfig = `<busconfig>
  <type>system</type>
  <listen>unix:path=` + busSocket + `</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`
)

// hesitant is a polkit that says what it is asked, and answers when it is told to.
type hesitant struct {
	asked     chan map[string]string // the details
	answers   chan bool
	withdrawn chan string
}

// CheckAuthorization is polkit's.
func (h *hesitant) CheckAuthorization(_ struct {
	Kind    string
	Details map[string]dbus.Variant
}, _ string, details map[string]string, _ uint32, _ string,
) (any, *dbus.Error) {
	h.asked <- details
	return struct {
		Authorized, Challenge bool
		Details               map[string]string
	}{<-h.answers, false, nil}, nil
}

// CancelCheckAuthorization is polkit's.
func (h *hesitant) CancelCheckAuthorization(id string) *dbus.Error {
	h.withdrawn <- id
	return nil
}

// Get is of the properties of polkit.
func (h *hesitant) Get(_, _ string) (dbus.Variant, *dbus.Error) { return dbus.MakeVariant("126"), nil }

// startPolkit puts one in the place of the system's, on a bus of its own.
func startPolkit(t *testing.T) *hesitant {
	t.Helper()
	realm.Need(t)
	startBus(t)
	conn, err := dbus.Connect("unix:path=" + busSocket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	h := &hesitant{make(chan map[string]string, 100), make(chan bool, 100), make(chan string, 100)}
	if err := errors.Join(conn.Export(h, polkitPath, polkitName+".Authority"), conn.Export(h, polkitPath, "org.freedesktop.DBus.Properties")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(polkitName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return h
}

func startBus(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(busProgram); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%s is not there: install dbus-daemon", busProgram)
	}
	config := filepath.Join(filepath.Dir(busSocket), "bus.conf")
	if err := errors.Join(os.MkdirAll(filepath.Dir(busSocket), 0o755), os.WriteFile(config, []byte(busConfig), 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(busProgram, "--config-file="+config, "--nofork", "--nopidfile", "--nosyslog", "--print-address=1")
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); os.Remove(busSocket) })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the bus tells no address: %v", err)
	}
}

// next is what comes from c.
func next[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s within %v", what, patience)
	}
	return v
}

// withPolkit is a daemon that knows a polkit.
func withPolkit(t *testing.T) (*hesitant, *testDaemon) {
	t.Helper()
	polkit := startPolkit(t)
	d := startDaemon(t)
	polkit.answers <- true
	want(t, as(t, "carol", "authorized"), 0, "done\n", "")
	next(t, "polkit was not asked", polkit.asked)
	d.staysAsItIs()
	return polkit, d
}

// Who is killed while polkit asks has not called: the question is withdrawn, and a
// yes that comes all the same is of no use.
func TestAbuseKilledWhilePolkitAsks(t *testing.T) {
	polkit, d := withPolkit(t)
	unmarked(t)
	cmd := program(t.Context(), "testctl", "vault", "keep", "x")
	realm.As(cmd, "carol")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	next(t, "polkit was not asked", polkit.asked)
	cmd.Process.Kill()
	cmd.Wait()
	next(t, "the question was not withdrawn", polkit.withdrawn)
	polkit.answers <- true
	d.recorded(1, "vault.keep", "denied", "")
	if got := marks(t); got != "" {
		t.Errorf("the function was entered: %s", got)
	}
	if got := d.records(func(r record) bool { return r.Function == "vault.keep" && r.Event != "denied" }); len(got) != 0 {
		t.Errorf("the records tell of a call: %+v", got)
	}
}

// What is executed and recorded is what polkit was asked about, whatever its client
// sends meanwhile.
func TestAbuseArgumentsChangeWhilePolkitAsks(t *testing.T) {
	polkit, d := withPolkit(t)
	data := bytes.Repeat([]byte("good"), 10_000)
	sends := callHeader{function: "vault.keep", parts: []part{{field: 1, kind: bytesKind, stream: 1, size: int64(len(data))}}}
	evil := encode(vaultArgs{Text: "evil"})
	for _, test := range []struct {
		name   string
		change func(s *stranger)
		ends   bool // the connection, and with it the call
	}{
		{"nothing", func(*stranger) {}, false},
		{"another call", func(s *stranger) { s.open(5, "echo", encode(textArgs{"evil"})) }, false},
		{"a message of the link", func(s *stranger) { s.control(frame.Ping, []byte("evil")) }, false},
		{"more bytes", func(s *stranger) { s.frame(frame.Header{Stream: 1, Kind: frame.Data}, []byte("evil")) }, true},
		{"the stream of the bytes again", func(s *stranger) { s.write(header(0, 1, frame.Open, frame.Bulk, 0)) }, true},
		{"an argument that goes on", func(s *stranger) {
			s.frame(frame.Header{Stream: 3, Kind: frame.Message, Handle: frame.CallFunction, Flags: frame.End}, evil)
		}, true},
		{"the call again", func(s *stranger) { s.open(3, "vault.keep", evil) }, true},
		{"an answer in its place", func(s *stranger) {
			s.frame(frame.Header{Stream: 3, Kind: frame.Message, Handle: frame.Reply, Flags: frame.End}, evil)
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			unmarked(t)
			s := connect(t, "carol")
			s.t = t
			s.greet()
			s.write(header(0, 1, frame.Open, frame.Bulk, 0))
			s.openWith(3, sends, encode(map[string]string{"text": "good"}))
			s.frame(frame.Header{Stream: 1, Kind: frame.Data, Flags: frame.End}, data)
			details := next(t, "polkit was not asked", polkit.asked)
			if !strings.Contains(details["arguments"], `"text":"good"`) || strings.Contains(details["arguments"], "evil") {
				t.Errorf("polkit was asked about %v", details)
			}
			before := len(d.records(events("vault.keep")))
			test.change(s)
			if test.ends {
				if !s.hungUp() {
					t.Error("the daemon does not hang up")
				}
				next(t, "the question was not withdrawn", polkit.withdrawn)
			} else {
				s.synchronize()
			}
			polkit.answers <- true
			if !test.ends {
				if a := s.answer(3); a.Code != 0 {
					t.Errorf("got %+v", a)
				}
			}
			d.eventually("the call is over", func() bool {
				last := d.records(events("vault.keep"))[before:]
				return len(last) > 0 && last[len(last)-1].Event != "call"
			})
			wantGood(t, d.records(events("vault.keep"))[before:], test.ends)
		})
	}
}

// wantGood checks that a call was made as it was decided about, or not at all.
func wantGood(t *testing.T, records []record, ended bool) {
	t.Helper()
	made := marks(t)
	if strings.Contains(made, "evil") || !ended && strings.Count(made, "\n") != 1 || ended && made != "" {
		t.Errorf("the function was entered with %.100s", made)
	}
	for _, r := range records {
		if strings.Contains(string(r.Args), "evil") || ended && r.Event != "denied" {
			t.Errorf("the records tell of %+v", r)
		}
	}
}
