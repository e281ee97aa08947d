package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The service's program as go build makes it, and so that it need not load the C
// library when it starts.
var (
	servedProgram = program{name: "served", build: []string{"./programs/served"}}
	staticProgram = program{name: "served-static", build: []string{"./programs/served"}, env: []string{"CGO_ENABLED=0"}}
)

// daemon is a process of servedProgram.
type daemon struct {
	*server
	dir string
	job job
}

// devFlag makes a daemon serve its own user alone, and keep records in its file
// alone: without it they go to the machine's journal too.
const devFlag = "--dev"

// startDaemon starts a daemon in a directory of its own, below that of the
// programs, and waits until it says that it is ready.
func startDaemon(j job, flags ...string) (*daemon, error) {
	dir, err := os.MkdirTemp(j.Programs, "served")
	if err != nil {
		return nil, err
	}
	d := &daemon{dir: dir, job: j}
	if err := errors.Join(os.Chmod(dir, 0o711), d.start(flags)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return d, nil
}

func (d *daemon) start(flags []string) error {
	notices, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(d.dir, "notify"), Net: "unixgram"})
	if err != nil {
		return err
	}
	defer notices.Close()
	args := append([]string{"daemon", "--socket", d.socket(), "--audit", filepath.Join(d.dir, "audit.jsonl")}, flags...)
	cmd := servedProgram.command(d.job, args...)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notices.LocalAddr().String())
	said, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if d.server, err = startSubordinate(cmd); err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, said)
		notices.Close() // it has ended, and will say nothing
	}()
	if err := awaitReady(notices); err != nil {
		return errors.Join(fmt.Errorf("the daemon does not say that it is ready: %w", err), d.server.stop())
	}
	return nil
}

func awaitReady(notices net.Conn) error {
	notices.SetReadDeadline(time.Now().Add(serverGrace))
	var b [4096]byte
	for {
		n, err := notices.Read(b[:])
		if err != nil {
			return err
		}
		for line := range bytes.Lines(b[:n]) {
			if string(bytes.TrimSpace(line)) == "READY=1" {
				return nil
			}
		}
	}
}

func (d *daemon) socket() string { return filepath.Join(d.dir, "socket") }

// stop ends the process and removes its directory. Who has become another user
// leaves that to the run, which removes all of them.
func (d *daemon) stop() error {
	err := d.server.stop()
	if gone := os.RemoveAll(d.dir); !errors.Is(gone, fs.ErrPermission) {
		err = errors.Join(err, gone)
	}
	return err
}
