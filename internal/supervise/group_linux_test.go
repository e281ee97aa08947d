package supervise

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/confine"
)

// lacks ends a test for what this machine has not: under CI, where all is to be there, it fails,
// but for one that is run again as a user who may make no groups.
func lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" && os.Getuid() == 0 {
		t.Fatal(what)
	}
	t.Skip(what)
}

// needGroups ends the test where there are no control groups that this user can make.
func needGroups(t *testing.T, names ...string) []controller {
	t.Helper()
	g := groups{proc: "/proc"}
	g.find()
	for _, name := range names {
		if !slices.ContainsFunc(g.found, func(c controller) bool { return c.name == name }) {
			lacks(t, fmt.Sprintf("no control groups of the controller %s can be made here: run it as root, with that mounted", name))
		}
	}
	return g.found
}

// ownGroups are the control groups that this process's supervisors have made, and have not
// removed.
func ownGroups(t *testing.T, of []controller) (left []string) {
	t.Helper()
	for _, c := range of {
		found, err := filepath.Glob(filepath.Join(c.dir, fmt.Sprintf("outwork-*-%d-*", os.Getpid())))
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	return left
}

// eat takes that many MiB.
func eat(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	b, err := unix.Mmap(-1, 0, n<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	fmt.Println("full")
	return nil
}

func TestMemoryGroup(t *testing.T) {
	found := needGroups(t, "memory")
	s := open(t)
	limits := confine.Limits{Memory: 64 << 20}
	for _, level := range []string{confine.None, confine.Contained, confine.Strict} {
		c, out := playHeld(t, s, &confine.Policy{Level: level, Limits: limits}, nil, "eat", "100")
		e := exitOfChild(t, c)
		if syscall.Signal(e.Signal) != syscall.SIGKILL || !e.OutOfMemory || e.PeakMemory < 60<<20 || e.PeakMemory > 65<<20 {
			t.Errorf("%s: 100 MiB of 64: %+v", level, e)
		}
		if line, err := out.ReadString('\n'); err == nil {
			t.Errorf("%s: it went on: %s", level, line)
		}
		c, out = playHeld(t, s, &confine.Policy{Level: level, Limits: limits}, nil, "eat", "20")
		e = exitOfChild(t, c)
		if e.Code != 0 || e.OutOfMemory || e.PeakMemory < 20<<20 || e.PeakMemory > 50<<20 {
			t.Errorf("%s: 20 MiB of 64: %+v", level, e)
		}
		if line, err := out.ReadString('\n'); line != "full\n" {
			t.Errorf("%s: %q, %v", level, line, err)
		}
	}
	if n := len(ownGroups(t, found)); n == 0 {
		t.Error("the test looks for groups in the wrong place")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := ownGroups(t, found); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// The groups are those that the policy tells, and none where nothing asks for one.
func TestGroupsTold(t *testing.T) {
	found := needGroups(t, "memory", "pids")
	s := open(t)
	memory, pids := found[0].String(), found[1].String()
	for _, c := range []struct {
		level  string
		limits confine.Limits
		want   []string
	}{
		{confine.Strict, confine.Limits{Memory: 64 << 20, Processes: 40}, []string{memory}}, // it has an id of its own
		{confine.Strict, confine.Limits{Processes: 40}, nil},
		{confine.None, confine.Limits{Memory: 64 << 20, Processes: 40}, []string{memory, pids}},
		{confine.None, confine.Limits{Processes: 40}, []string{pids}},
		{confine.None, confine.Limits{Files: 40}, nil},
	} {
		child, out := playHeld(t, s, &confine.Policy{Level: c.level, Limits: c.limits}, nil, "held")
		if got := stateOf(t, out).Policy.Given.Cgroups; !slices.Equal(got, c.want) {
			t.Errorf("%s with %+v: %q, want %q", c.level, c.limits, got, c.want)
		}
		in := groupPaths(fmt.Sprintf("/proc/%d/cgroup", child.Pid()))
		for _, k := range found {
			if k.version == 1 && strings.Contains(in[k.name], "/outwork-") != slices.Contains(c.want, k.String()) {
				t.Errorf("%s with %+v: it is in the groups %q", c.level, c.limits, in)
			}
		}
		kill(t, child, syscall.SIGKILL)
	}
}

// multiply starts processes until it cannot, and tells how many.
func multiply([]string) error {
	for n := 0; ; n++ {
		if err := exec.Command("/bin/sleep", "1000").Start(); err != nil {
			fmt.Println(n, err)
			return nil
		}
	}
}

func TestProcessGroup(t *testing.T) {
	found := needGroups(t, "pids")
	s := open(t)
	c, out := playHeld(t, s, &confine.Policy{Limits: confine.Limits{Processes: 40}}, nil, "multiply")
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscan(line, &n); err != nil || n < 20 || n > 39 {
		t.Errorf("with 40 processes: %s", line)
	}
	exitOfChild(t, c)
	c, out = playHeld(t, s, &confine.Policy{Limits: confine.Limits{Processes: 40}}, nil, "multiply")
	if again, err := out.ReadString('\n'); err != nil || again == "0\n" {
		t.Errorf("and again: %s, %v", again, err)
	}
	exitOfChild(t, c)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := ownGroups(t, found); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// What hides from the sweep, outside of a namespace, its control group tells.
func TestHiddenInGroup(t *testing.T) {
	needGroups(t, "memory")
	s := open(t)
	c, out := playHeld(t, s, &confine.Policy{Limits: confine.Limits{Memory: 256 << 20}}, nil, "breed", "unmarked")
	procs := introduced(t, out, 2)
	kill(t, c, syscall.SIGKILL)
	exitOfChild(t, c)
	mustEnd(t, procs["unmarked"]...)
}

// Groups are used again, and there are never more than at once.
func TestGroupsAreReused(t *testing.T) {
	found := needGroups(t, "memory")
	s := open(t)
	limits := confine.Limits{Memory: 64 << 20}
	for range 20 {
		c, _ := playHeld(t, s, &confine.Policy{Level: confine.Strict, Limits: limits}, nil, "exit", "0")
		exitOfChild(t, c)
	}
	if n := len(ownGroups(t, found)); n == 0 || n > 8 {
		t.Errorf("%d groups for 20 processes, one after the other", n)
	}
}

func TestManyInGroups(t *testing.T) {
	found := needGroups(t, "memory")
	s := open(t)
	var cs []*Child
	for range maxIdle + 4 {
		c, out := playHeld(t, s, &confine.Policy{Level: confine.Strict, Limits: confine.Limits{Memory: 64 << 20}}, nil, "idle", "x")
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		cs = append(cs, c)
	}
	if n := len(ownGroups(t, found)); n != len(cs) {
		t.Errorf("%d groups for %d processes", n, len(cs))
	}
	for _, c := range cs {
		kill(t, c, syscall.SIGKILL)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := ownGroups(t, found); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestCloseWhileStartingHeld(t *testing.T) {
	s := open(t)
	var starters sync.WaitGroup
	begun := make(chan struct{}, 4)
	for range 4 {
		starters.Go(func() {
			for first := true; ; first = false {
				sp := spec("idle")
				sp.Confine = &confine.Policy{Level: confine.Strict, Limits: confine.Limits{Memory: 64 << 20}}
				c, err := s.Start(sp)
				if first {
					begun <- struct{}{}
				}
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				c.Pidfd().Close()
			}
		})
	}
	<-begun
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	starters.Wait()
	if left := ownGroups(t, needGroups(t)); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if len(s.ids) != 0 {
		t.Errorf("ids are taken for nobody: %v", s.ids)
	}
}

// Without control groups there is none, and that is all.
func TestWithoutGroups(t *testing.T) {
	s := open(t)
	s.groups.proc = t.TempDir()
	p := &confine.Policy{Level: confine.Strict, Limits: confine.Limits{Memory: 64 << 20}}
	c, out := playHeld(t, s, p, nil, "held")
	if g := stateOf(t, out).Policy.Given; len(g.Cgroups) != 0 || len(g.Missing) != 0 {
		t.Errorf("%+v", g)
	}
	kill(t, c, syscall.SIGKILL)
	if e := exitOfChild(t, c); e.PeakMemory != 0 || e.OutOfMemory || e.MaxRSS == 0 {
		t.Errorf("%+v", e)
	}
}

// The next supervisor removes what one has left that was killed, and kills what is in it.
func TestGroupsOfKilledSupervisor(t *testing.T) {
	found := needGroups(t, "memory")
	cmd := exec.Command("/proc/self/exe", "none", "breed", "unmarked")
	cmd.Env = append(os.Environ(), roleVar+"=oversee")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	procs := introduced(t, bufio.NewReader(out), 3)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	mustEnd(t, procs["breed"]...)
	mustLive(t, procs["unmarked"]...)
	left := func() (n int) {
		for _, c := range found {
			all, _ := filepath.Glob(filepath.Join(c.dir, fmt.Sprintf("outwork-*-%d-*", cmd.Process.Pid)))
			n += len(all)
		}
		return n
	}
	if left() == 0 {
		t.Error("it has left no group: the test proves nothing")
	}
	for range 2 { // the first kills what the second finds gone
		g := groups{proc: "/proc"}
		g.find()
		mustEnd(t, procs["unmarked"]...)
	}
	if n := left(); n != 0 {
		t.Errorf("%d groups are left", n)
	}
}

// A process is started into a group of version 2. (Whether its controllers limit memory is the
// machine's.)
func TestGroupVersion2(t *testing.T) {
	var dir string
	paths := groupPaths("/proc/self/cgroup")
	for _, m := range groupMounts("/proc/self/mountinfo") {
		if m.version == 2 {
			dir = filepath.Join(m.dir, paths[""])
		}
	}
	if dir == "" || unix.Access(dir, unix.W_OK) != nil {
		lacks(t, "control groups of version 2 cannot be made here")
	}
	s := open(t)
	name := fmt.Sprintf("outwork-test-%d", os.Getpid())
	g, err := newGroup(name, []controller{{"none", 2, dir}})
	if err != nil {
		lacks(t, "control groups of version 2 cannot be made here: "+err.Error())
	}
	defer g.remove()
	h := &hold{policy: confine.Policy{Level: confine.Strict}, kinds: namespaces[1:], group: g}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sp := spec("idle", "here")
	sp.Files[1] = w
	s.groups.busy.Add(1) // as take does
	c, err := s.bear(sp, h)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Pidfd().Close()
	if _, err := lines(t, r).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if got := groupPaths(fmt.Sprintf("/proc/%d/cgroup", c.Pid()))[""]; filepath.Base(got) != name {
		t.Errorf("it is in the group %q", got)
	}
	if !slices.Contains(processes(dir+"/"+name), c.Pid()) {
		t.Error("the group does not have it")
	}
	kill(t, c, syscall.SIGKILL)
	exitOfChild(t, c)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/" + name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the group is left: %v", err)
	}
}

// Where a process cannot be started into a group it is started without.
func TestGroupRefused(t *testing.T) {
	s := open(t)
	dir := t.TempDir()
	g, err := newGroup("none", []controller{{"memory", 2, dir}}) // a folder like others
	if err != nil {
		t.Fatal(err)
	}
	h := &hold{policy: confine.Policy{Level: confine.Strict, Given: confine.Given{Cgroups: g.names()}}, kinds: namespaces[:], group: g}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sp := spec("held")
	sp.Files[1] = w
	s.groups.busy.Add(1) // as take does
	c, err := s.bear(sp, h)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Pidfd().Close()
	if g := stateOf(t, lines(t, r)).Policy.Given; len(g.Cgroups) != 0 || len(g.Namespaces) != len(namespaces) {
		t.Errorf("it was given %+v", g)
	}
	kill(t, c, syscall.SIGKILL)
	exitOfChild(t, c)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the group is left: %v", err)
	}
}

// Limits as they are written, and what is read at the end, in both versions.
func TestGroupFiles(t *testing.T) {
	for _, c := range []struct {
		version int
		limits  confine.Limits
		files   map[string]string // before
		want    map[string]string // after
		exit    Exit
	}{
		{
			2,
			confine.Limits{Memory: 1 << 26, Processes: 9},
			map[string]string{"memory.events": "low 0\noom 2\noom_kill 1\noom_group_kill 7\n", "memory.peak": "77\n", "memory.swap.max": "max"},
			map[string]string{"memory.max": "67108864", "memory.swap.max": "0", "pids.max": "9"},
			Exit{PeakMemory: 77},
		},
		{
			2,
			confine.Limits{},
			nil,
			map[string]string{"memory.max": "max", "pids.max": "max"},
			Exit{},
		},
		{
			1,
			confine.Limits{Memory: 1 << 26, Processes: 9},
			map[string]string{"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "memory.memsw.limit_in_bytes": ""},
			map[string]string{"memory.limit_in_bytes": "67108864", "memory.memsw.limit_in_bytes": "67108864", "memory.max_usage_in_bytes": "0", "pids.max": "10"},
			Exit{},
		},
		{
			1,
			confine.Limits{},
			nil,
			map[string]string{"memory.limit_in_bytes": "-1", "pids.max": "max"},
			Exit{},
		},
	} {
		dir := t.TempDir()
		for _, name := range []string{"memory.max", "memory.limit_in_bytes", "memory.max_usage_in_bytes", "pids.max"} {
			put(t, dir, name, "")
		}
		for name, text := range c.files {
			put(t, dir, name, text)
		}
		g := &group{parts: []controller{{"memory", c.version, dir}, {"pids", c.version, dir}}}
		if err := g.limit(c.limits); err != nil {
			t.Error(err)
		}
		for name, want := range c.want {
			if got, err := os.ReadFile(dir + "/" + name); string(got) != want || err != nil {
				t.Errorf("version %d: %s is %q, %v; want %q", c.version, name, got, err, want)
			}
		}
		var e Exit
		if g.usage(&e); e != c.exit {
			t.Errorf("version %d: %+v, want %+v", c.version, e, c.exit)
		}
		g.kills-- // one more since
		if g.usage(&e); !e.OutOfMemory {
			t.Errorf("version %d: %+v after a kill", c.version, e)
		}
	}
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// Where this process's groups are, by what /proc says.
func TestControllers(t *testing.T) {
	for name, c := range map[string]struct {
		cgroup, mounts string
		v2             string // the controllers, in "v2"
		want           []string
	}{
		"version 1": {
			"5:pids:/a\n4:cpu,memory:/b c\n0::/\n",
			"1 2 0:3 / ROOT/mem\\040ory rw - cgroup cgroup rw,cpu,memory\n1 2 0:3 / ROOT/pids rw,relatime shared:9 - cgroup cgroup rw,pids\n",
			"",
			[]string{"memory v1 mem ory/b c", "pids v1 pids/a"},
		},
		"version 2": {
			"0::/user.slice/x\n", "9 8 0:3 / ROOT/v2 rw - cgroup2 cgroup2 rw,nsdelegate\n",
			"cpu memory pids",
			[]string{"memory v2 v2/user.slice/x", "pids v2 v2/user.slice/x"},
		},
		"version 2 without memory": {
			"0::/user.slice/x\n", "9 8 0:3 / ROOT/v2 rw - cgroup2 cgroup2 rw\n",
			"cpu pids",
			[]string{"pids v2 v2/user.slice/x"},
		},
		"both": {
			"4:memory:/m\n0::/user.slice/x\n",
			"9 8 0:3 / ROOT/v2 rw - cgroup2 cgroup2 rw\n1 2 0:3 / ROOT/memory rw - cgroup cgroup rw,memory\n",
			"pids",
			[]string{"memory v1 memory/m", "pids v2 v2/user.slice/x"},
		},
		"a container's, bound": {
			"4:memory:/docker/7\n", "1 2 0:3 /docker/7 ROOT/memory ro - cgroup cgroup rw,memory\n",
			"",
			[]string{"memory v1 memory"},
		},
		"another container's": {
			"4:memory:/docker/7\n", "1 2 0:3 /docker/8 ROOT/memory ro - cgroup cgroup rw,memory\n",
			"", nil,
		},
		"above":       {"4:memory:/../..\n", "1 2 0:3 / ROOT/memory ro - cgroup cgroup rw,memory\n", "", nil},
		"not mounted": {"4:memory:/\n", "1 2 0:3 / / rw - ext4 /dev/x rw\n", "", nil},
		"garbage":     {"4\n::\n:memory\n", "x\n - \n1 2 - cgroup\n - cgroup2 a b\n", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "self/cgroup", c.cgroup)
			put(t, dir, "self/mountinfo", strings.ReplaceAll(c.mounts, "ROOT", dir))
			put(t, dir, "v2/user.slice/x/cgroup.controllers", c.v2+"\n")
			var got []string
			for _, c := range controllers(dir) {
				got = append(got, c.String()+" "+strings.TrimPrefix(c.dir, dir+"/"))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// In version 2 a controller must be enabled for groups below, or beside, where that is allowed.
func TestUsable(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "cgroup.procs", "")
	put(t, dir, "cgroup.subtree_control", "pids\n")
	for _, name := range []string{"pids", "memory"} {
		if c, ok := (controller{name, 2, dir}).usable(); !ok || c.dir != dir {
			t.Errorf("%s is not usable: %v", name, c)
		}
	}
	if b, err := os.ReadFile(dir + "/cgroup.subtree_control"); string(b) != "+memory" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	own := dir + "/own"
	put(t, own, "cgroup.procs", "1\n")
	if err := os.Mkdir(own+"/cgroup.subtree_control", 0o700); err != nil { // it cannot be written
		t.Fatal(err)
	}
	if c, ok := (controller{"memory", 2, own}).usable(); ok != (os.Getuid() != 0) {
		t.Errorf("beside it: %v, %t", c, ok)
	}
	if err := unix.Setxattr(dir, "user.delegate", []byte("1"), 0); err != nil {
		t.Log("without attributes:", err)
	} else if c, ok := (controller{"memory", 2, own}).usable(); !ok || c.dir != dir {
		t.Errorf("beside it, where that is allowed: %v, %t", c, ok)
	}
	if _, ok := (controller{"memory", 1, dir + "/none"}).usable(); ok {
		t.Error("what is not there is usable")
	}
	s := groups{found: []controller{{"memory", 2, dir}}}
	if s.together(controller{"pids", 2, own}) || !s.together(controller{"pids", 2, dir}) || !s.together(controller{"pids", 1, own}) {
		t.Error("a process is in one group of version 2")
	}
}
