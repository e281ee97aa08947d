package confine

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var spun atomic.Int64

func init() {
	acts["zone"] = func(Report, string) { fmt.Println(time.Now().Zone()) }
	acts["live"] = live
	acts["eat"] = eat
	acts["burn"] = func(Report, string) {
		for n := 0; ; n++ {
			spun.Store(int64(n))
		}
	}
	acts["ptrace"] = func(Report, string) { syscall.RawSyscall(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0) }
	acts["files"] = func(Report, string) {
		for n := 0; ; n++ {
			if _, err := unix.Dup(1); err != nil {
				fmt.Println(n, err)
				return
			}
		}
	}
}

// check ends the worker when something that it needs does not work.
func check(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(6)
	}
}

// live does all that a worker does in its life, for arg.
func live(_ Report, arg string) {
	span, err := time.ParseDuration(arg)
	check("time", err)
	end := time.Now().Add(span)
	mapContainer()
	slog.Info("a record")
	check("print", errOf(fmt.Println("printed")))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	check("signal itself", unix.Kill(unix.Getpid(), unix.SIGUSR1))
	<-signals
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { pass(end) })
	}
	all.Go(func() { garbage(end) })
	all.Go(func() {
		for range time.Tick(time.Millisecond) {
			if time.Now().After(end) {
				return
			}
		}
	})
	all.Wait()
	debug.FreeOSMemory()
	runtime.GOMAXPROCS(runtime.NumCPU() + 1) // threads come and go
	time.Sleep(2600 * time.Millisecond)      // idle, until the runtime has looked around
	fmt.Println("alive")
}

func errOf(_ int, err error) error { return err }

// pass sends bytes through a pipe, by Go's poller, on threads that are locked.
func pass(end time.Time) {
	runtime.LockOSThread() // it ends with the goroutine
	r, w, err := os.Pipe()
	check("pipe", err)
	defer r.Close()
	for time.Now().Before(end) {
		go w.Write([]byte("x"))
		check("deadline", r.SetReadDeadline(time.Now().Add(time.Minute)))
		var b [1]byte
		_, err := io.ReadFull(r, b[:])
		check("read", err)
	}
	check("close", w.Close())
}

func garbage(end time.Time) {
	var keep [64][]byte
	for i := 0; time.Now().Before(end); i++ {
		keep[i%len(keep)] = make([]byte, 100<<10)
		if i%1000 == 0 {
			runtime.GC()
		}
	}
	runtime.KeepAlive(keep)
}

// mapContainer receives memory as containers come, and reads it.
func mapContainer() {
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(3, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	check("recvmsg", err)
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	check("parse", err)
	fds, err := unix.ParseUnixRights(&msgs[0])
	check("rights", err)
	seals, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_WRITE == 0 {
		check("seals", fmt.Errorf("%v, %#x", err, seals))
	}
	var fs unix.Statfs_t
	check("fstatfs", unix.Fstatfs(fds[0], &fs))
	b, err := unix.Mmap(fds[0], 0, 10000, unix.PROT_READ, unix.MAP_PRIVATE)
	check("map", err)
	if bytes.Count(b, []byte("container")) != 1000 {
		check("search", io.ErrUnexpectedEOF)
	}
	check("unmap", unix.Munmap(b))
	fd, err := unix.MemfdCreate("result", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	check("make memory", err)
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
	check("seal memory", err)
	check("send", unix.Sendmsg(3, []byte{1}, unix.UnixRights(fd), nil, 0))
}

// eat takes memory and uses it.
func eat(_ Report, _ string) {
	var all [][]byte
	for n := 0; ; n += 8 {
		b := make([]byte, 8<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
		fmt.Println(n+8, len(all))
	}
}

// A worker lives through what the runtime does by itself. (A filter without sched_getaffinity
// and pread64 kills it when it has been idle for 2.5 s.)
func TestLive(t *testing.T) {
	span := "400ms"
	if s := os.Getenv("CONFINE_TEST_SPAN"); s != "" {
		span = s
	}
	t.Parallel()
	users(t, func(t *testing.T, as uint32) {
		t.Parallel()
		for _, level := range []string{Strict, Contained} {
			t.Run(level, func(t *testing.T) {
				t.Parallel()
				p := &Policy{Level: level, Limits: Limits{Memory: 256 << 20, Files: 128, Processes: 256, CPU: time.Minute}}
				if out := good(t, as, p, "live "+span); out != "printed\nalive\n" {
					t.Errorf("%q", out)
				}
			})
		}
	})
}

// The time zone is known, though its file cannot be read any more.
func TestZone(t *testing.T) {
	t.Parallel()
	if _, err := time.LoadLocation("Asia/Tokyo"); err != nil {
		lacks(t, "the time zones are not installed: apt-get install tzdata")
	}
	users(t, func(t *testing.T, as uint32) {
		if out := good(t, as, &Policy{Level: Strict}, "zone", "TZ=Asia/Tokyo"); out != "JST 32400\n" {
			t.Errorf("%q", out)
		}
	})
}
