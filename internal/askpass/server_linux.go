package askpass

import (
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// maxAsking is how many questions are open at once. More wait in the pipe.
const maxAsking = 16

// Server is asked by the programs that a command starts. Close must be called.
type Server struct {
	ask    Ask
	from   *os.File // the pipe of requests
	keep   *os.File // its other end, so that it is never at its end
	name   address
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
	work   sync.WaitGroup
}

// New makes a Server, for the programs that are started with its Environ.
func New(ask Ask) (*Server, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &Server{ask: ask, from: r, keep: w, slots: make(chan struct{}, maxAsking)}
	if s.name, err = addressOf(r); err != nil {
		r.Close()
		w.Close()
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work.Go(s.serve)
	return s, nil
}

// Environ is env for the programs that may ask. Their other descendants are not
// disturbed by it.
func (s *Server) Environ(env []string) []string {
	env = append(without(env),
		programVariable+"="+program(int(s.name.pid)), requireVariable+"=force", Variable+"="+s.name.String())
	if !slices.ContainsFunc(env, func(e string) bool { return len(e) > len("DISPLAY=") && strings.HasPrefix(e, "DISPLAY=") }) {
		env = append(env, displayVariable+"=none")
	}
	return env
}

// Close refuses what is still asked, and returns when no goroutine is left.
func (s *Server) Close() {
	s.cancel()
	s.from.Close()
	s.keep.Close()
	s.work.Wait()
}

func (s *Server) serve() {
	b := make([]byte, requestSize)
	for {
		if _, err := io.ReadFull(s.from, b); err != nil {
			return
		}
		r, err := parseRequest(b)
		if err != nil {
			continue // some other program of the user
		}
		select {
		case s.slots <- struct{}{}:
		case <-s.ctx.Done():
			return
		}
		s.work.Go(func() {
			s.answer(r)
			<-s.slots
		})
	}
}

// answer asks, and tells the answer, unless who wants it goes first.
func (s *Server) answer(r request) {
	to, err := r.from.open(unix.O_WRONLY)
	if err != nil {
		return // it has gone
	}
	ctx, cancel := context.WithCancel(s.ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		unread(to)
		cancel()
	})
	defer watch.Wait()
	defer to.Close() // ends unread
	answer, err := s.ask(ctx, r.question())
	if r.kind == kindNotice {
		<-ctx.Done()
		return
	}
	given := err == nil && Check(answer) == nil
	if r.kind == kindConfirm {
		// ssh takes an empty answer, and the mere existence of others, for yes.
		given = given && slices.Contains([]string{"yes", "y"}, strings.ToLower(strings.TrimSpace(answer)))
		answer = "yes"
	}
	raw, err := to.SyscallConn()
	if err == nil { // Write would wait for unread
		raw.Control(func(fd uintptr) { unix.Write(int(fd), answerBytes(answer, given)) })
	}
}

// unread returns when nobody can read any more what is written to a pipe, or that is
// closed.
func unread(w *os.File) {
	raw, err := w.SyscallConn()
	if err != nil {
		return
	}
	raw.Write(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd)}} // no events: the error is told unasked
		for {
			n, err := unix.Poll(p, 0)
			if err != unix.EINTR {
				return err != nil || n > 0
			}
		}
	})
}

// addressOf is where other processes open this process's f.
func addressOf(f *os.File) (a address, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return a, err
	}
	var inode uint64
	var at uintptr
	control := raw.Control(func(fd uintptr) {
		at = fd
		inode, err = pipeAt(int(fd))
	})
	return address{uint32(os.Getpid()), uint32(at), inode}, cmp.Or(err, control)
}

// pipeAt is the inode number of a pipe.
func pipeAt(fd int) (uint64, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return 0, os.NewSyscallError("fstat", err)
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFIFO {
		return 0, unix.ENXIO
	}
	return stat.Ino, nil
}

// open opens another process's pipe. It does not block.
func (a address) open(mode int) (*os.File, error) {
	name := "/proc/" + strconv.Itoa(int(a.pid)) + "/fd/" + strconv.Itoa(int(a.fd))
	fd, err := unix.Open(name, mode|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	inode, err := pipeAt(fd)
	if err == nil && inode != a.inode {
		err = unix.ESTALE
	}
	if err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}
