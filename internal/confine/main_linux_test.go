package confine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What this binary is started again as.
const (
	roleVariable   = "CONFINE_TEST_ROLE"
	actVariable    = "CONFINE_TEST_ACT"
	policyVariable = "CONFINE_TEST_POLICY"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "supervisor":
		supervise()
	case "worker":
		be(Enter)
	case "stage":
		fmt.Fprintln(os.Stderr, Stage())
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// be is a worker that does what it was told to.
func be(enter func() (Report, error)) {
	act := os.Getenv(actVariable)
	r, err := enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	name, arg, _ := strings.Cut(act, " ")
	do, ok := acts[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such act:", act)
		os.Exit(4)
	}
	do(r, arg)
	os.Exit(0)
}

// A supervisor starts one worker, in the namespaces that its policy needs, as package supervise does.
func supervise() {
	p := &Policy{}
	must(json.Unmarshal([]byte(os.Getenv(policyVariable)), p))
	sys := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.Level == Contained || p.Level == Strict {
		separate(p, sys)
	}
	times, _ := strconv.Atoi(os.Getenv("CONFINE_TEST_TIMES"))
	if times > 0 {
		var all []time.Duration
		for range times {
			begin := time.Now()
			cmd := worker(p, sys)
			must(cmd.Run())
			all = append(all, time.Since(begin))
		}
		slices.Sort(all)
		fmt.Println(int64(all[len(all)/2]))
		os.Exit(0)
	}
	err := worker(p, sys).Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		w := e.Sys().(syscall.WaitStatus)
		if w.Signaled() {
			os.Exit(100 + int(w.Signal()))
		}
		os.Exit(w.ExitStatus())
	}
	must(err)
	os.Exit(0)
}

// worker is the command for one.
func worker(p *Policy, sys *syscall.SysProcAttr) *exec.Cmd {
	fds := must2(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	must(unix.Sendmsg(fds[0], []byte{0}, unix.UnixRights(sealed()), nil, 0))
	role := "worker"
	if p.Exec != nil {
		role = "stage"
	}
	return &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{"test [worker]", os.Getenv(actVariable)}, Stdout: os.Stdout, Stderr: os.Stderr,
		Env:         append(os.Environ(), roleVariable+"="+role, PolicyVariable+"="+string(p.Encode())),
		SysProcAttr: sys, ExtraFiles: []*os.File{os.NewFile(uintptr(fds[1]), "link")},
	}
}

// sealed is memory as a container comes in.
func sealed() int {
	fd := must2(unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING))
	must2(unix.Write(fd, bytes.Repeat([]byte("container "), 1000)))
	must2(unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL))
	return fd
}

func separate(p *Policy, sys *syscall.SysProcAttr) {
	kinds := map[string]uintptr{"pid": unix.CLONE_NEWPID, "mnt": unix.CLONE_NEWNS, "ipc": unix.CLONE_NEWIPC, "uts": unix.CLONE_NEWUTS, "cgroup": unix.CLONE_NEWCGROUP}
	if !p.Network {
		kinds["net"] = unix.CLONE_NEWNET
	}
	if os.Getuid() == 0 {
		p.Given.UID = 0x4f570000 + os.Getpid()%0x8000
	} else {
		kinds["user"] = unix.CLONE_NEWUSER
		sys.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	for kind, flag := range kinds {
		if os.Getenv("CONFINE_TEST_WITHOUT") == kind {
			continue
		}
		var st unix.Stat_t
		must(unix.Stat("/proc/self/ns/"+kind, &st))
		p.Given.Namespaces = append(p.Given.Namespaces, kind)
		p.Given.Outside = append(p.Given.Outside, st.Ino)
		sys.Cloneflags |= flag
	}
}

// failed is how a supervisor exits that could not start its worker.
const failed = 5

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "supervisor:", err)
		os.Exit(failed)
	}
}

func must2[T any](v T, err error) T {
	must(err)
	return v
}

// A run is how a worker ended.
type run struct {
	out, err string
	code     int
	signal   syscall.Signal
}

// users runs a test as root, when it is run by root, and as an ordinary user.
func users(t *testing.T, f func(t *testing.T, as uint32)) {
	t.Helper()
	if os.Getuid() == 0 {
		t.Run("root", func(t *testing.T) { f(t, 0) })
		t.Run("user", func(t *testing.T) { f(t, 65534) })
		return
	}
	f(t, uint32(os.Getuid()))
}

// lacks ends a test that this machine is not for; under continuous integration that is a failure.
func lacks(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// start runs one worker under p, which does act.
func start(t testing.TB, as uint32, p *Policy, act string, env ...string) run {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(slices.Concat(os.Environ(), env), "GORACE=atexit_sleep_ms=0", roleVariable+"=supervisor", policyVariable+"="+string(b), actVariable+"="+act)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if int(as) != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: as, Gid: as}}
	}
	err = cmd.Run()
	r := run{out: out.String(), err: errs.String()}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		r.code = e.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if r.code == failed && strings.Contains(r.err, "not permitted") {
		lacks(t, "this user may make no namespaces here: see user_namespaces(7), and kernel.apparmor_restrict_unprivileged_userns: "+r.err)
	}
	if r.code > 100 {
		r.code, r.signal = -1, syscall.Signal(r.code-100)
	}
	return r
}

// good is start for what must go well, and returns what it printed.
func good(t testing.TB, as uint32, p *Policy, act string, env ...string) string {
	t.Helper()
	r := start(t, as, p, act, env...)
	if r.code != 0 {
		t.Fatalf("it ended with %d, %v\n%s%s", r.code, r.signal, r.out, r.err)
	}
	return r.out
}
