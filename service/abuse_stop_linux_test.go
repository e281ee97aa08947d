package service_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/service"
)

// started starts the command as a user.
func started(t *testing.T, user string, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	cmd, stderr = program(t.Context(), "testctl", args...), &bytes.Buffer{}
	realm.As(cmd, user)
	cmd.Stderr = stderr
	must(t, cmd.Start())
	return cmd, stderr
}

// On SIGTERM the calls that run finish, and no other begins.
func TestAbuseStopWhileCallsRun(t *testing.T) {
	d := startDaemon(t)
	s := greeted(t, "nobody")
	cmd, stderr := started(t, "carol", "wait", "--for", "1s")
	s.open(1, "wait", encode(waitArgs{For: time.Second}))
	d.recorded(2, "wait", "call", "")
	d.cmd.Process.Signal(syscall.SIGTERM)
	d.told("testd ends")
	if !d.waitFor("STOPPING=1") {
		t.Error("systemd is not told")
	}
	d.eventually("the socket is gone", func() bool { _, err := os.Lstat(socketPath); return errors.Is(err, os.ErrNotExist) })
	s.open(3, "echo", encode(textArgs{"x"}))
	if a := s.answer(3); !a.is("service.busy") || !strings.Contains(a.Text, "is stopping") {
		t.Errorf("a new call got %+v", a)
	}
	want(t, as(t, "bob", "echo", "x"), 69, "", "testctl.sock")
	if a := s.answer(1); a.Code != 0 {
		t.Errorf("the call that ran got %+v", a)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the command that ran: %v: %s", err, stderr)
	}
	if err := d.wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	d.recorded(2, "wait", "done", "ok")
	d.unforged()
}

// Who asks once more does not wait for the calls that run.
func TestAbuseStopTwice(t *testing.T) {
	d := startDaemon(t)
	cmd, stderr := started(t, "carol", "wait")
	d.recorded(1, "wait", "call", "")
	d.cmd.Process.Signal(syscall.SIGTERM)
	d.told("testd ends")
	d.cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err == nil {
		t.Errorf("the call that ran was not cancelled: %s", stderr)
	}
	if err := d.wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
	d.recorded(1, "wait", "done", "cancelled")
	if strings.Contains(d.log.String(), "did not outlive") {
		t.Error(d.log)
	}
}

// A start that hangs can be ended: by one signal if it heeds its context, by two if
// not. Nothing is left of it.
func TestAbuseStopWhileItStarts(t *testing.T) {
	for _, how := range []string{"heeds", "deaf"} {
		t.Setenv(hangVariable, how)
		d := launchDaemon(t)
		d.told("it hangs")
		d.cmd.Process.Signal(syscall.SIGTERM)
		d.told("it is told")
		if how == "deaf" {
			d.cmd.Process.Signal(syscall.SIGINT)
		}
		if err := d.wait(); err != nil {
			t.Errorf("%s: the daemon ended with %v", how, err)
		}
		if _, err := os.Lstat(socketPath); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the socket is left behind: %v", how, err)
		}
	}
}

// A directory of users that does not answer keeps no daemon from ending that reads
// its policy again.
func TestAbuseStopWhileItReloads(t *testing.T) {
	writePolicy(t, "10-site.yaml", "rules:\n  - {function: echo, deny: {user: carol}}\n")
	d := startDaemon(t)
	const users, kept = "/etc/passwd", "/etc/passwd.kept"
	must(t, errors.Join(os.Rename(users, kept), unix.Mkfifo(users, 0o644))) // nobody will write to it
	t.Cleanup(func() { os.Rename(kept, users) })
	d.cmd.Process.Signal(syscall.SIGHUP)
	if !d.waitFor("RELOADING=1") {
		t.Error("it does not reload")
	}
	d.cmd.Process.Signal(syscall.SIGTERM)
	d.stop()
	if !strings.Contains(d.log.String(), "testd ends") || strings.Contains(d.log.String(), "reloaded") {
		t.Errorf("it ended otherwise:\n%s", d.log)
	}
}

// Clients that never read their results hold up nobody's stop.
func TestAbuseStopWhileClientsAreDeaf(t *testing.T) {
	d := startDaemon(t)
	for range 4 {
		s := greeted(t, "nobody")
		s.open(1, "pour", encode(pourArgs{8 << 20}))
		s.open(3, "echo", encode(textArgs{"x"}))
		s.conn.CloseWrite()
	}
	deaf := greeted(t, "bob")
	for i := range uint32(8) {
		deaf.open(2*i+1, "pour", encode(pourArgs{1 << 20}))
	}
	pinger := greeted(t, "carol")
	for range 64 { // as many as may be unanswered
		pinger.control(frame.Ping, make([]byte, 64))
	}
	began := time.Now()
	d.stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

// A client that asks for more and reads nothing makes the daemon hold only so much.
func TestAbuseDeafClient(t *testing.T) {
	d := abused(t)
	before := d.forgetPeak()
	s := greeted(t, "nobody")
	for i := range uint32(service.Calls) { // as many as may be open
		s.open(2*i+1, "pour", encode(pourArgs{1 << 20}))
	}
	d.healthy()
	if now := d.footprint(); now.peak > before.peak+memoryFactor*64<<10 {
		t.Errorf("a client that does not read makes of %+v %+v", before, now)
	}
}

// A daemon that is killed leaves a socket that the next one replaces. Its clients
// are told.
func TestAbuseKilledDaemon(t *testing.T) {
	d := startDaemon(t)
	want(t, as(t, "alice", "value", "set", "a", "5"), 0, "", "")
	cmd, stderr := started(t, "carol", "wait")
	d.recorded(1, "wait", "call", "")
	d.cmd.Process.Kill()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 69 || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("the client that waited: %v, %q", err, stderr)
	}
	d.wait()
	if _, err := os.Lstat(socketPath); err != nil {
		t.Errorf("there is no stale socket: %v", err)
	}
	want(t, as(t, "bob", "echo", "x"), 69, "", "testctl.sock")
	next := startDaemon(t)
	next.staysAsItIs()
	want(t, as(t, "alice", "value", "set", "a", "5"), 0, "", "")
	if got := len(next.records(events("value.set"))); got != 4 {
		t.Errorf("the records of before are %d, not 4, with those of now", got)
	}
}

// Under systemd's socket, a restart loses no client: they wait in its queue.
func TestAbuseRestartUnderActivation(t *testing.T) {
	realm.Need(t)
	tool, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("systemd-socket-activate is not there: install systemd")
	}
	self, err := os.Executable()
	must(t, err)
	log := &syncBuffer{}
	cmd := exec.Command(tool, "-l", socketPath, "-E", programVariable+"=1", "-E", "GORACE=atexit_sleep_ms=0", self, "daemon")
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	d := &testDaemon{t: t, cmd: cmd, log: log}
	t.Cleanup(func() {
		os.Remove(socketPath)
		os.RemoveAll("/var/log/testctl")
	})
	d.eventually("systemd listens", func() bool { return strings.Contains(log.String(), "Listening on") })
	must(t, os.Chmod(socketPath, 0o666)) // SocketMode=
	d.healthy()
	socket := stolen(t, cmd.Process.Pid, socketPath)
	end(t, cmd)
	waiting, _ := started(t, "bob", "echo", "patient")
	comes(t, socket)
	for i := range 3 {
		again := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" daemon`, self)
		again.Env = append(os.Environ(), programVariable+"=1", "GORACE=atexit_sleep_ms=0")
		again.ExtraFiles, again.Stdout, again.Stderr = []*os.File{socket}, log, log
		must(t, again.Start())
		d := &testDaemon{t: t, cmd: again, log: log}
		d.healthy()
		if i == 0 { // it is this one's to serve, if it has not said anything yet when the next call is over
			if err := waiting.Wait(); err != nil {
				t.Errorf("who waited for the restart got %v", err)
			}
		}
		end(t, again)
		if _, err := os.Lstat(socketPath); err != nil {
			t.Errorf("it removed the socket of systemd: %v", err)
		}
	}
}

// comes waits until a client waits at a listening socket: one that came later might meet a
// daemon that is about to end.
func comes(t *testing.T, socket *os.File) {
	t.Helper()
	raw, err := socket.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
		if n != 1 {
			t.Errorf("nobody comes: %v", err)
		}
	}))
}

// end asks a daemon to end, and waits.
func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

// stolen is the listening socket at path of another process: systemd keeps it while
// its daemon is away.
func stolen(t *testing.T, pid int, path string) *os.File {
	t.Helper()
	pidfd, err := unix.PidfdOpen(pid, 0)
	must(t, err)
	defer unix.Close(pidfd)
	for number := 3; number < 20; number++ {
		fd, err := unix.PidfdGetfd(pidfd, number, 0)
		if err != nil {
			continue
		}
		if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listens == 1 {
			f := os.NewFile(uintptr(fd), path)
			t.Cleanup(func() { f.Close() })
			return f
		}
		unix.Close(fd)
	}
	t.Fatalf("process %d listens on nothing", pid)
	return nil
}

// The watchdog of systemd is fed, also under a flood.
func TestAbuseWatchdog(t *testing.T) {
	realm.Need(t)
	const every = 200 * time.Millisecond
	t.Setenv("WATCHDOG_USEC", fmt.Sprint(every.Microseconds()))
	d := startDaemon(t)
	for range 10 {
		s := greeted(t, "nobody")
		for i := range uint32(100) {
			s.open(2*i+1, "echo", encode(textArgs{"x"}))
			s.answer(2*i + 1)
		}
		s.close()
		began := time.Now()
		if !d.waitFor("WATCHDOG=1") || time.Since(began) > 5*every {
			t.Fatalf("the watchdog was not fed for %v", time.Since(began))
		}
	}
}

// A daemon under development serves its own user, and nobody else.
func TestAbuseDevDaemon(t *testing.T) {
	realm.Need(t)
	bob := realm.Lookup("bob")
	path := bob.Runtime + "/testctl.sock"
	log := &syncBuffer{}
	cmd := program(t.Context(), "testctl", "daemon", "--dev")
	realm.As(cmd, "bob")
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	d := &testDaemon{t: t, cmd: cmd, log: log}
	d.told("testd is ready socket=" + path)
	want(t, as(t, "bob", "--dev", "echo", "hello"), 0, "hello\n", "")
	want(t, as(t, "bob", "--dev", "root", "only"), 0, "root\n", "") // who started it is what root is
	want(t, as(t, "bob", "echo", "hello"), 69, "", socketPath)
	want(t, as(t, "alice", "--dev", "--socket", path, "echo", "hello"), 77, "", path)
	want(t, as(t, "root", "--dev", "--socket", path, "echo", "hello"), 69, "", "runs as uid 12002 (bob), not root")
	must(t, errors.Join(os.Chmod(bob.Runtime, 0o755), os.Chmod(path, 0o666)))
	t.Cleanup(func() { os.Chmod(bob.Runtime, 0o700) })
	for _, user := range []string{"alice", "root", "nobody"} {
		conn, err := dialAs(realm.Lookup(user), path)
		must(t, err)
		s := &stranger{t: t, conn: conn}
		s.write(say())
		if !s.hungUp() {
			t.Errorf("it serves %s", user)
		}
		s.close()
	}
	want(t, as(t, "alice", "--socket", path, "echo", "hello"), 69, "", "runs as uid 12002 (bob), not root")
	want(t, as(t, "bob", "--dev", "echo", "hello"), 0, "hello\n", "")
	end(t, cmd)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	want(t, as(t, "bob", "daemon"), 77, "", "must run as root")
}
