package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// delayChunks is how many pieces of up to delayBytes may be under way at once:
// more than are sent within any delay that is measured, so that a link is late
// and not slow.
const (
	delayChunks = 1 << 16
	delayBytes  = 64 << 10
)

// delayed copies from r to w what comes, each piece late by oneWay, until either
// ends.
func delayed(w io.Writer, r io.Reader, oneWay time.Duration) error {
	type piece struct {
		data []byte
		due  time.Time
	}
	underWay := make(chan piece, delayChunks)
	var reading error
	go func() {
		defer close(underWay)
		buf := make([]byte, delayBytes)
		for {
			n, err := r.Read(buf)
			if n > 0 {
				underWay <- piece{append([]byte(nil), buf[:n]...), time.Now().Add(oneWay)}
			}
			if err != nil {
				reading = err
				return
			}
		}
	}()
	for p := range underWay {
		waitUntil(p.due)
		if _, err := w.Write(p.data); err != nil {
			for range underWay { // the reader must not wait for room
			}
			return err
		}
	}
	return endOfFileIsFine(reading)
}

// waitUntil is to the microsecond what time.Sleep is to the millisecond.
func waitUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		t := unix.NsecToTimespec(left.Nanoseconds())
		unix.Nanosleep(&t, nil) // a signal may end it early
	}
}

// delayedCommand is a process that stands between its parent and a command: args
// are the delay of one way, and the command.
func delayedCommand(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("a delay wants a duration and a command, not %q", args)
	}
	oneWay, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Stderr = os.Stderr
	// Pipes of the exec package would be closed by Wait before they are empty.
	stdin, toChild, err := os.Pipe()
	if err != nil {
		return err
	}
	fromChild, stdout, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout = stdin, stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	stdin.Close()
	stdout.Close()
	go func() {
		delayed(toChild, os.Stdin, oneWay)
		toChild.Close()
	}()
	return errors.Join(delayed(os.Stdout, fromChild, oneWay), cmd.Wait())
}

// lateBy stands between a manager and its ends of a worker's pipes, in the same
// process. It ends with them.
func lateBy(oneWay time.Duration) func(r, w *os.File) (*os.File, *os.File) {
	return func(r, w *os.File) (*os.File, *os.File) {
		return latePipe(nil, r, oneWay), latePipe(w, nil, oneWay)
	}
}

// latePipe is the other end of a pipe between w and r, of which one is given.
func latePipe(w, r *os.File, oneWay time.Duration) (other *os.File) {
	if w == nil {
		other, w = mustPipe()
	} else {
		r, other = mustPipe()
	}
	go func() {
		delayed(w, r, oneWay)
		w.Close()
		r.Close()
	}()
	return other
}

func mustPipe() (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err) // in the process of a probe, which opens a handful
	}
	return r, w
}
