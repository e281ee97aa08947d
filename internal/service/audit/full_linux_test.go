package audit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// disk is a small filesystem with a file of ballast.
type disk struct{ dir string }

// mountDisk mounts a tmpfs of size, such as "64k".
func mountDisk(t *testing.T, size string) disk {
	t.Helper()
	realm.Need(t)
	d := disk{t.TempDir()}
	if err := unix.Mount("tmpfs", d.dir, "tmpfs", 0, "mode=755,size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d disk) log() string { return filepath.Join(d.dir, "audit.log") }

// fill takes all room that is left.
func (d disk) fill(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(d.dir, "ballast"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
}

func (d disk) empty(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(d.dir, "ballast")); err != nil {
		t.Fatal(err)
	}
}

// On a full disk no call begins, all that began are recorded as done, the denied
// are counted, and all is well when there is room again.
func TestFullDisk(t *testing.T) {
	d := mountDisk(t, "64k")
	l := openAt(t, d.log())
	var began []*Record
	for range 5 {
		began = append(began, begin(t, l, "x"))
	}
	d.fill(t)
	for range 1000 {
		r := call("x", 1)
		err := l.Before(r)
		if err != nil {
			if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "audit file "+d.log()) {
				t.Errorf("got %v", err)
			}
			break
		}
		began = append(began, r)
	}
	if len(began) < 5 || len(began) > 32 {
		t.Errorf("%d calls began on 64 KiB", len(began))
	}
	for range 5000 {
		l.Denied(denial("d", 2))
	}
	for _, r := range began {
		r.Result, r.Error = ResultError, strings.Repeat("e", maxError)
		if err := l.After(r); err != nil {
			t.Errorf("a call that began is not recorded as done: %v", err)
		}
	}
	d.empty(t)
	begin(t, l, "y")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lines := readLines(t, d.log())
	if got := total(lines); got != 5000 {
		t.Errorf("%d denials are told of", got)
	}
	if got, want := strings.Count(story(lines), "done x"), len(began); got != want {
		t.Errorf("%d of %d calls are recorded as done", got, want)
	}
}

// A daemon starts on a full disk, and records when there is room.
func TestOpenOnFullDisk(t *testing.T) {
	d := mountDisk(t, "64k")
	d.fill(t)
	l := openAt(t, d.log())
	if err := l.Before(call("x", 1)); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	d.empty(t)
	begin(t, l, "y")
	wantStory(t, d.log(), "call y")
}

// A torn end stays as it is until there is room to end it.
func TestTornEndOnFullDisk(t *testing.T) {
	d := mountDisk(t, "64k")
	torn := strings.Repeat("x", 4096) // behind which not even a newline fits
	if err := os.WriteFile(d.log(), []byte(torn), 0o600); err != nil {
		t.Fatal(err)
	}
	d.fill(t)
	l := openAt(t, d.log())
	if err := l.Before(call("x", 1)); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	d.empty(t)
	begin(t, l, "y")
	b, err := os.ReadFile(d.log())
	if err != nil {
		t.Fatal(err)
	}
	ours, ok := strings.CutPrefix(string(b), torn+"\n")
	if !ok || story(parse(t, ours)) != "call y" {
		t.Errorf("got %.50q…%q", b, ours)
	}
}

// Rotation on a full disk keeps the old file, where room was made.
func TestReopenOnFullDisk(t *testing.T) {
	d := mountDisk(t, "64k")
	l := openAt(t, d.log())
	r := begin(t, l, "x")
	d.fill(t)
	if err := os.Rename(d.log(), d.log()+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if err := l.After(r); err != nil {
		t.Error(err)
	}
	wantStory(t, d.log()+".1", "call x; done x")
}

// To reopen the file that is open keeps the room that was made in it.
func TestReopenTheSameKeepsRoom(t *testing.T) {
	d := mountDisk(t, "64k")
	l := openAt(t, d.log())
	var began []*Record
	for range 8 {
		began = append(began, begin(t, l, "x"))
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	d.fill(t)
	for _, r := range began {
		r.Error = strings.Repeat("e", maxError)
		if err := l.After(r); err != nil {
			t.Error(err)
		}
	}
}

// Denials leave the room that is kept for mutations.
func TestRoomIsKept(t *testing.T) {
	d := mountDisk(t, "1m")
	l, err := Open(Config{File: d.log(), Journal: JournalOff, Room: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	l.Denied(denial("d", 1))
	begin(t, l, "x")
	wantStory(t, d.log(), "call x")
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "1 denials since") {
		t.Errorf("got %v", err)
	}
}

// A line that was written in part is taken back; where that is not allowed, it is
// ended, and the next one is whole.
func TestPartialWrite(t *testing.T) {
	for name, appendOnly := range map[string]bool{"taken back": false, "append only": true} {
		t.Run(name, func(t *testing.T) {
			d := mountDisk(t, "16k")
			s, err := openFile(d.log(), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			first := []byte("{\"time\":\"2026-01-02T03:04:05Z\"}\n")
			if err := s.write(first); err != nil {
				t.Fatal(err)
			}
			if appendOnly {
				setAppendOnly(t, s.(*file).f, true)
				defer setAppendOnly(t, s.(*file).f, false)
			}
			d.fill(t)
			if err := s.write(bytes.Repeat([]byte{'x'}, 64<<10)); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("got %v", err)
			}
			d.empty(t)
			if err := s.prepare(len(first), 0); err != nil {
				t.Fatal(err)
			}
			if err := s.write(first); err != nil {
				t.Fatal(err)
			}
			checkPartial(t, d.log(), string(first), appendOnly)
		})
	}
}

func checkPartial(t *testing.T, path, first string, torn bool) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !torn && string(b) != first+first {
		t.Errorf("got %.200q", b)
	}
	if torn && (!strings.HasPrefix(string(b), first+"x") || !strings.HasSuffix(string(b), "x\n"+first)) {
		t.Errorf("got %.200q…%q", b, b[len(b)-50:])
	}
}

// setAppendOnly is chattr +a or -a.
func setAppendOnly(t *testing.T, f *os.File, on bool) {
	t.Helper()
	const appendOnly = 0x20
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		t.Fatal(err)
	}
	if flags &^= appendOnly; on {
		flags |= appendOnly
	}
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags); err != nil {
		t.Fatal(err)
	}
}
