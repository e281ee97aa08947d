package polkit

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/outwork-go/outwork/internal/realm"
)

const (
	busProgram    = "/usr/bin/dbus-daemon"
	polkitProgram = "/usr/lib/polkit-1/polkitd"
	busConfig     = "/run/dbus/bus.conf"

	// patience is for what takes milliseconds.
	patience = time.Minute
)

// Everybody may do everything on the private bus: who may take polkit's name is
// for the system's own to say.
const busConfigText = `<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`

const actionsText = `<policyconfig>
  <action id="org.outwork.test.yes"><message>yes</message><defaults><allow_any>no</allow_any></defaults></action>
  <action id="org.outwork.test.no"><message>no</message><defaults><allow_any>no</allow_any></defaults></action>
  <action id="org.outwork.test.admin"><message>admin</message><defaults><allow_any>auth_admin</allow_any></defaults></action>
  <action id="org.outwork.test.self"><message>$(function)</message><defaults><allow_any>auth_self</allow_any></defaults></action>
  <action id="org.outwork.test.details"><message>details</message><defaults><allow_any>no</allow_any></defaults></action>
</policyconfig>
`

// A rule goes by the user, by the group, or by what it is told of the call.
const rulesText = `polkit.addRule(function(action, subject) {
  if (action.id == "org.outwork.test.yes" && (subject.user == "alice" || subject.isInGroup("netadmin")))
    return polkit.Result.YES;
  if (action.id == "org.outwork.test.details" && action.lookup("function") == "hostname.set" &&
      action.lookup("name") == "a?b" && !action.lookup("polkit.message"))
    return polkit.Result.YES;
});
`

// startBus starts a bus where the system's would be.
func startBus(t *testing.T) (stop func()) {
	t.Helper()
	realm.Need(t)
	needPrograms(t)
	write(t, "/run/dbus", busConfig, busConfigText)
	cmd := exec.Command(busProgram, "--config-file="+busConfig, "--nofork", "--nopidfile", "--nosyslog", "--print-address=1")
	cmd.Stderr = t.Output()
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	kill := start(t, cmd)
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		t.Fatalf("the bus tells no address: %v", err)
	}
	return func() {
		kill()
		os.Remove(strings.TrimPrefix(systemBus, "unix:path="))
	}
}

// startPolkit starts the machine's polkitd with the tests' actions and rules.
func startPolkit(t *testing.T) (stop func()) {
	t.Helper()
	write(t, "/usr/share/polkit-1/actions", "/usr/share/polkit-1/actions/org.outwork.test.policy", actionsText)
	write(t, "/etc/polkit-1/rules.d", "/etc/polkit-1/rules.d/10-test.rules", rulesText)
	owned := nameOwned(t)
	cmd := exec.Command(polkitProgram, "--no-debug")
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+systemBus)
	stop = start(t, cmd)
	owned()
	return stop
}

func needPrograms(t *testing.T) {
	t.Helper()
	for _, program := range []string{busProgram, polkitProgram} {
		if _, err := os.Stat(program); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there: install dbus-daemon and polkitd", program)
		}
		t.Skipf("%s is not there: install dbus-daemon and polkitd", program)
	}
}

func write(t *testing.T, dir, file, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start starts a daemon, which stop kills. A bus that a crashed test leaves dies
// with it, and polkitd with the bus.
func start(t *testing.T, cmd *exec.Cmd) (stop func()) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() { cmd.Process.Kill(); cmd.Wait() }
	t.Cleanup(stop)
	return stop
}

// nameOwned returns what waits until polkit has its name.
func nameOwned(t *testing.T) (wait func()) {
	t.Helper()
	conn, err := dbus.Connect(systemBus)
	if err != nil {
		t.Fatal(err)
	}
	changes := make(chan *dbus.Signal, 16)
	conn.Signal(changes)
	err = conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"),
		dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, polkitName))
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		defer conn.Close()
		late := time.After(patience)
		for {
			select {
			case s := <-changes:
				if s.Name == "org.freedesktop.DBus.NameOwnerChanged" && s.Body[2] != "" {
					return
				}
			case <-late:
				t.Fatal("polkitd does not take its name")
			}
		}
	}
}
