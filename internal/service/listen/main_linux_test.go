package listen

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// The test binary plays other parts, when this variable says which; its
// arguments follow, with spaces between them.
const role = "OUTWORK_TEST_LISTEN"

var roles = map[string]func(args []string) error{
	"clients":   clients,
	"hammer":    hammer,
	"daemon":    daemon,
	"activated": activatedDaemon,
}

func TestMain(m *testing.M) {
	if words := strings.Fields(os.Getenv(role)); len(words) > 0 {
		if err := roles[words[0]](words[1:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	realm.Main(m, realm.Options{})
}

// play starts the test binary in a role, as a user of the realm unless user is
// "". It is told to end by the end of its stdin.
type play struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

func start(t *testing.T, user string, words ...string) *play {
	t.Helper()
	p := &play{cmd: exec.Command("/proc/self/exe")}
	if user != "" {
		realm.As(p.cmd, user)
	}
	p.run(t, role+"="+strings.Join(words, " "), "GORACE=atexit_sleep_ms=0")
	return p
}

func (p *play) run(t *testing.T, env ...string) {
	t.Helper()
	p.cmd.Env = append(p.cmd.Environ(), env...)
	p.cmd.Stderr = t.Output()
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.stdin, p.lines = stdin, bufio.NewScanner(stdout)
	t.Cleanup(p.end)
}

// line is the next that it says.
func (p *play) line() string {
	p.lines.Scan()
	return p.lines.Text()
}

func (p *play) end() {
	p.stdin.Close()
	p.cmd.Wait()
}

// tillToldToEnd waits for the end of stdin.
func tillToldToEnd() { io.Copy(io.Discard, os.Stdin) }

// clients connects to args[0], args[1] times, and says how many were greeted,
// and holds them.
func clients(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	greeted := 0
	for range n {
		c, err := net.Dial("unix", args[0])
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			greeted++
		}
	}
	fmt.Println(greeted)
	tillToldToEnd()
	return nil
}

// hammer connects to args[0] all the time, and then says what it met.
func hammer(args []string) error {
	over := make(chan struct{})
	go func() { tillToldToEnd(); close(over) }()
	met := map[string]bool{}
	fmt.Println("ready")
	for {
		c, err := net.Dial("unix", args[0])
		if err == nil {
			c.Close()
			met["welcome"] = true
		} else if errno, ok := errors.AsType[unix.Errno](err); ok {
			met[unix.ErrnoName(errno)] = true
		} else {
			return err
		}
		select {
		case <-over:
			for what := range met {
				fmt.Print(what, " ")
			}
			fmt.Println()
			return nil
		default:
		}
	}
}

// daemon listens on args[0].
func daemon(args []string) error {
	l, err := Own(config(args[0]))
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("ready")
	tillToldToEnd()
	return nil
}

func config(path string) Config {
	return Config{Path: path, Mode: 0o600, Connections: 100, PerUser: 50}
}

// folder is a directory of its own for a socket, short enough for its path, that
// all may enter.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "listen")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func owned(t *testing.T, c Config) *Listener {
	t.Helper()
	l, err := Own(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func openFiles(t *testing.T) int { return len(names(t, "/proc/self/fd")) }

// wantNames checks what is in dir.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("%s has %q, not %q", filepath.Base(dir), got, want)
	}
}
