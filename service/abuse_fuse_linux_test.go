package service_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// mute is a file of a FUSE file system whose server answers that it was closed once,
// and never again: whose close is not answered waits, also in its end, until abort.
type mute struct {
	*os.File
	abort func()
}

// What the kernel asks, and how long what it asks begins and answers begin.
const (
	fuseLookup, fuseForget, fuseGetattr, fuseOpen, fuseRelease, fuseFlush, fuseInit = 1, 2, 3, 14, 18, 25, 26

	fuseIn, fuseOut = 40, 16
)

// newMute mounts the file system, and opens its file.
func newMute(t *testing.T) *mute {
	t.Helper()
	realm.Need(t)
	device, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("there is no FUSE here: %v", err)
	}
	dir := t.TempDir()
	options := fmt.Sprintf("rootmode=40000,user_id=0,group_id=0,fd=%d", device)
	if err := unix.Mount("mute", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Fatal(err)
	}
	abort := func() { unix.Unmount(dir, unix.MNT_FORCE|unix.MNT_DETACH) }
	served := make(chan struct{})
	go func() {
		defer close(served)
		serveMute(device)
	}()
	t.Cleanup(func() {
		abort()
		<-served
		unix.Close(device)
	})
	fd, err := unix.Open(dir+"/file", unix.O_RDONLY|unix.O_CLOEXEC, 0) // os.Open would poll it
	if err != nil {
		t.Fatal(err)
	}
	return &mute{os.NewFile(uintptr(fd), "mute"), abort}
}

// serveMute serves until the file system is unmounted.
func serveMute(device int) {
	in := make([]byte, 256<<10)
	flushed := false
	for {
		n, err := unix.Read(device, in)
		switch {
		case err == unix.EINTR || err == unix.ENOENT || err == unix.EAGAIN:
			continue
		case err != nil || n < fuseIn:
			return
		}
		out := make([]byte, fuseOut)
		copy(out[8:], in[8:16]) // the request's number
		switch binary.NativeEndian.Uint32(in[4:]) {
		case fuseInit:
			out = append(out, make([]byte, 64)...)
			binary.NativeEndian.PutUint32(out[fuseOut:], 7)
			binary.NativeEndian.PutUint32(out[fuseOut+4:], 31)
			binary.NativeEndian.PutUint32(out[fuseOut+20:], 4096) // bytes of a write
		case fuseLookup:
			out = append(out, make([]byte, 40)...)
			binary.NativeEndian.PutUint64(out[fuseOut:], 2)
			out = appendMuteAttributes(out, unix.S_IFREG|0o444)
		case fuseGetattr:
			out = append(out, make([]byte, 16)...)
			out = appendMuteAttributes(out, unix.S_IFDIR|0o755)
		case fuseOpen:
			out = append(out, make([]byte, 16)...)
		case fuseRelease:
		case fuseFlush:
			if flushed {
				continue
			}
			flushed = true
		case fuseForget:
			continue
		default:
			binary.NativeEndian.PutUint32(out[4:], ^uint32(unix.ENOSYS)+1)
		}
		binary.NativeEndian.PutUint32(out, uint32(len(out)))
		if _, err := unix.Write(device, out); err != nil {
			return
		}
	}
}

func appendMuteAttributes(out []byte, mode uint32) []byte {
	attributes := make([]byte, 88)
	binary.NativeEndian.PutUint64(attributes, 2)
	binary.NativeEndian.PutUint32(attributes[60:], mode)
	binary.NativeEndian.PutUint32(attributes[64:], 1)
	return append(out, attributes...)
}

// A file whose close nobody answers, or that takes an hour to close, is never the
// daemon's that takes no files: it would keep its process from ending.
func TestAbuseFilesOfADaemonThatTakesNone(t *testing.T) {
	t.Setenv(filelessVariable, "1")
	for _, name := range []string{"mute", "lingering"} {
		t.Run(name, func(t *testing.T) {
			d := startDaemon(t)
			var f *os.File
			abort := func() {}
			if name == "mute" {
				m := newMute(t)
				f, abort = m.File, m.abort
			} else {
				f = lingering(t, deaf(t))
			}
			s := greeted(t, "bob")
			d.halt() // until nobody else has the file any more
			s.write([]byte{0}, f)
			f.Close()
			d.cmd.Process.Signal(syscall.SIGCONT)
			if name == "mute" {
				d.told("rule fds: ")
			}
			d.healthy()
			d.cmd.Process.Signal(syscall.SIGTERM)
			late := time.AfterFunc(patience/2, abort)
			if err := d.wait(); err != nil {
				t.Errorf("the daemon ended with %v", err)
			}
			if !late.Stop() {
				t.Error("its end waited for the file")
			}
		})
	}
}
