package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// worldFlags are the namespaces that a run has of its own.
const worldFlags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// outside starts the first process of a new world, and returns its exit status. The world ends
// with that process, and that with this one.
func outside(args []string) int {
	if _, err := parse(args); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, err)
		}
		return 2
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "chaos must run as root: it makes namespaces, mounts and machines")
		return 1
	}
	runtime.LockOSThread() // which Pdeathsig goes by
	cmd := again("init", args)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: worldFlags, Pdeathsig: syscall.SIGKILL}
	return status(cmd.Run())
}

// again is this program in another role, with this one's standard output and error.
func again(role string, args []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd
}

func status(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok && e.ExitCode() >= 0 {
		return e.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// initWorld is the first process: it furnishes the world, starts the run, and waits for whatever
// loses its parent, as an init does.
func initWorld() int {
	if err := furnish(); err != nil {
		fmt.Fprintln(os.Stderr, "furnish the world:", err)
		return 1
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM) // the run acts on them
	cmd := again("run", os.Args[1:])
	cmd.Env = append(cmd.Env, "HOME="+home, "OUTWORK_PYTHON=/usr/bin/python3", "XDG_CACHE_HOME="+home+"/.cache")
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		var s unix.WaitStatus
		pid, err := unix.Wait4(-1, &s, 0, nil)
		switch {
		case err != nil && err != unix.EINTR:
			fmt.Fprintln(os.Stderr, "wait:", err)
			return 1
		case err == nil && pid == cmd.Process.Pid && s.Exited():
			return s.ExitStatus()
		case err == nil && pid == cmd.Process.Pid:
			fmt.Fprintln(os.Stderr, "the run was ended by", s.Signal())
			return 1
		}
	}
}

const home = "/run/home"

// scratch are the directories that are empty in the world, and in memory.
var scratch = []string{"/tmp", "/var/tmp", "/dev/shm", "/run", "/var/log"}

func furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, dir := range scratch {
		if err := memory(dir, "mode=1777"); err != nil {
			return err
		}
	}
	if err := errors.Join(os.Chmod("/run", 0o755), os.Chmod("/var/log", 0o755), os.Mkdir(home, 0o700)); err != nil {
		return err
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("loopback: %w: %s", err, out)
	}
	return nil
}

// memory mounts a file system in memory.
func memory(dir, options string) error {
	if err := unix.Mount("chaos", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return nil
}
