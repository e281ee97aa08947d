package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// busConfig is a system bus as distributions set it up, reduced to one service:
// nobody may own a name or call a method but where it says so. %[1]s is the
// socket, %[2]d who may own the name, %[3]s the name.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=%[1]s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  </policy>
  <policy user="%[2]d">
    <allow own="%[3]s"/>
  </policy>
  <policy context="default">
    <allow send_destination="%[3]s"/>
  </policy>
</busconfig>
`

// bus is a dbus-daemon of our own.
type bus struct {
	address string
	cmd     *exec.Cmd
	ended   chan error
}

// startBus starts a bus with its socket and configuration in dir, on which this
// user may own name.
func startBus(dir, name string) (*bus, error) {
	config := filepath.Join(dir, "bus.conf")
	text := fmt.Sprintf(busConfig, filepath.Join(dir, "bus"), os.Geteuid(), name)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--nosyslog", "--print-address")
	cmd.Stderr = os.Stderr
	// It is no program of ours, which would end with its standard input.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b := &bus{cmd: cmd, ended: make(chan error, 1)}
	if err := b.start(); err != nil {
		return nil, fmt.Errorf("start a bus (package dbus-daemon): %w", err)
	}
	if b.address, err = bufio.NewReader(said).ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("the bus does not say where it listens: %w", err), b.stop())
	}
	b.address = strings.TrimSpace(b.address)
	return b, nil
}

// start starts the process from a thread that lives as long as it does: the
// signal at the parent's death is one at the death of the parent's thread.
func (b *bus) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := b.cmd.Start()
		started <- err
		if err == nil {
			b.ended <- b.cmd.Wait()
		}
	}()
	return <-started
}

// stop ends the process, and returns when it is gone.
func (b *bus) stop() error {
	if err := b.cmd.Process.Signal(unix.SIGTERM); err != nil {
		return err
	}
	err := <-b.ended
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.Sys().(syscall.WaitStatus).Signal() == unix.SIGTERM {
		return nil
	}
	return err
}
