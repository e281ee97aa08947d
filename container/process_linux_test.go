package container

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sleeper is a process that waits, with SECRET in its environment.
func sleeper(t *testing.T, secret string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/cat")
	cmd.Env = []string{"SECRET=" + secret}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		skip(t, "no cat: %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	fmt.Fprint(in, "x")
	if _, err := out.Read(make([]byte, 1)); err != nil { // it runs now
		t.Fatal(err)
	}
	return cmd
}

func fromProcessOf(t *testing.T, pid int) Container {
	t.Helper()
	c, err := FromProcess(pid)
	if errors.Is(err, fs.ErrPermission) {
		skip(t, "reading a process's memory takes the right to trace it: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestProcess(t *testing.T) {
	before := settledFDs(t)
	cmd := sleeper(t, "needle in a process")
	c := fromProcessOf(t, cmd.Process.Pid)
	at, err := c.Find([]byte("SECRET=needle in a process"), 0)
	if err != nil || at < 0 {
		t.Fatal(at, err)
	}
	b := make([]byte, 100)
	if _, err := c.ReadAt(b[:26], at); string(b[:26]) != "SECRET=needle in a process" || err != nil {
		t.Errorf("%q, %v", b[:26], err)
	}
	if _, err := c.ReadAt(b, 4096); !errors.Is(err, ErrHole) || !strings.Contains(err.Error(), fmt.Sprintf("process %d: 0 of 100 bytes at 4096", cmd.Process.Pid)) {
		t.Error(err)
	}
	start, end, err := Extent(t.Context(), c, 0)
	if err != nil || start == 0 || end <= start || end > c.Size() {
		t.Error(start, end, err)
	}
	if _, err := c.ReadAt(b, start-50); !errors.Is(err, ErrHole) {
		t.Error("half in a hole:", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	for _, off := range []int64{at, start} {
		if n, err := c.ReadAt(b, off); !errors.Is(err, ErrProcessGone) || n != 0 {
			t.Error("after its end:", n, err)
		}
	}
	if _, err := c.Find([]byte("x"), 0); !errors.Is(err, ErrProcessGone) {
		t.Error("a search after its end:", err)
	}
	c.Close()
	if _, err := FromProcess(cmd.Process.Pid); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no such process") {
		t.Error(err)
	}
	if after := settledFDs(t); after > before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

// TestProcessThatBecomesAnother: its number is the same, and its memory is not.
func TestProcessThatBecomesAnother(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "echo; read x; exec cat")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		skip(t, "no sh: %v", err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	b := make([]byte, 1)
	out.Read(b)
	c := fromProcessOf(t, cmd.Process.Pid)
	if start, _, err := Extent(t.Context(), c, 0); err != nil || start == 0 {
		t.Fatal(start, err)
	}
	fmt.Fprintln(in, "go\nx") // which cat echoes, when it runs
	if _, err := out.Read(b); err != nil {
		t.Fatal(err)
	}
	start, _, err := Extent(t.Context(), c, 0)
	if err == nil { // what it was a second ago
		_, err = c.ReadAt(b, start)
	}
	if !errors.Is(err, ErrProcessGone) {
		t.Error(err)
	}
}

// TestOwnProcess: what is mapped new is found, what is unmapped or forbidden is a hole.
func TestOwnProcess(t *testing.T) {
	c := fromProcessOf(t, os.Getpid())
	m, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	copy(m[5000:], "here")
	at := int64(uintptr(unsafe.Pointer(unsafe.SliceData(m))))
	b := make([]byte, 4)
	if _, err := c.ReadAt(b, at+5000); string(b) != "here" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if err := unix.Mprotect(m[8192:12288], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	c2 := fromProcessOf(t, os.Getpid())
	if _, err := c2.ReadAt(b, at+9000); !errors.Is(err, ErrHole) {
		t.Error("where nobody may read:", err)
	}
	if err := unix.Munmap(m); err != nil {
		t.Fatal(err)
	}
	if n, err := c.ReadAt(b, at+5000); err == nil && n == 4 && string(b) == "here" {
		t.Error("what is gone was read")
	}
	runtime.KeepAlive(m)
}

// TestProcessWithATruncatedFile: its pages cannot be read, though they are mapped, and a search
// finds what lies before and behind them.
func TestProcessWithATruncatedFile(t *testing.T) {
	page := os.Getpagesize()
	m, err := unix.Mmap(-1, 0, 32*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(m)
	path := writeFile(t, bytes.Repeat([]byte("."), 8*page))
	f := open1(t, path, os.O_RDWR)
	defer f.Close()
	if _, err := unix.MmapPtr(int(f.Fd()), 0, unsafe.Pointer(&m[16*page]), uintptr(8*page), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_FIXED); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	copy(m[16*page-6:], "needle")
	copy(m[24*page:], "needle")
	whole := fromProcessOf(t, os.Getpid())
	at := int64(uintptr(unsafe.Pointer(unsafe.SliceData(m))))
	c, err := whole.Slice(at, int64(len(m)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadAt(make([]byte, 100), int64(16*page)-50); !errors.Is(err, ErrHole) || !strings.Contains(err.Error(), "50 of 100 bytes") {
		t.Error("what cannot be read:", err)
	}
	want := []int64{int64(16*page) - 6, int64(24 * page)}
	for _, text := range []string{"needle", "re:n[e]+dle"} {
		if got := offsets(t, c, text, Range{}); !slices.Equal(got, want) {
			t.Errorf("%s is found at %d, want %d", text, got, want)
		}
	}
	if n, err := Count(t.Context(), c, []byte("needle")); n != 2 || err != nil {
		t.Error(n, err)
	}
	runtime.KeepAlive(m)
}

func TestFromProcessRefuses(t *testing.T) {
	for pid, want := range map[int]string{0: "above 0", -1: "above 0", 1 << 30: "no such process", 2: ""} {
		_, err := FromProcess(pid)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), fmt.Sprint("process ", pid)) {
			t.Errorf("%d: %v", pid, err)
		}
	}
	err := processError(&fs.PathError{Op: "open", Path: "mem", Err: unix.EACCES})
	if !strings.Contains(err.Error(), "CAP_SYS_PTRACE") || !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestParseMap(t *testing.T) {
	for line, want := range map[string]struct {
		w  span
		ok bool
	}{
		"1000-3000 r-xp 00000000 08:01 12 /bin/a file\n":            {span{0x1000, 0x2000}, true},
		"1000-3000 ---p 00000000 00:00 0 \n":                        {span{0x1000, 0x2000}, false},
		"7ffd1000-7ffd5000 r--p 00000000 00:00 0 [vvar]\n":          {span{0x7ffd1000, 0x4000}, false},
		"7ffd5000-7ffd7000 r--p 00000000 00:00 0 [vvar_vclock]\n":   {span{0x7ffd5000, 0x2000}, false},
		"1000-3000 r--s 00000000 fe:00 9978214 /tmp/x [vvar]\n":     {span{0x1000, 0x2000}, true},
		"ffffffffff600000-ffffffffff601000 --xp 0 00:00 0 [vsys]\n": {span{}, false},
	} {
		if w, ok, err := parseMap(line); w != want.w || ok != want.ok || err != nil {
			t.Errorf("%q: %v, %t, %v", line, w, ok, err)
		}
	}
	for _, line := range []string{"", "x", "1-z r 0 0 0 a", "5-1 r-- 0 0 0 a", "1 2 3 4 5"} {
		if _, _, err := parseMap(line); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
}

func TestDevice(t *testing.T) {
	for path, want := range map[string]string{
		os.DevNull: "no block device", t.TempDir(): "no block device", writeFile(t, []byte("x")): "FromFile is for files", "/nowhere/at/all": "no such file",
	} {
		if _, err := FromDevice(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	data := randomBytes(1 << 20)
	image := writeFile(t, data)
	out, err := exec.Command("losetup", "--find", "--show", "--read-only", image).Output()
	switch {
	case errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") != "":
		t.Fatalf("%v: install mount", err)
	case err != nil:
		t.Skipf("loop devices cannot be made here (losetup, as root): %v", err) // the kernel's word: not in every container
	}
	path := strings.TrimSpace(string(out))
	defer exec.Command("losetup", "--detach", path).Run()
	c, err := FromDevice(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Size() != 1<<20 || !IsLive(c) {
		t.Fatal(c.Size())
	}
	checkReads(t, c, data)
	checkSearch(t, c, data)
}
