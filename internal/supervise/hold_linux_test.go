package supervise

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/confine"
)

// userVar is set where a test runs as an ordinary user.
const userVar = "HOST_TEST_USER"

// asUser runs the test again as an ordinary user, and then, or if this is that one, goes on. As
// who else than root there is only that.
func asUser(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 || os.Getenv(userVar) != "" {
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), userVar+"=1", "TMPDIR="+userDir(t))
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4711, Gid: 4711}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: "+t.Name()) && !strings.Contains(string(out), "--- SKIP: "+t.Name()) {
		t.Errorf("as an ordinary user it did not run:\n%s", out)
	}
}

func userDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/tmp", "host-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, 4711, 4711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// state is what a process that is held finds of itself.
type state struct {
	Policy     *confine.Policy
	Role       string
	PID, SID   int
	Args       []string
	Namespaces map[string]uint64
	Caps       string
	Cgroups    string
	Mount      string // why it cannot mount; ""
	Trust      bool   // it runs as somebody that it was not (AT_SECURE)
}

// held tells its state, and idles.
func held([]string) error {
	p, err := confine.Decode([]byte(os.Getenv(confine.PolicyVariable)))
	if err != nil {
		return err
	}
	sid, _ := unix.Getsid(0)
	st := state{Policy: p, Role: os.Getenv(confine.RoleVariable), PID: os.Getpid(), SID: sid, Args: os.Args, Namespaces: map[string]uint64{}}
	for _, k := range namespaces {
		if st.Namespaces[k.name], err = k.outside(); err != nil {
			return err
		}
	}
	for line := range fileLines("/proc/self/status") {
		if caps, ok := strings.CutPrefix(line, "CapEff:\t"); ok {
			st.Caps = caps
		}
	}
	cgroups, _ := os.ReadFile("/proc/self/cgroup")
	st.Cgroups = string(cgroups)
	st.Mount = mountOwn(&st)
	auxv, err := unix.Auxv()
	if err != nil {
		return err
	}
	for _, a := range auxv {
		st.Trust = st.Trust || a[0] == 23 && a[1] != 0
	}
	if err := json.NewEncoder(os.Stdout).Encode(st); err != nil {
		return err
	}
	return idle([]string{"held"})
}

// mountOwn mounts something, where that is for this process alone to see, or says why it cannot.
func mountOwn(st *state) string {
	if st.Policy == nil || !slices.Contains(st.Policy.Given.Namespaces, "mnt") {
		return "it would be for all to see"
	}
	if i := slices.Index(st.Policy.Given.Namespaces, "mnt"); st.Policy.Given.Outside[i] == st.Namespaces["mnt"] {
		return "it would be for all to see, although a namespace was given"
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err.Error()
	}
	if err := unix.Mount("none", "/mnt", "tmpfs", 0, ""); err != nil {
		return err.Error()
	}
	return ""
}

// playHeld starts a role that is held.
func playHeld(t *testing.T, s *Supervisor, p *confine.Policy, change func(*Spec), role string, args ...string) (*Child, *bufio.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	sp := spec(role, args...)
	sp.Files[1], sp.Confine = w, p
	if change != nil {
		change(&sp)
	}
	c, err := s.Start(sp)
	w.Close()
	if err != nil {
		r.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); c.Pidfd().Close() })
	return c, lines(t, r)
}

func stateOf(t *testing.T, from io.Reader) (st state) {
	t.Helper()
	if err := json.NewDecoder(from).Decode(&st); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestHeld(t *testing.T) {
	asUser(t)
	s := open(t)
	root := os.Getuid() == 0
	for _, p := range []confine.Policy{
		{Level: confine.Strict},
		{Level: confine.Contained, Limits: confine.Limits{Files: 100}},
		{Level: confine.Strict, Network: true},
		{Limits: confine.Limits{Files: 100}},
	} {
		t.Run(fmt.Sprintf("%s network %t", p.Level, p.Network), func(t *testing.T) {
			p.Given, p.Held, p.Data = confine.Given{UID: 1, Missing: []string{"forged"}}, "strict\n+forged", 1
			c, out := playHeld(t, s, &p, nil, "held")
			st := stateOf(t, out)
			g := st.Policy.Given
			if p.Given, p.Held, p.Data = g, "", 0; fmt.Sprint(p) != fmt.Sprint(*st.Policy) {
				t.Errorf("the policy became %+v, of %+v", *st.Policy, p)
			}
			want := []string{"user", "pid", "mnt", "net", "ipc", "uts", "cgroup"}
			if root {
				want = want[1:]
			}
			if p.Network {
				want = slices.DeleteFunc(want, func(s string) bool { return s == "net" })
			}
			if p.Level == "" {
				want = nil
			}
			if !slices.Equal(g.Namespaces, want) || len(g.Missing) != 0 {
				t.Errorf("given %+v, want the namespaces %q", g, want)
			}
			mustDiffer(t, &st)
			confined := p.Level != ""
			if (g.UID != 0) != (confined && root) || g.UID != 0 && (g.UID < firstID || g.UID >= firstID+ids) {
				t.Errorf("the id %d", g.UID)
			}
			if confined != (st.PID == 1) || confined != (st.SID == 1) {
				t.Errorf("it is process %d, session %d in its own view", st.PID, st.SID)
			}
			if mounts := st.Mount == ""; mounts != confined || st.Trust {
				t.Errorf("mount: %s; AT_SECURE %t", st.Mount, st.Trust)
			}
			if want := fmt.Sprintf("%016x", 1<<unix.CAP_SYS_ADMIN|1<<unix.CAP_SETPCAP); confined && !root && st.Caps != want {
				t.Errorf("capabilities %s, want %s", st.Caps, want)
			}
			kill(t, c, syscall.SIGKILL)
			exitOfChild(t, c)
		})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids) != 0 {
		t.Errorf("ids are taken for nobody: %v", s.ids)
	}
}

// mustDiffer compares a process's namespaces with what it was told, and with this process's.
func mustDiffer(t *testing.T, st *state) {
	t.Helper()
	told := map[string]uint64{}
	for i, name := range st.Policy.Given.Namespaces {
		told[name] = st.Policy.Given.Outside[i]
	}
	for _, k := range namespaces {
		own, err := k.outside()
		if err != nil {
			t.Fatal(err)
		}
		if outside, ok := told[k.name]; ok && (outside != own || st.Namespaces[k.name] == own) {
			t.Errorf("its %s namespace is %d, outside %d; ours is %d", k.name, st.Namespaces[k.name], outside, own)
		} else if !ok && st.Namespaces[k.name] != own {
			t.Errorf("its %s namespace is one that nobody told of", k.name)
		}
	}
}

// What a process is to be held by comes from its own start, and nothing before.
func TestPolicyIsNotInherited(t *testing.T) {
	s := open(t)
	inherits := func(sp *Spec) {
		sp.Env = append(sp.Env, confine.PolicyVariable+"=forged", confine.RoleVariable+"=worker")
	}
	_, out := playHeld(t, s, nil, inherits, "show")
	line, err := out.ReadString('\n')
	if err != nil || strings.Contains(line, confine.PolicyVariable) {
		t.Errorf("%s, %v", line, err)
	}
	c, out := playHeld(t, s, &confine.Policy{Level: confine.Strict}, inherits, "held")
	if st := stateOf(t, out); st.Policy.Level != confine.Strict || st.Role != "worker" {
		t.Errorf("%+v", st)
	}
	kill(t, c, syscall.SIGKILL)
	c, out = playHeld(t, s, &confine.Policy{Level: confine.Strict, Exec: &confine.Exec{}}, inherits, "held", "title")
	st := stateOf(t, out)
	want := confine.Exec{Path: "/proc/self/exe", Args: []string{"host", "title"}}
	if st.Role != confine.RoleStage || fmt.Sprint(*st.Policy.Exec) != fmt.Sprint(want) || !slices.Equal(st.Args, want.Args) {
		t.Errorf("a stage is %+v with %q", st, st.Args)
	}
	kill(t, c, syscall.SIGKILL)
	c, out = playHeld(t, s, &confine.Policy{Level: confine.Strict, Exec: &confine.Exec{Path: "/bin/py", Args: []string{"py", "-c"}}}, inherits, "held")
	if st := stateOf(t, out); st.Policy.Exec.Path != "/bin/py" || !slices.Equal(st.Args, []string{"py", "-c"}) {
		t.Errorf("a stage is %+v with %q", st, st.Args)
	}
	kill(t, c, syscall.SIGKILL)
}

func TestPolicyRefused(t *testing.T) {
	s := open(t)
	sp := spec("exit", "0")
	many := make([]string, 3000)
	for i := range many {
		many[i] = "/" + strings.Repeat("x", 50)
	}
	for want, p := range map[string]*confine.Policy{
		"no such level of confinement":         {Level: "lax"},
		"the confinement, with its grants, ta": {Level: confine.Strict, ReadOnly: many},
	} {
		sp.Confine = p
		if c, err := s.Start(sp); err == nil || c != nil || !strings.HasPrefix(err.Error(), "start /proc/self/exe: "+want) {
			t.Errorf("%v", err)
		}
	}
	sp.Confine = &confine.Policy{Level: confine.Strict, AllowReduced: true}
	sp.Path = "/nowhere/x"
	if _, err := s.Start(sp); err == nil || err.Error() != "exec /nowhere/x: no such file or directory" {
		t.Error("what is wrong is not the namespaces:", err)
	}
	if len(s.ids) != 0 {
		t.Errorf("ids are taken for nobody: %v", s.ids)
	}
}

// All that a held leader has started ends with it, whatever it did to be lost from sight.
func TestHeldFamily(t *testing.T) {
	asUser(t)
	s := open(t)
	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		c, out := playHeld(t, s, &confine.Policy{Level: confine.Contained}, nil, "breed", "group", "setsid", "daemon", "unmarked")
		for range 5 { // their numbers are of their own namespace
			if _, err := out.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		family := descendants(t, c.Pid())
		if len(family) != 4 {
			t.Errorf("its descendants are %d", family)
		}
		var procs []*os.File
		for _, pid := range family {
			procs = append(procs, openPid(t, pid))
		}
		kill(t, c, end)
		exitOfChild(t, c)
		mustEnd(t, procs...)
	}
}

// descendants of pid that live.
func descendants(t *testing.T, pid int) (all []int) {
	t.Helper()
	pids, err := procfs{"/proc", pid}.children()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pids {
		if st, err := (procfs{root: "/proc"}).stat(p); err == nil && !st.dead() {
			all = append(append(all, p), descendants(t, p)...)
		}
	}
	return all
}

// The kernel spares the first process of a namespace the signals that it does not catch.
func TestTerminateHeld(t *testing.T) {
	s := open(t)
	sleep := func(sp *Spec) { sp.Path, sp.Args = "/bin/sh", []string{"sh", "-c", "echo here; exec sleep 1000"} }
	c, out := playHeld(t, s, &confine.Policy{Level: confine.Contained}, sleep, "")
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	kill(t, c, syscall.SIGTERM)
	if e := exitOfChild(t, c); syscall.Signal(e.Signal) != syscall.SIGKILL {
		t.Errorf("it ended with %v", e)
	}
	c, out = playHeld(t, s, &confine.Policy{Level: confine.Contained}, nil, "stubborn", "here")
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	kill(t, c, syscall.SIGTERM)
	mustLive(t, c.Pidfd())
	kill(t, c, syscall.SIGKILL)
	if e := exitOfChild(t, c); syscall.Signal(e.Signal) != syscall.SIGKILL {
		t.Errorf("it ended with %v", e)
	}
}

// SIGKILL of the supervisor takes those that it holds, and theirs.
func TestHeldWithoutSupervisor(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "contained", "breed", "setsid", "daemon")
	cmd.Env = append(os.Environ(), roleVar+"=oversee")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(out)
	for range 4 {
		if _, err := from.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	var procs []*os.File
	for _, pid := range descendants(t, cmd.Process.Pid) {
		procs = append(procs, openPid(t, pid))
	}
	if len(procs) != 3 {
		t.Errorf("%d processes", len(procs))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	mustEnd(t, procs...)
	needGroups(t) // which removes those that it has left
}

// oversee starts a role through a supervisor of its own, with that level and 64 MiB, and idles.
func oversee(args []string) error {
	s, err := New()
	if err != nil {
		return err
	}
	sp := spec(args[1], args[2:]...)
	sp.Files = []*os.File{nil, os.Stdout, os.Stderr}
	sp.Confine = &confine.Policy{Level: args[0], Limits: confine.Limits{Memory: 64 << 20}}
	if _, err := s.Start(sp); err != nil {
		return err
	}
	return idle([]string{"oversee"})
}

// Namespaces that the kernel refuses, each by its setting in a user namespace that is the test's
// own: 0 is root there, and there are no other ids.
func TestRefusedNamespaces(t *testing.T) {
	for setting, want := range map[string][]string{
		"none": {"", "", "user pid mnt net ipc uts cgroup", ""},
		"user.max_net_namespaces": {
			"start: confine the process: no net namespace: no space left on device: user.max_net_namespaces is 0: raise it with sysctl (Sandbox.AllowReduced would do without)", "",
			"user pid mnt ipc uts cgroup", "no net namespace: no space left on device: user.max_net_namespaces is 0: raise it with sysctl",
		},
		"user.max_user_namespaces": {
			"start: confine the process: no user namespace, and without it none of another kind: no space left on device: user.max_user_namespaces is 0: raise it with sysctl (Sandbox.AllowReduced would do without)", "",
			"", "no user namespace, and without it none of another kind: no space left on device: user.max_user_namespaces is 0: raise it with sysctl",
		},
	} {
		t.Run(setting, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe", setting)
			cmd.Env = append(os.Environ(), roleVar+"=refused")
			cmd.Stderr = os.Stderr
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
			}
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// refused tells, for a start that must have all and one that need not: why it failed, or what
// namespaces are given and what is missing.
func refused(args []string) error {
	if args[0] != "none" {
		if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(args[0], ".", "/"), []byte("0"), 0); err != nil {
			return err
		}
	}
	s, err := New()
	if err != nil {
		return err
	}
	before := pipeEnds()
	for _, reduced := range []bool{false, true} {
		r, w, err := os.Pipe() // one for each: it may say more, before it is killed
		if err != nil {
			return err
		}
		defer r.Close()
		defer w.Close()
		sp := spec("held")
		sp.Files[1], sp.Confine = w, &confine.Policy{Level: confine.Strict, AllowReduced: reduced}
		c, err := s.Start(sp)
		if err != nil {
			fmt.Printf("start: %v\n\n", err)
			continue
		}
		var st state
		if err := json.NewDecoder(r).Decode(&st); err != nil {
			return err
		}
		c.Pidfd().Close()
		if c.Signal(syscall.SIGKILL); !reduced {
			fmt.Print("\n\n")
			continue
		}
		fmt.Printf("%s\n%s\n", strings.Join(st.Policy.Given.Namespaces, " "), strings.Join(st.Policy.Given.Missing, "; "))
		if st.Policy.Given.UID != 0 {
			return fmt.Errorf("the id %d", st.Policy.Given.UID)
		}
	}
	if now := pipeEnds(); now != before+4 {
		return fmt.Errorf("%d ends of pipes, %d before, and 4 are ours", now, before)
	}
	return s.Close()
}

func pipeEnds() (n int) {
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}

func TestAdvice(t *testing.T) {
	user, pid := namespaces[0], namespaces[1]
	for _, c := range []struct {
		kind     namespace
		settings string
		err      error
		want     string
	}{
		{user, "kernel/unprivileged_userns_clone 0", unix.EPERM, "kernel.unprivileged_userns_clone is 0"},
		{user, "kernel/apparmor_restrict_unprivileged_userns 1", unix.EACCES, "AppArmor forbids it"},
		{user, "user/max_user_namespaces 0", unix.ENOSPC, "user.max_user_namespaces is 0"},
		{user, "user/max_user_namespaces 10", unix.ENOSPC, "there are as many as user.max_user_namespaces allows"},
		{pid, "kernel/unprivileged_userns_clone 0", unix.EPERM, "a container's or service's own confinement forbids it"},
		{pid, "kernel/x 0", unix.EINVAL, "this kernel was built without"},
		{user, "kernel/unprivileged_userns_clone 1", unix.EPERM, "a container's or service's own"},
	} {
		dir := t.TempDir() + "/"
		name, value, _ := strings.Cut(c.settings, " ")
		if err := os.MkdirAll(filepath.Dir(dir+name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+name, []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := c.kind.advice(dir, c.err); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %v: %s", c.settings, c.err, got)
		}
	}
}

func TestSpareIDs(t *testing.T) {
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "map")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	all := "         0          0 4294967295\n"
	for _, c := range []struct {
		uids, gids string
		want       idRange
	}{
		{all, all, idRange{firstID, firstID + ids}},
		{"0 1000 1\n", "0 1000 1\n", idRange{}},
		{"0 1000 1\n1 100000 65536\n", "0 1000 1\n1 100000 65536\n", idRange{32769, 65537}},
		{all, "0 100000 65536\n", idRange{}},
		{"0 0 100000\n", "0 0 80000\n", idRange{50000, 80000}},
		{"", "", idRange{}},
	} {
		got := spareIDs(write(c.uids), write(c.gids))
		if got.end <= got.start {
			got = idRange{}
		}
		if got != c.want {
			t.Errorf("of %q and %q: %v, want %v", c.uids, c.gids, got, c.want)
		}
	}
	if got := spareIDs("/nowhere"); got != (idRange{}) {
		t.Errorf("without a map: %v", got)
	}
}

// No id is given that an account has, or another process.
func TestIDsAreUnused(t *testing.T) {
	passwd := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(passwd, []byte("root:x:0:0:root:/root:/bin/sh\nodd line\nx:x:"+strconv.Itoa(firstID)+":7:a:b:c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := accounts(passwd, "/nowhere"); len(got) != 2 || !got[firstID] || !got[0] {
		t.Errorf("accounts %v", got)
	}
	s := &Supervisor{ids: map[int]struct{}{}}
	if spareIDs("/proc/self/uid_map", "/proc/self/gid_map") != (idRange{firstID, firstID + ids}) {
		t.Skip("this user namespace has few ids")
	}
	for range 1000 {
		if id := s.takeID(); id < firstID || id >= firstID+ids {
			t.Fatalf("the id %d", id)
		}
	}
	if len(s.ids) != 1000 {
		t.Errorf("%d ids are taken", len(s.ids))
	}
	for id := firstID; id < firstID+ids; id++ {
		s.ids[id] = struct{}{}
	}
	if id := s.takeID(); id != 0 {
		t.Errorf("the id %d, which is taken", id)
	}
}
