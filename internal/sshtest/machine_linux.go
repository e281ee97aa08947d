package sshtest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "embed"
)

const (
	// patience is how long a machine may take to start, and a command of [Machine.Run]
	// to end.
	patience = time.Minute

	// maxAddresses is how many addresses are tried, in case somebody listens there.
	maxAddresses = 5
)

//go:embed setup.sh
var setup string

// Machine is a machine that runs sshd. Its methods may be called concurrently.
type Machine struct {
	// Config is a configuration for ssh -F, in which Host is an alias for the user
	// deploy; as root log in as root@Host. It and the files that it names are there
	// while the machine is, for root on this machine.
	Config string
	Host   string

	// Addr and Port are where sshd listens.
	Addr string
	Port int

	options Options
	process *exec.Cmd
	input   *os.File // of the process: the word that its files are there
	log     *log
	net     *network // nil without Options.Network

	mu      sync.Mutex
	aliases []alias // guarded by mu: what Config holds

	done   chan struct{}  // closed when no process of the machine is left
	others sync.WaitGroup // waits for commands that were started in the machine
	close  sync.Once
}

// machines counts those made, for their names.
var machines atomic.Int64

// NewMachine starts a machine, and closes it when the test is over. Where a program or
// right is missing here, the test is skipped, or fails if CI is "true".
func NewMachine(t testing.TB, o Options) *Machine {
	t.Helper()
	m, err := Start(o)
	check(t, err)
	t.Cleanup(m.Close)
	return m
}

// Start starts a machine that the caller closes. The error is a [*MissingError] where a
// program or right is missing here.
func Start(o Options) (*Machine, error) {
	if o.Name == "" {
		o.Name = "m" + strconv.FormatInt(machines.Add(1), 10)
	}
	if o.Shell == "" {
		o.Shell = "/bin/sh"
	}
	if err := need(append(o.programs(), "/usr/sbin/sshd", "ssh", "sudo", "nsenter")...); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		m, err := start(o)
		if err == nil || try == maxAddresses || !errors.Is(err, errAddress) {
			return m, err
		}
	}
}

// programs are those that these options need here.
func (o Options) programs() []string {
	var programs []string
	if o.Busybox {
		programs = append(programs, "/bin/busybox")
	} else {
		programs = append(programs, o.Shell)
	}
	if o.Network {
		programs = append(programs, "ip", "tc")
	}
	return programs
}

func start(o Options) (*Machine, error) {
	m := &Machine{Host: o.Name, options: o, log: newLog(), done: make(chan struct{})}
	if err := m.boot(); err != nil {
		m.Close()
		return nil, fmt.Errorf("start machine %s: %w%s", o.Name, err, m.log.tail())
	}
	return m, nil
}

// boot runs the first process up to where it is sshd and listens.
func (m *Machine) boot() error {
	output, err := m.fork()
	if err != nil {
		return err
	}
	defer output.Close()
	if err := output.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		return fmt.Errorf("its file system could not be made: %w", err)
	}
	if err := m.connect(); err != nil {
		return err
	}
	if err := m.fill(); err != nil {
		return fmt.Errorf("its files: %w", err)
	}
	if _, err := io.WriteString(m.input, "go\n"); err != nil {
		return err
	}
	return m.listening()
}

// connect makes the machine's network, and chooses where sshd listens.
func (m *Machine) connect() error {
	if m.options.Network {
		var err error
		m.net, err = newNetwork(m.pid(), m.options.hidden)
		if err != nil {
			return err
		}
		m.Addr, m.Port = m.net.address, 22
		return nil
	}
	// All of 127/8 is this machine: by a random address two machines hardly meet.
	var b [5]byte
	rand.Read(b[:])
	m.Addr = fmt.Sprintf("127.%d.%d.%d", b[0], b[1], 1+b[2]%254)
	m.Port = 20000 + int(binary.BigEndian.Uint16(b[3:]))%10000
	return nil
}

// fork starts the first process, and returns where its output comes. The caller closes
// that.
func (m *Machine) fork() (*os.File, error) {
	stdin, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	output, stdout, err := os.Pipe()
	if err != nil {
		input.Close()
		return nil, err
	}
	defer stdout.Close()
	m.input = input
	m.process = exec.Command("/bin/sh", append([]string{"-c", setup, "sshtest"}, m.options.arguments()...)...)
	m.process.Stdin, m.process.Stdout, m.process.Stderr = stdin, stdout, m.log
	m.process.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	m.process.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: m.options.namespaces(),
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := m.keep(); err != nil {
		output.Close()
		return nil, err
	}
	return output, nil
}

// keep starts the process, and waits for it on the thread that started it: the kernel
// sends Pdeathsig when that thread ends. The end of the first process of a pid
// namespace is the end of all that are in it.
func (m *Machine) keep() error {
	started := make(chan error)
	go func() {
		defer close(m.done)
		runtime.LockOSThread()
		err := m.process.Start()
		started <- err
		if err == nil {
			_ = m.process.Wait() // its log says why it ended
		}
	}()
	return <-started
}

func (o Options) namespaces() uintptr {
	flags := uintptr(syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC)
	if o.Network {
		flags |= syscall.CLONE_NEWNET
	}
	return flags
}

// arguments are those of setup.sh.
func (o Options) arguments() []string {
	args := []string{fmt.Sprintf("%04o", o.Umask), o.Name, ""}
	if o.Busybox {
		args[2] = "/bin/busybox"
	}
	for _, mount := range o.Mounts {
		args = append(args, mount.Dir, mount.flags())
	}
	return args
}

func (m Mount) flags() string {
	flags := []string{"exec"}
	if m.NoExec {
		flags[0] = "noexec"
	}
	if m.Size > 0 {
		flags = append(flags, fmt.Sprintf("size=%d", m.Size))
	}
	return strings.Join(flags, ",")
}

// errAddress says that somebody else listens at the address of sshd.
var errAddress = errors.New("its address is in use")

// listening returns nil when sshd says that it listens.
func (m *Machine) listening() error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-m.log.listening:
		return nil
	case <-m.done:
		if strings.Contains(m.log.String(), "Address already in use") {
			return errAddress
		}
		return errors.New("sshd ended")
	case <-timer.C:
		return fmt.Errorf("sshd does not listen after %v", patience)
	}
}

// Close ends all processes of the machine, and returns when nothing of it is left.
// It may be called more than once.
func (m *Machine) Close() {
	m.close.Do(func() {
		if m.process == nil || m.process.Process == nil {
			return
		}
		_ = m.process.Process.Kill() // or it ended by itself
		<-m.done
		m.input.Close()
		m.others.Wait()
		m.net.close()
	})
}

// pid is the first process of the machine, sshd, seen from here.
func (m *Machine) pid() int { return m.process.Process.Pid }

// Path returns where a file of the machine is for root on this one, while the machine
// is there. Do not follow links of the machine: they lead into this one.
func (m *Machine) Path(name string) string {
	return fmt.Sprintf("/proc/%d/root%s", m.pid(), name)
}

// Command returns a command line of the machine's shell, which runs in the machine as
// root, in its root directory, when it is started. It ends with the machine.
func (m *Machine) Command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", "-t", strconv.Itoa(m.pid()), "-m", "-u", "-i", "-n", "-p",
		"/bin/sh", "-c", line)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	return cmd
}

// Run runs such a command line, returns its standard output, and fails the test if it
// fails or takes a minute.
func (m *Machine) Run(t testing.TB, line string) string {
	t.Helper()
	// Not the test's context: a cleanup may look around, too.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var stderr strings.Builder
	cmd := m.Command(ctx, line)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %s: %v\n%s%s", m.Host, line, err, out, &stderr)
	}
	return string(out)
}

// background starts a command in the machine, for whose end Close waits.
func (m *Machine) background(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	m.others.Go(func() { _ = cmd.Wait() })
	return nil
}
