package main

import (
	"bytes"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/outwork-go/outwork/cmd/outwork/internal/control"
	"github.com/outwork-go/outwork/cmd/outwork/internal/program"
)

// listening is an outwork listen of the test's own, which the other verbs find.
type listening struct {
	*running
	path    string
	address string
}

// listenHere starts one. What it prints first is token, if there is to be one.
func listenHere(t *testing.T, args ...string) (l *listening, token string) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
	return listenAt(t, filepath.Join(t.TempDir(), "s"), "127.0.0.1:0", args...)
}

// listenAt is listenHere for a place of the control socket and an address.
func listenAt(t *testing.T, path, address string, args ...string) (l *listening, token string) {
	t.Helper()
	l = &listening{path: path}
	t.Setenv(control.Variable, l.path)
	l.running = begin(t, "", append([]string{"listen", address}, args...)...)
	until(t, "it listens", func() bool {
		a, err := control.Do(t.Context(), l.path, control.Request{Do: control.List})
		l.address = a.Address
		return err == nil
	})
	if slices.Contains(args, "--token") {
		line, err := l.stdout.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		token = line
	}
	return l, token
}

// hosts are the names of those that have joined; those that are cut off end in "!".
func (l *listening) hosts() (names []string) {
	a, err := control.Do(l.t.Context(), l.path, control.Request{Do: control.List})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, h := range a.Hosts {
		if h.Cut {
			h.Name += "!"
		}
		names = append(names, h.Name)
	}
	return names
}

func (l *listening) await(names ...string) {
	l.t.Helper()
	until(l.t, strings.Join(names, ", ")+" have joined", func() bool { return slices.Equal(l.hosts(), names) })
}

// joinHere makes this machine a host, too.
func (l *listening) joinHere(secret string, args ...string) *running {
	l.t.Helper()
	file := filepath.Join(l.t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		l.t.Fatal(err)
	}
	if !slices.Contains(args, "--key-file") {
		args = append(args, "--token-file", file)
	}
	return begin(l.t, "", append([]string{"join", l.address}, args...)...)
}

// finish ends a listener as Ctrl-C does.
func (l *listening) finish() {
	l.t.Helper()
	l.signal(syscall.SIGINT)
	l.end(statusInterrupted)
	l.gone()
	if _, err := os.Lstat(l.path); !os.IsNotExist(err) {
		l.t.Errorf("its socket is left: %v", err)
	}
}

// When a file of a token cannot be made, none is left of those before it: their tokens would be
// worth nothing.
func TestListenWithoutATokenFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(control.Variable, filepath.Join(dir, "s"))
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	if err := os.WriteFile(second, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	does(t, "", statusUsage, "", "--token "+second+": there is such a file already", "listen", "127.0.0.1:0", "--token", "a="+first, "--token", "b="+second)
	if _, err := os.Lstat(first); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", first, err)
	}
}

// All that is done on hosts is done on one that has joined.
func TestListenAndJoin(t *testing.T) {
	l, token := listenHere(t, "--token", "web1")
	host := l.joinHere(token)
	l.await("web1")
	does(t, "in", 5, "in", "err\n", "run", "--on", "join://web1", "--", "sh", "-c", "cat; echo err >&2; exit 5")
	does(t, "", 0, `"yes"`, "", "run", "--on", "join://web1", "-c", "def main(): return 'yes'")
	does(t, "", 0, "join://web1  linux/", "", "hosts", "check", "join://web1")
	does(t, "", 0, "join://web1  127.0.0.1:", "", "hosts", "joined")
	does(t, "", 3, "", "join://web2: connect: no host has joined as web2, but web1: see outwork hosts joined\n", "run", "--on", "join://web2", "--", "true")
	does(t, "", 4, "", "", "attach", "web1", "sh", "-c", "exit 4")
	does(t, "", 0, "out\n", "", "run", "--connect-back", "--on", "join://web1", "--", "echo", "out")
	dir := t.TempDir()
	data := make([]byte, 5<<20)
	rand.Read(data)
	if err := os.WriteFile(filepath.Join(dir, "a"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	does(t, "", 0, "", "", "put", "--on", "join://web1", filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	does(t, "", 0, "", "", "get", "join://web1"+filepath.Join(dir, "b"), filepath.Join(dir, "c"))
	if got, err := os.ReadFile(filepath.Join(dir, "c")); !bytes.Equal(got, data) || err != nil {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	l.finish()
	host.end(statusOK)
	host.gone()
	for _, want := range []string{"INFO  listening address=127.0.0.1:", "INFO  host has joined host=web1 addr=127.0.0.1:"} {
		l.mustSay(want)
	}
	for _, want := range []string{"INFO  joined " + l.address + " as=web1\n", "INFO  the manager at " + l.address + " has ended it\n"} {
		host.mustSay(want)
	}
	if strings.Contains(l.stderr.String()+host.stderr.String(), strings.TrimSpace(token)) {
		t.Error("the token is in a log")
	}
}

// keepsRunning waits for a host, and begins something there that does not end by itself.
func (l *listening) keepsRunning(host string) *running {
	l.t.Helper()
	l.await(host)
	file := filepath.Join(l.t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("running\n"), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return start(l.t, "run", "--on", "join://"+host, "--", "tail", "-f", file)
}

// A host that is told to end leaves nothing, and what runs on it is lost.
func TestJoinInterrupted(t *testing.T) {
	l, token := listenHere(t, "--token", "web1")
	host := l.joinHere(token)
	r := l.keepsRunning("web1")
	host.signal(syscall.SIGINT)
	host.end(statusInterrupted)
	host.gone()
	r.end(statusLost)
	r.gone()
	r.mustSay("the connection ended: outwork attach: web1 is lost: ")
	l.await()
	l.finish()
	l.mustSay("INFO  host has left host=web1 ")
}

// So does one that is killed; for its manager it is cut off.
func TestJoinKilled(t *testing.T) {
	l, token := listenHere(t, "--token", "web1")
	host := l.joinHere(token)
	r := l.keepsRunning("web1")
	host.Process.Kill()
	host.end(-1)
	host.gone()
	r.signal(syscall.SIGINT)
	r.end(program.StatusSignal + int(syscall.SIGKILL)) // it does not say that it has ended
	r.gone()
	l.await("web1!")
	l.finish()
}

// A listener that is killed is lost, with all that it wanted.
func TestListenKilled(t *testing.T) {
	l, token := listenHere(t, "--token", "web1")
	host := l.joinHere(token, "--redial", "1s")
	l.await("web1")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("running\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "run", "--on", "join://web1", "--", "tail", "-f", file)
	l.Process.Kill()
	l.end(-1)
	l.gone()
	r.end(statusLost)
	r.gone()
	r.mustSay("the listener has ended")
	host.end(statusLost)
	host.gone()
	host.mustSay("outwork join: ")
	does(t, "", 3, "", "start one with outwork listen", "hosts", "joined")
	second, _ := listenAt(t, l.path, l.address) // what the first left is in nobody's way
	second.finish()
}

// A host that tries for ever comes to a manager that was started again.
func TestRetryAtAnother(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := listenHere(t, "--key-file", key)
	host := l.joinHere("", "--key-file", key, "--name", "web1", "--retry")
	l.await("web1")
	does(t, "", 0, "", "", "run", "--on", "join://web1", "--", "true") // or another could take it as it is
	l.Process.Kill()
	l.end(-1)
	l.gone()
	l, _ = listenAt(t, l.path, l.address, "--key-file", key)
	l.await("web1")
	does(t, "", 0, "out\n", "", "run", "--on", "join://web1", "--", "echo", "out")
	host.signal(syscall.SIGINT)
	host.end(statusInterrupted)
	host.gone()
	host.mustSay("; trying again in 1s\n")
	l.finish()
}

// A token lets in as many as it says, and none once it is revoked.
func TestTokens(t *testing.T) {
	l, token := listenHere(t, "--token", "web1")
	first := l.joinHere(token)
	l.await("web1")
	again := l.joinHere(token)
	again.end(statusFailed)
	again.mustSay("outwork join: join " + l.address + ": ")
	file := filepath.Join(t.TempDir(), "token")
	does(t, "", 0, "", "For any number of hosts called db-*, run there: outwork join ", "hosts", "token", "db-*,uses=any="+file)
	more, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	none := l.joinHere(string(more))
	none.end(statusFailed)
	none.mustSay("name")
	other := l.joinHere(string(more), "--name", "web2")
	other.end(statusFailed)
	other.mustSay("name")
	db := l.joinHere(string(more), "--name", "db-1")
	l.await("db-1", "web1")
	does(t, "", 0, "", "", "hosts", "revoke", file)
	late := l.joinHere(string(more), "--name", "db-2")
	late.end(statusFailed)
	cut := l.joinHere(string(more[:len(more)-9]), "--name", "db-2")
	cut.end(statusUsage)
	cut.mustSay("the token is not whole")
	l.finish()
	first.end(statusOK)
	db.end(statusOK)
}

func TestKeyFile(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("0123456789abcdeF\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := listenHere(t, "--key-file", key)
	host := l.joinHere("", "--key-file", key, "--name", "web1")
	l.await("web1")
	other := l.joinHere("", "--key-file", wrong, "--name", "web2")
	if err := other.Wait(); err == nil {
		t.Error("it was let in")
	}
	does(t, "", 0, "out\n", "", "run", "--on", "join://web1", "--", "echo", "out")
	does(t, "", 1, "", "outwork hosts token: ", "hosts", "token", "web2")
	l.finish()
	host.end(statusOK)
	host.gone()
	host.mustSay("warning: a key authenticates and hides nothing")
}

// An address or socket that is in use is said in one sentence.
func TestListenInUse(t *testing.T) {
	l, _ := listenHere(t, "--token", "web1", "--identity", filepath.Join(t.TempDir(), "identity"))
	does(t, "", 2, "", "outwork listen: another outwork listen, process "+strconv.Itoa(l.Process.Pid)+" serves "+l.path+" already", "listen", "127.0.0.1:0")
	does(t, "", 2, "", "outwork listen: cannot listen on "+l.address+": the address is in use", "listen", "--socket", l.path+"2", l.address)
	l.finish()
}

// The key of a listener is made once.
func TestIdentity(t *testing.T) {
	identity := filepath.Join(t.TempDir(), "identity")
	var keys [2][]byte
	for i := range keys {
		l, _ := listenHere(t, "--token", "web1", "--identity", identity)
		l.finish()
		info, err := os.Stat(identity)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("got %v, %v", info, err)
		}
		if keys[i], err = os.ReadFile(identity); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(keys[0], keys[1]) {
		t.Error("it was made anew")
	}
	if err := os.Chmod(identity, 0o644); err != nil {
		t.Fatal(err)
	}
	does(t, "", 2, "", "others may read it, and could pass for this listener: chmod 600", "listen", "127.0.0.1:0", "--identity", identity)
}

// With its key and its tokens in files a listener may be started again.
func TestListenAgain(t *testing.T) {
	dir := t.TempDir()
	identity, token := filepath.Join(dir, "identity"), filepath.Join(dir, "token")
	for range 2 {
		l, _ := listenHere(t, "--identity", identity, "--token=web1="+token)
		host := begin(t, "", "join", l.address, "--token-file", token)
		l.await("web1")
		l.finish()
		host.end(statusOK)
	}
	does(t, "", 2, "", "there is such a file already", "listen", "--socket", filepath.Join(dir, "s"), "127.0.0.1:0", "--token", "web1="+token)
	does(t, "", 2, "", "of a listener with another key", "listen", "--socket", filepath.Join(dir, "s"), "127.0.0.1:0",
		"--identity", identity+"2", "--token", "web1="+token)
}

// Bulk crosses with backpressure, both ways.
func TestJoinedBulk(t *testing.T) {
	l, token := listenHere(t, "--token", "web1")
	host := l.joinHere(token)
	l.await("web1")
	const size = 64 << 20
	cmd := command(t, "attach", "web1", "cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		io.CopyN(in, endlessZeros{}, size)
		in.Close()
	}()
	n, err := io.Copy(io.Discard, out)
	if n != size || err != nil {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	l.finish()
	host.end(statusOK)
}

// endlessZeros is input without an end.
type endlessZeros struct{}

func (endlessZeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
