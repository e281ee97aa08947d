package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/internal/sshtest"
)

// runsDir is where functions note that they run. It is on no small disk.
const runsDir = "/run/runs"

// run is one run, in its world.
type run struct {
	o        options
	field    *field
	timeline *timeline
	loads    []*child
	daemon   *child

	mu       sync.Mutex
	findings map[string]int   // guarded by mu: the first line of each
	tallies  map[string]tally // guarded by mu: by load
}

// machine is one whose network is disturbed by one at a time.
type machine struct {
	*sshtest.Machine
	net sync.Mutex
}

// conduct is the run's process.
func conduct(args []string) int {
	o, err := parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	os.Unsetenv(roleVariable)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	r := &run{
		o: o, field: &field{}, findings: map[string]int{}, tallies: map[string]tally{},
		timeline: &timeline{began: time.Now(), count: map[string]int{}},
	}
	fmt.Printf("chaos: seed %d, for %v, loads %s, disturbances %s\n", o.seed, o.time, strings.Join(o.loads, ","), strings.Join(o.disturb, ","))
	if err := r.all(ctx); err != nil {
		r.finding("the run: " + err.Error())
	}
	return r.report()
}

// all is the run from an empty world to an empty world.
func (r *run) all(ctx context.Context) error {
	if err := r.prepare(); err != nil {
		return err
	}
	before, own := countWorld(runsDir, auditDir), countSelf()
	err := r.work(ctx)
	for _, m := range r.field.machines {
		m.Close()
	}
	for end := time.Now().Add(settle); time.Now().Before(end) && !countWorld(runsDir, auditDir).clean(before); {
		time.Sleep(50 * time.Millisecond)
	}
	for kind, left := range countWorld(runsDir, auditDir).beyond(before) {
		r.left("world", kind, left)
	}
	r.tally("run", countSelf().beyond(own, func(left string) { r.finding("at the end: " + left) }))
	return err
}

// prepare mounts the small disks.
func (r *run) prepare() error {
	err := errors.Join(os.MkdirAll(runsDir, 0o777), os.Chmod(runsDir, 0o777), os.MkdirAll(auditDir, 0o700), memory(auditDir, "size=32m,mode=0700"))
	for _, l := range r.o.loads {
		dir := filepath.Join("/tmp", l)
		err = errors.Join(err, os.MkdirAll(dir, 0o700), memory(dir, "size=8m,mode=0700"))
	}
	return err
}

// work starts everything, disturbs it, and ends it in peace.
func (r *run) work(ctx context.Context) error {
	if err := r.startMachines(); err != nil {
		return err
	}
	var keepers sync.WaitGroup
	r.children()
	for _, c := range r.field.children {
		keepers.Go(c.keep)
	}
	disturbed, cancel := context.WithTimeout(ctx, r.o.time)
	defer cancel()
	r.disturb(disturbed, r.chosen())
	if err := r.soothe(); err != nil {
		r.finding("the run: " + err.Error())
	}
	for _, l := range r.loads {
		l.calm()
	}
	r.await(r.loads)
	if r.daemon != nil {
		if err := r.checkDaemon(); err != nil {
			r.finding("the daemon: " + err.Error())
		}
		r.daemon.calm()
		r.await([]*child{r.daemon})
	}
	r.checkMachines()
	return nil
}

// chosen are the disturbances that take part.
func (r *run) chosen() (all []disturbance) {
	for _, d := range disturbances {
		if slices.Contains(r.o.disturb, d.name()) && (len(r.field.machines) > 0 || !slices.Contains([]string{"links", "rates", "caches"}, d.name())) {
			all = append(all, d)
		}
	}
	return all
}

// soothe undoes what disturbances that were interrupted may have left.
func (r *run) soothe() error {
	rotate(r.daemon)
	for _, m := range r.field.machines {
		if err := errors.Join(m.Heal(), m.Rate(0)); err != nil {
			return err
		}
	}
	return nil
}

// endTime is how long a child may take for what it is at, its calm round, and its end.
const endTime = 3 * time.Minute

func (r *run) await(all []*child) {
	deadline := time.After(endTime + r.o.calm)
	for _, c := range all {
		select {
		case <-c.done:
		case <-deadline:
			r.finding(fmt.Sprintf("%s has not ended %v after it was told to", c.what, endTime+r.o.calm))
			if pid := c.pid(); pid != 0 {
				syscall.Kill(pid, syscall.SIGQUIT)
			}
			<-c.done
		}
	}
}

// startMachines starts them, if a load uses them.
func (r *run) startMachines() error {
	if !slices.Contains(r.o.loads, "hosts") && !slices.Contains(r.o.loads, "joined") {
		return nil
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	for i := range r.o.machines {
		m, err := sshtest.Start(sshtest.Options{
			Name: fmt.Sprintf("chaos%d", i+1), Network: true, Sudo: sshtest.SudoNoPassword,
			Mounts: []sshtest.Mount{{Dir: "/home/deploy", Size: 96 << 20}},
		})
		if err != nil {
			return err
		}
		r.field.machines = append(r.field.machines, &machine{Machine: m})
		runs := m.Path("/var/tmp/runs")
		if err := errors.Join(os.WriteFile(m.Path(joinerPath), self, 0o755), os.Mkdir(runs, 0o777), os.Chmod(runs, 0o777)); err != nil {
			return err
		}
	}
	return nil
}

// checkMachines tells what is left in them.
func (r *run) checkMachines() {
	for _, m := range r.field.machines {
		if err := m.AwaitIdle(patience); err != nil {
			r.finding("left: " + err.Error())
			r.tally("run", tally{"left processes of machines": 1})
		}
		r.left(m.Host, "files of machines", m.strangers())
	}
}

// checkDaemon tells what the daemon has kept that a new one does not have, when it has no clients.
func (r *run) checkDaemon() error {
	old, err := health()
	if err != nil {
		return err
	}
	r.daemon.kill()
	fresh, err := health()
	if err != nil {
		return err
	}
	const few, grown = 4, 64 << 20 // what it opens when it is first used, and bytes
	for what, more := range map[string]int64{
		"goroutines": old.Goroutines - fresh.Goroutines - few, "descriptors": old.Descriptors - fresh.Descriptors - few,
		"bytes": old.RSS - fresh.RSS - grown,
	} {
		if more > 0 {
			r.finding(fmt.Sprintf("the daemon has %+v, a new one %+v: too many %s", old, fresh, what))
		}
	}
	return nil
}

// health is the least that the daemon holds in a second, as soon as it is there: what its last clients had
// goes meanwhile.
func health() (least HealthReply, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for until := (time.Time{}); ; time.Sleep(50 * time.Millisecond) {
		h, err := askHealth(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return h, err
		case err != nil:
		case until.IsZero():
			least, until = h, time.Now().Add(time.Second)
		default:
			least = HealthReply{min(least.Goroutines, h.Goroutines), min(least.Descriptors, h.Descriptors), min(least.RSS, h.RSS)}
		}
		if !until.IsZero() && time.Now().After(until) {
			return least, nil
		}
	}
}

func askHealth(ctx context.Context) (h HealthReply, err error) {
	c, err := client.Dial(ctx, "unix://"+daemonSocket)
	if err != nil {
		return h, err
	}
	defer c.Close()
	return Health.Call(ctx, c, struct{}{})
}

// strangers are the files that a machine should not have, when nobody uses it.
func (m *machine) strangers() (all []string) {
	var dirs []string
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", "/home/deploy", "/root", "/run"} {
		dirs = append(dirs, m.Path(dir))
	}
	for _, f := range files(dirs, []string{m.Path("/var/tmp/runs"), m.Path("/run/sshtest"), m.Path("/run/sudo"), m.Path("/run/sshd")}) {
		base := filepath.Base(f)
		switch {
		case strings.HasPrefix(base, "outwork-") && len(base) == len("outwork-")+64 || base == ".hushlogin": // the program
		case strings.HasPrefix(base, ".outwork-"): // an upload that was cut off: the next one after a day removes it
		case strings.HasPrefix(base, "sshd"), base == "utmp", base == "agent.pid":
		default:
			all = append(all, f)
		}
	}
	return all
}

// children are the loads and the daemon, which do not run yet.
func (r *run) children() {
	var machines []machineConfig
	for _, m := range r.field.machines {
		machines = append(machines, machineConfig{m.Host, m.Config, m.Addr, machinePID(m)})
	}
	for _, name := range r.o.loads {
		h := fnv.New64()
		h.Write([]byte(name))
		c := config{Load: name, Seed: r.o.seed ^ h.Sum64(), Calm: r.o.calm, Machines: machines, Verbose: r.o.verbose}
		r.loads = append(r.loads, r.child(name, func(birth int) *exec.Cmd {
			c.Birth = birth
			b, err := json.Marshal(c)
			if err != nil {
				panic(err) // numbers and strings
			}
			cmd := again("load", nil)
			cmd.Env = append(cmd.Env, configVariable+"="+string(b), "TMPDIR="+filepath.Join("/tmp", name), "GORACE=atexit_sleep_ms=0")
			return cmd
		}))
	}
	r.field.children = slices.Clone(r.loads)
	if slices.Contains(r.o.loads, "service") {
		r.daemon = r.child("daemon", func(int) *exec.Cmd { return again("daemon", nil) })
		r.field.children = append(r.field.children, r.daemon)
	}
}

func (r *run) child(what string, command func(int) *exec.Cmd) *child {
	return &child{
		what: what, command: command, done: make(chan struct{}),
		tell: func(finding string) { r.finding(what + ": " + finding) },
		messages: func(m message) {
			if m.Finding != "" {
				r.finding(what + ": " + m.Finding)
				r.tally(what, tally{"findings": 1})
			}
			r.tally(what, m.Tally)
			if r.o.verbose && m.Tally != nil {
				fmt.Println(what, m.Tally)
			}
		},
	}
}

// machinePID is the first process of a machine, from where its files are.
func machinePID(m *machine) (pid int) {
	fmt.Sscanf(m.Path("/"), "/proc/%d/root", &pid)
	return pid
}
