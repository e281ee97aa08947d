package realm

import (
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

// mark is the variable that tells which mount namespace is a realm: a process
// that merely inherits it, or is lied to, is not in that one.
const mark = "OUTWORK_TEST_REALM"

// errOutside is why this process is in no realm, nil when it is.
var errOutside = errors.New("TestMain does not enter one")

// namespaces are what a realm has of its own.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC

// Enter is what [Main] does before it runs the tests: it returns inside the
// realm, or where none can be had. It must come early: what the process did
// before, it does twice.
func Enter(o Options) {
	here, err := os.Readlink("/proc/self/ns/mnt")
	switch {
	case err != nil:
		errOutside = err
	case os.Getenv(mark) == here:
		errOutside = nil
	case os.Geteuid() != 0:
		errOutside = errors.New("this process is not root")
	default:
		errOutside = fmt.Errorf("no namespaces: %w", enter(o))
	}
}

// enter returns only when it fails, and then this process is where it was: the
// thread that may have got further ends with its goroutine.
func enter(o Options) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		failed <- unshareAndExec(o)
	}()
	return <-failed
}

func unshareAndExec(o Options) error {
	if err := unix.Unshare(namespaces); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	if err := furnish(o); err != nil {
		return err
	}
	here, err := os.Readlink("/proc/thread-self/ns/mnt")
	if err != nil {
		return err
	}
	env := []string{mark + "=" + here}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, mark+"=") {
			env = append(env, v)
		}
	}
	return os.NewSyscallError("execve", syscall.Exec("/proc/self/exe", os.Args, env))
}

// furnish makes the realm what the package says.
func furnish(o Options) error {
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	// The first tmpfs on /run holds what changes in the copies, and is hidden by
	// the second.
	if err := mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	for i, dir := range append([]string{"/etc"}, o.Private...) {
		if err := overlay(dir, fmt.Sprintf("/run/%d", i)); err != nil {
			return err
		}
	}
	if err := mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	if err := os.Mkdir("/run/lock", 0o755); err != nil {
		return err
	}
	if err := os.Chmod("/run/lock", 0o1777); err != nil {
		return err
	}
	return errors.Join(makeHomes(), addUsers("/etc"), loopback())
}

// overlay mounts a copy on write of dir over it; changes go below scratch.
func overlay(dir, scratch string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	upper, work := filepath.Join(scratch, "upper"), filepath.Join(scratch, "work")
	if err := errors.Join(os.MkdirAll(upper, 0o755), os.Mkdir(work, 0o755), os.Chmod(upper, info.Mode())); err != nil {
		return err
	}
	return mount("overlay", dir, "overlay", 0, "lowerdir="+dir+",upperdir="+upper+",workdir="+work)
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", kind, target, err)
	}
	return nil
}

// loopback sets the loopback device up.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return os.NewSyscallError("ioctl", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}

// As makes cmd run as one of [Users], with the user's groups, in the user's home
// unless cmd has a directory, and with the environment that says so. The test
// binary can be run by other users as /proc/self/exe alone: the directory in
// which the go command builds it is closed to them.
func As(cmd *exec.Cmd, name string) {
	u := Lookup(name)
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
	cmd.Env = append(cmd.Environ(), "HOME="+u.Home, "USER="+u.Name, "LOGNAME="+u.Name, "XDG_RUNTIME_DIR="+u.Runtime)
	if cmd.Dir == "" {
		cmd.Dir = u.Home
		cmd.Env = append(cmd.Env, "PWD="+u.Home)
	}
}
