package realm

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Daemon starts a daemon by its path, and returns when it has said that it is ready, as it does to
// systemd (sd_notify(3)); the test fails if it ends before. stop ends it by SIGTERM and waits for
// that: an exit status that is not 0 fails the test, and of a test that has failed what the daemon
// has said is logged. It ends with the test at the latest.
func Daemon(t testing.TB, path string) (stop func()) {
	t.Helper()
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify")})
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	var said bytes.Buffer
	daemon := exec.CommandContext(t.Context(), path)
	daemon.Env = append(os.Environ(), "NOTIFY_SOCKET="+ready.LocalAddr().String(), "GORACE=atexit_sleep_ms=0")
	daemon.Stderr = &said
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- daemon.Wait()
		ready.Close() // nobody will say that it is ready
	}()
	b := make([]byte, 4<<10)
	if n, err := ready.Read(b); err != nil || !strings.Contains(string(b[:n]), "READY=1") {
		t.Fatalf("the daemon is not ready: %q, %v", b[:n], err)
	}
	return func() {
		t.Helper()
		if err := errors.Join(daemon.Process.Signal(syscall.SIGTERM), <-ended); err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
		if t.Failed() {
			t.Logf("the daemon said:\n%s", &said)
		}
	}
}
