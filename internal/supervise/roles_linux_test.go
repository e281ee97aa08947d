package supervise

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// roleVar makes the test binary play a role instead of running tests.
const roleVar = "HOST_TEST_ROLE"

var roles map[string]func(args []string) error

func TestMain(m *testing.M) {
	roles = map[string]func([]string) error{
		"exit":      exit,
		"idle":      idle,
		"stubborn":  stubborn,
		"burn":      burn,
		"breed":     breed,
		"fork":      fork,
		"show":      show,
		"files":     files,
		"supervise": supervise,
		"held":      held,
		"eat":       eat,
		"multiply":  multiply,
		"oversee":   oversee,
		"refused":   refused,
	}
	role, ok := os.LookupEnv(roleVar)
	if !ok {
		os.Exit(m.Run())
	}
	if roles[role] == nil {
		fmt.Fprintf(os.Stderr, "no role %q\n", role)
		os.Exit(99)
	}
	if err := roles[role](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, role+":", err)
		os.Exit(99)
	}
}

func exit(args []string) error {
	code, err := strconv.Atoi(args[0])
	if err == nil {
		os.Exit(code)
	}
	return err
}

// idle says its name and pid, and stays until it is killed.
func idle(args []string) error {
	fmt.Println(strings.Join(args, " "), os.Getpid())
	for {
		time.Sleep(time.Hour)
	}
}

func stubborn(args []string) error {
	signal.Ignore(syscall.SIGTERM)
	return idle(args)
}

var ballast []byte

func burn([]string) error {
	ballast = make([]byte, 64<<20)
	for begin := cpuTime(); cpuTime()-begin < 50*time.Millisecond; {
		for i := range ballast {
			ballast[i]++
		}
	}
	return nil
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return time.Hour
	}
	return time.Duration(usage.Utime.Nano())
}

// breed starts a descendant of each kind named, and idles.
func breed(kinds []string) error {
	for _, kind := range kinds {
		if err := birth(kind); err != nil {
			return err
		}
	}
	return idle([]string{"breed"})
}

// birth starts a descendant; it writes its name and pid when it is there.
func birth(kind string) error {
	cmd := exec.Command("/proc/self/exe", kind)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), roleVar+"=idle")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	switch kind {
	case "group": // nothing but its group tells whose it is
		cmd.SysProcAttr.Setsid = false
		cmd.Env = []string{roleVar + "=idle"}
	case "setsid":
	case "daemon": // by way of a parent that ends
		cmd.Args[1] = "setsid"
		cmd.Env = append(cmd.Env, roleVar+"=fork")
		return cmd.Run()
	case "unmarked":
		cmd.Env = []string{roleVar + "=idle"}
	case "nest": // a tree in which each generation has its own session
		cmd.Args = append(cmd.Args[:1], "setsid", "daemon")
		cmd.Env = append(cmd.Env, roleVar+"=breed")
	}
	return cmd.Start()
}

func fork(kinds []string) error { return birth(kinds[0]) }

func show(args []string) error {
	dir, err := os.Getwd()
	fmt.Printf("%q %q %q\n", dir, os.Args, os.Environ())
	return err
}

// files lists the descriptors of this process with what they refer to. Go's own
// are opened by the time that it runs, so it asks a program that opens none.
func files([]string) error {
	return syscall.Exec("/bin/sh", []string{"sh", "-c", `for fd in /proc/$$/fd/*; do if [ -e $fd ]; then printf "${fd##*/} "; readlink $fd; fi; done`}, nil)
}

// supervise starts idle processes through a supervisor of its own, and idles.
func supervise(args []string) error {
	s, err := New()
	if err != nil {
		return err
	}
	for _, role := range args {
		sp := spec(role, "setsid")
		sp.Files = []*os.File{nil, os.Stdout, os.Stderr}
		if _, err := s.Start(sp); err != nil {
			return err
		}
	}
	return idle([]string{"supervise"})
}
