package output

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readSize is how many bytes are read from a pipe at once: what it
	// holds by default. Larger pipes gained nothing when measured, and the
	// kernel limits their sum per user.
	readSize = 64 << 10

	// firstReadSize is the same until a read fills it, so that quiet
	// workers cost little.
	firstReadSize = 1 << 10
)

// A Capture reads a worker's stdout and stderr and delivers what it reads. Its
// methods are safe for concurrent use.
type Capture struct {
	deliver func(fd int, p []byte)
	tail    ring
	readers sync.WaitGroup
	closing sync.Once
	closed  chan struct{} // when nothing of the capture is left

	// mu covers reading a pipe together with delivering what was read. Who
	// holds it knows that nothing is under way between the two.
	mu    sync.Mutex
	pipes [2]pipe
	polls [2]unix.PollFd // of pipes; the fd is -1 when the pipe has ended
	buf   []byte         // reused
}

// A pipe is one of a capture's pipes. Its fd is used under the capture's lock
// only, and only while its place in polls is not -1.
type pipe struct {
	file *os.File
	raw  syscall.RawConn
}

// NewCapture starts to read the two pipes and calls deliver with fd 1 for what
// comes from stdout, 2 for stderr. One deliver runs at a time; it may block,
// must not keep p, and must not call the capture. The files must be
// non-blocking, as os.Pipe's are. From success on they are the capture's, and
// Close must be called; after an error they stay the caller's.
func NewCapture(stdout, stderr *os.File, deliver func(fd int, p []byte)) (*Capture, error) {
	c := &Capture{
		deliver: deliver,
		closed:  make(chan struct{}),
		buf:     make([]byte, firstReadSize),
	}
	for i, f := range []*os.File{stdout, stderr} {
		if err := c.adopt(i, f); err != nil {
			return nil, fmt.Errorf("capture fd %d of a worker: %w", i+1, err)
		}
	}
	for i := range c.pipes {
		c.readers.Go(func() { c.follow(i) })
	}
	return c, nil
}

func (c *Capture) adopt(i int, f *os.File) error {
	// A file that Go's poller does not know has no deadlines either.
	if err := f.SetReadDeadline(time.Time{}); errors.Is(err, os.ErrNoDeadline) {
		return errors.New("not a non-blocking pipe")
	} else if err != nil {
		return err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	c.pipes[i] = pipe{f, raw}
	return raw.Control(func(fd uintptr) {
		c.polls[i] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	})
}

// Drain delivers what is in the pipes. When it returns, everything written to
// them before it was called has been delivered. It reads what the kernel
// counts at that moment and no more, so a process that writes for ever does
// not hold it up; a sink that blocks does. With nothing to deliver it costs
// one system call.
func (c *Capture) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drainLocked()
}

func (c *Capture) drainLocked() {
	// Polling takes no lock in the kernel. FIONREAD takes the pipe's, which
	// a worker can hold by writing from memory that is slow to fault in.
	n, err := unix.Ppoll(c.polls[:], &unix.Timespec{}, nil)
	if n == 0 && err == nil {
		return
	}
	for i := range c.polls {
		if c.polls[i].Fd < 0 {
			continue
		}
		n, err := unix.IoctlGetInt(int(c.polls[i].Fd), unix.TIOCINQ)
		for err == nil && n > 0 {
			var got int
			got, err = c.readLocked(i, n)
			n -= got
		}
	}
}

// Tail is a copy of the last TailSize bytes that were read from stderr. It
// does not wait for a sink.
func (c *Capture) Tail() []byte { return c.tail.bytes() }

// Close delivers what is in the pipes as Drain does, then closes them. Call it
// after the worker died. It does not wait for other processes that hold the
// pipes: they get SIGPIPE when they go on writing.
//
// Only a sink that blocks can hold Close up. If ctx ends first, Close returns
// its error, and the rest is done when the sink goes on; calling Close again
// waits for that.
func (c *Capture) Close(ctx context.Context) error {
	c.closing.Do(func() { go c.finish() })
	select {
	case <-c.closed:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-c.closed:
		return nil
	default:
		return fmt.Errorf("deliver the last output of a worker: %w", ctx.Err())
	}
}

func (c *Capture) finish() {
	c.mu.Lock()
	c.drainLocked()
	for i := range c.polls {
		c.polls[i].Fd = -1
	}
	c.mu.Unlock()
	for i := range c.pipes {
		_ = c.pipes[i].file.Close() // wakes its reader
	}
	c.readers.Wait()
	close(c.closed)
}

// follow delivers what comes from a pipe until it ends or is closed.
func (c *Capture) follow(i int) {
	_ = c.pipes[i].raw.Read(func(uintptr) bool {
		for {
			c.mu.Lock()
			n, err := c.readLocked(i, readSize)
			c.mu.Unlock()
			if err == unix.EAGAIN {
				return false // wait for the poller
			}
			if n == 0 {
				return true
			}
		}
	})
}

// readLocked reads and delivers up to limit bytes that are there now. It
// returns 0 bytes only with an error: errEnded when nothing will come any more.
func (c *Capture) readLocked(i, limit int) (int, error) {
	if c.polls[i].Fd < 0 {
		return 0, errEnded
	}
	n, err := readNow(int(c.polls[i].Fd), c.buf[:min(limit, len(c.buf))])
	switch {
	case err == unix.EAGAIN:
		return 0, err
	case err != nil || n == 0:
		c.polls[i].Fd = -1
		return 0, errEnded
	}
	if i == 1 {
		c.tail.write(c.buf[:n])
	}
	c.deliver(i+1, c.buf[:n])
	if n == len(c.buf) && n < readSize {
		c.buf = make([]byte, readSize)
	}
	return n, nil
}

var errEnded = errors.New("the pipe has ended")

func readNow(fd int, p []byte) (int, error) {
	for {
		n, err := unix.Read(fd, p)
		if err != unix.EINTR {
			return n, err
		}
	}
}
