package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// rawPipe and rawSocketpair are blocking system calls, and nothing else.
var (
	rawPipe       = rawPeer(rawPipeName, pipePair)
	rawSocketpair = rawPeer(rawSocketpairName, socketPair)
)

const (
	rawPipeName       = "raw pipe"
	rawSocketpairName = "raw socketpair"
)

// fdPair is one end of a connection: what it reads from and what it writes to.
type fdPair struct{ r, w int }

func rawPeer(name string, pair func() (ours, theirs fdPair, err error)) peer {
	open := func(x exchange) (session, error) {
		ours, theirs, err := pair()
		if err != nil {
			return nil, err
		}
		s, err := startServer(name, x,
			os.NewFile(uintptr(theirs.r), "read"), os.NewFile(uintptr(theirs.w), "write"))
		if err != nil {
			return nil, err
		}
		return &rawSession{fdPair: ours, server: s, buf: make([]byte, x.size)}, nil
	}
	return peer{name: name, does: echoes | streams, open: open, serve: serveRaw}
}

func pipePair() (ours, theirs fdPair, err error) {
	var to, from [2]int
	err = errors.Join(unix.Pipe2(to[:], unix.O_CLOEXEC), unix.Pipe2(from[:], unix.O_CLOEXEC))
	return fdPair{r: from[0], w: to[1]}, fdPair{r: to[0], w: from[1]}, err
}

// socketPair gives each side two fds of its one socket, so that it looks like
// a pair of pipes.
func socketPair() (ours, theirs fdPair, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ours, theirs, err
	}
	our, err1 := unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD_CLOEXEC, 0)
	their, err2 := unix.FcntlInt(uintptr(fds[1]), unix.F_DUPFD_CLOEXEC, 0)
	return fdPair{r: fds[0], w: our}, fdPair{r: fds[1], w: their}, errors.Join(err1, err2)
}

func serveRaw(x exchange) error {
	return serveExchange(fdPair{r: firstFile, w: firstFile + 1}, x)
}

// serveExchange reads count chunks and answers, until the other side is gone.
func serveExchange(c io.ReadWriter, x exchange) error {
	buf := make([]byte, max(x.size, x.reply))
	for {
		for range x.count {
			if _, err := io.ReadFull(c, buf[:x.size]); err != nil {
				return endOfFileIsFine(err)
			}
		}
		if _, err := c.Write(buf[:x.reply]); err != nil {
			return err
		}
	}
}

func endOfFileIsFine(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Read reads once.
func (p fdPair) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(p.r, b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write writes all of b.
func (p fdPair) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		n, err := unix.Write(p.w, b[written:])
		if err != nil && err != unix.EINTR {
			return written, err
		}
		written += max(0, n)
	}
	return written, nil
}

type rawSession struct {
	fdPair
	server *server
	buf    []byte
}

func (s *rawSession) echo(p []byte) error {
	return echoBytes(s.fdPair, p, s.buf)
}

func (s *rawSession) stream(chunk []byte, count int) error {
	return streamBytes(s.fdPair, chunk, count)
}

func (s *rawSession) close() error {
	return errors.Join(unix.Close(s.w), unix.Close(s.r), s.server.stop())
}

func echoBytes(c io.ReadWriter, p, buf []byte) error {
	if _, err := c.Write(p); err != nil {
		return err
	}
	_, err := io.ReadFull(c, buf[:len(p)])
	return err
}

func streamBytes(c io.ReadWriter, chunk []byte, count int) error {
	for range count {
		if _, err := c.Write(chunk); err != nil {
			return err
		}
	}
	var done [1]byte
	_, err := io.ReadFull(c, done[:])
	return err
}
