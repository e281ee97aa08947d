package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// selfExe is this program, for starting it again.
const selfExe = "/proc/self/exe"

// firstFile is the fd of the first file that a server process is given.
const firstFile = 3

// server is a process that ends when its standard input does; of this program,
// one that serves one peer.
type server struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// startServer starts the server of the peer named name with files at firstFile
// and up, and closes them here.
func startServer(name string, x exchange, files ...*os.File) (*server, error) {
	defer closeAll(files)
	cmd := serverCommand(name, x)
	cmd.ExtraFiles = files
	s, err := startSubordinate(cmd)
	if err != nil {
		return nil, fmt.Errorf("start the server of %s: %w", name, err)
	}
	return s, nil
}

// startSubordinate starts a process that ends when its standard input does.
func startSubordinate(cmd *exec.Cmd) (*server, error) {
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = serverGrace
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &server{cmd: cmd, stdin: stdin}, nil
}

func serverCommand(name string, x exchange) *exec.Cmd {
	return exec.Command(selfExe, roleServe, name,
		fmt.Sprint(x.size), fmt.Sprint(x.count), fmt.Sprint(x.reply))
}

// stop ends the process by closing its standard input, and by force if that
// does not help.
func (s *server) stop() error {
	force := time.AfterFunc(serverGrace, func() { s.cmd.Process.Kill() })
	defer force.Stop()
	s.stdin.Close()
	return s.cmd.Wait()
}

// startListening starts the server of name with a listening unix socket, and
// connects to it. The socket's path is gone when it returns.
func startListening[C any](name string, x exchange, dial func(path string) (C, error)) (c C, s *server, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return c, nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "socket")
	listening, err := listenFile(path)
	if err != nil {
		return c, nil, err
	}
	if s, err = startServer(name, x, listening); err != nil {
		return c, nil, err
	}
	if c, err = dial(path); err != nil {
		return c, nil, errors.Join(err, s.stop())
	}
	return c, s, nil
}

func listenFile(path string) (*os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	l.SetUnlinkOnClose(false) // the server's copy of it goes on listening there
	return l.File()
}

// inheritedListener is, in the server process, what startListening gave it.
func inheritedListener() (net.Listener, error) {
	f := os.NewFile(firstFile, "listener")
	defer f.Close()
	return net.FileListener(f)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
