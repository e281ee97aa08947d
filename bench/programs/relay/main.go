// Command relay is what a process on the way costs at least: it passes bytes between
// its standard input and output and a child, over a socketpair, and does nothing else.
// With the argument "end" it is that child, which does as it is told:
//
//	e COUNT   echoes messages of MessageSize bytes
//	s BYTES   takes as many bytes, and then answers one
//	g BYTES   gives as many bytes
//
// An order is a letter and 8 bytes, big-endian. Descriptors block: no poller of Go's is
// in the way.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/bench/internal/relayed"
)

func main() {
	do := between
	if len(os.Args) == 2 && os.Args[1] == relayed.End {
		do = func() error { return relayed.Obey(relayed.FD(0), relayed.FD(1)) }
	}
	if err := do(); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

// between is the relay.
func between() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	theirs := os.NewFile(uintptr(pair[1]), "end")
	cmd := exec.Command("/proc/self/exe", relayed.End)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	theirs.Close()
	ours := relayed.FD(pair[0])
	go func() {
		pass(ours, relayed.FD(0))
		unix.Shutdown(pair[0], unix.SHUT_WR)
	}()
	return errors.Join(pass(relayed.FD(1), ours), cmd.Wait())
}

func pass(w io.Writer, r io.Reader) error {
	b := make([]byte, relayed.PieceBytes)
	for {
		n, err := r.Read(b)
		if err != nil {
			return err
		}
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
	}
}
