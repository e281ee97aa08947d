package container

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const sealedMemory = true

// openFDs is how many files this process has open.
func openFDs(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// settledFDs is openFDs once the containers that other tests dropped are gone.
func settledFDs(t testing.TB) int {
	t.Helper()
	if !collected(func() bool { files.mu.Lock(); defer files.mu.Unlock(); return files.open == 0 }) {
		t.Fatalf("%d files of other tests are open", files.open)
	}
	return openFDs(t)
}

// mapCount is how many maps of path this process has, or of sealed memory.
func mapCount(t testing.TB, path string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte(path))
}

const memoryName = "/memfd:outwork"

func pass(t testing.TB, c Container) Handle {
	t.Helper()
	h, err := Pass(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHandles(t *testing.T) {
	file := fromFile(t, writeFile(t, []byte("abc")))
	for name, tc := range map[string]struct {
		c         Container
		inline    bool
		immutable bool
	}{
		"empty":          {FromBytes(nil), true, true},
		"small":          {FromBytes(make([]byte, InlineMax)), true, true},
		"large":          {FromBytes(make([]byte, InlineMax+1)), false, true},
		"small spooled":  {fromReader(t, make([]byte, InlineMax)), true, true},
		"large spooled":  {fromReader(t, make([]byte, spoolAbove+1)), false, true},
		"file":           {file, false, false},
		"wrapped memory": {wrapped{FromBytes(make([]byte, InlineMax+1))}, false, true},
	} {
		h := pass(t, tc.c)
		if (h.Inline != nil) != tc.inline || (h.File == nil) != tc.inline || h.Immutable != tc.immutable ||
			h.Size != tc.c.Size() || h.Offset != 0 {
			t.Errorf("%s: the handle is %+v", name, h)
		}
		if h.File != nil {
			h.File.Close()
		}
	}
}

func TestSealedMemoryResistsAttacks(t *testing.T) {
	data := randomBytes(spoolAbove + 1)
	for name, c := range map[string]Container{
		"bytes": FromBytes(data), "reader": fromReader(t, data), "slice": sliced(t, data, FromBytes),
	} {
		h := pass(t, c)
		attackFD(t, name, h.File)
		attackMap(t, name, h.File)
		attackByReopening(t, name, h.File)
		got := make([]byte, len(data))
		if _, err := h.File.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: the bytes changed, %v", name, err)
		}
		h.File.Close()
	}
}

// skip skips a test for what a kernel lacks, but not where all must be there.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func refused(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s was not refused", name)
	}
}

func attackFD(t *testing.T, name string, f *os.File) {
	t.Helper()
	fd := int(f.Fd())
	_, err := unix.Pwrite(fd, []byte("x"), 0)
	refused(t, name+": write", err)
	refused(t, name+": truncate", unix.Ftruncate(fd, 0))
	refused(t, name+": grow", unix.Ftruncate(fd, 1<<30))
	punch := uint32(unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE)
	refused(t, name+": punch", unix.Fallocate(fd, punch, 0, 4096))
	refused(t, name+": allocate", unix.Fallocate(fd, 0, 1<<20, 4096))
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE)
	refused(t, name+": seal", err)
}

func attackMap(t *testing.T, name string, f *os.File) {
	t.Helper()
	fd := int(f.Fd())
	_, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	refused(t, name+": writable map", err)
	m, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(m)
	refused(t, name+": mprotect", unix.Mprotect(m, unix.PROT_READ|unix.PROT_WRITE))
	refused(t, name+": remove", unix.Madvise(m, unix.MADV_REMOVE))
}

func attackByReopening(t *testing.T, name string, f *os.File) {
	t.Helper()
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer again.Close()
	attackFD(t, name+" reopened", again)
	attackMap(t, name+" reopened", again)
	_, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_WRONLY|os.O_TRUNC, 0)
	refused(t, name+": open to truncate", err)
}

func TestSealedMemoryCannotBeExecuted(t *testing.T) {
	h := pass(t, FromBytes(make([]byte, InlineMax+1)))
	defer h.File.Close()
	seals, err := unix.FcntlInt(h.File.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_EXEC == 0 {
		skip(t, "this kernel cannot seal against execution (seals %#x, %v)", seals, err)
	}
	refused(t, "making it executable", h.File.Chmod(0o700))
}

func TestSliceOfMemoryLeaksNothing(t *testing.T) {
	const n = InlineMax * 4
	data := slices3(n)
	for name, whole := range map[string]Container{
		"bytes": FromBytes(data), "reader": fromReader(t, data), "opened": reopened(t, FromBytes(data)), "by name": asked(t, FromBytes(data)),
	} {
		s, err := whole.Slice(n, n)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for range 2 {
			h := pass(t, s)
			got, err := io.ReadAll(io.NewSectionReader(h.File, 0, 1<<40))
			if err != nil || !bytes.Equal(got, bytes.Repeat([]byte("b"), n)) || h.Offset != 0 {
				t.Errorf("%s: the descriptor has %d bytes, offset %d, %v", name, len(got), h.Offset, err)
			}
			h.File.Close()
		}
	}
}

// slices3 is n times a, b and c.
func slices3(n int) []byte {
	return []byte(strings.Repeat("a", n) + strings.Repeat("b", n) + strings.Repeat("c", n))
}

func TestPassCopiesMemoryOnce(t *testing.T) {
	c := FromBytes(make([]byte, 1<<20))
	defer c.Close()
	inode := func() uint64 {
		h := pass(t, c)
		defer h.File.Close()
		var st unix.Stat_t
		if err := unix.Fstat(int(h.File.Fd()), &st); err != nil {
			t.Fatal(err)
		}
		return st.Ino
	}
	if a, b := inode(), inode(); a != b {
		t.Error("the second Pass copied again")
	}
}

// memory is a memfd with data and seals.
func memory(t *testing.T, data []byte, flags, seals int) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("hostile", flags|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "hostile")
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestHostileHandles(t *testing.T) {
	const full = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	page := make([]byte, 4096)
	sealed := func(seals int) *os.File { return memory(t, page, 0, seals) }
	for _, tc := range []struct {
		name, says string
		h          Handle
	}{
		{"unsealed", "writing", Handle{File: sealed(0), Size: 4096, Immutable: true}},
		{"not sealed against writing", "writing", Handle{File: sealed(full &^ unix.F_SEAL_WRITE), Size: 4096, Immutable: true}},
		{"future writes only", "writing", Handle{File: sealed(full&^unix.F_SEAL_WRITE | unix.F_SEAL_FUTURE_WRITE), Size: 4096, Immutable: true}},
		{"not sealed against shrinking", "shrinking", Handle{File: sealed(full &^ unix.F_SEAL_SHRINK), Size: 4096, Immutable: true}},
		{"not sealed against growing", "growing", Handle{File: sealed(full &^ unix.F_SEAL_GROW), Size: 4096, Immutable: true}},
		{"short", "of a file of 4096 bytes", Handle{File: sealed(full), Size: 4097, Immutable: true}},
		{"short after the offset", "of a file of 4096 bytes", Handle{File: sealed(full), Offset: 1, Size: 4096, Immutable: true}},
		{"short and mutable", "of a file of 4096 bytes", Handle{File: sealed(0), Size: 1 << 40}},
		{"negative size", "outside", Handle{File: sealed(full), Size: -1, Immutable: true}},
		{"negative offset", "outside", Handle{File: sealed(full), Offset: -4096, Size: 4096, Immutable: true}},
		{"overflow", "outside", Handle{File: sealed(full), Offset: 1<<63 - 1, Size: 4096, Immutable: true}},
		{"both", "both", Handle{File: sealed(full), Inline: page, Size: 4096, Immutable: true}},
		{"file that claims to be memory", "not sealed memory", Handle{File: onDisk(t, page), Size: 4096, Immutable: true}},
		{"holes", "holes", Handle{File: holes(t, full), Size: 1 << 40, Immutable: true}},
		{"a hole at the end", "holes", Handle{File: sized(t, memory(t, page, 0, 0), 8192, full), Size: 8192, Immutable: true}},
		{"holes made up for behind the end", "holes", Handle{File: paddedHoles(t, full), Size: 1 << 20, Immutable: true}},
		{"a hole that is not asked for", "holes", Handle{File: paddedHoles(t, full), Size: 0, Immutable: true}},
		{"a file of the memory's file system", "writing", Handle{File: inSharedMemory(t, page), Size: 4096, Immutable: true}},
		{"secret memory", "", Handle{File: secret(t), Size: 4096, Immutable: true}},
		{"pipe", "a pipe", Handle{File: pipe(t), Size: 4096}},
		{"pipe that claims to be memory", "a pipe", Handle{File: pipe(t), Size: 4096, Immutable: true}},
		{"socket", "a socket", Handle{File: socket(t), Size: 4096}},
		{"device", "a device", Handle{File: open1(t, "/dev/zero", os.O_RDONLY), Size: 4096}},
		{"directory", "a directory", Handle{File: open1(t, t.TempDir(), os.O_RDONLY), Size: 10}},
		{"write-only", "permission denied", Handle{File: open1(t, writeFile(t, page), os.O_WRONLY), Size: 4096}},
		{"path only", "bad file descriptor", Handle{File: open1(t, writeFile(t, page), unix.O_PATH), Size: 4096}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := Open(tc.h, OpenOptions{})
			if c != nil || err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Open: %v, want an error with %q", err, tc.says)
			}
			if _, err := tc.h.File.Stat(); !errors.Is(err, fs.ErrClosed) {
				t.Error("Open left the file open")
			}
		})
	}
}

// TestTrustedHandles: whoever is trusted is so in regard to holes alone.
func TestTrustedHandles(t *testing.T) {
	const full = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	c, err := Open(Handle{File: paddedHoles(t, full), Size: 1 << 20, Immutable: true}, OpenOptions{Trusted: true})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	c, err = Open(Handle{File: paddedHoles(t, full&^unix.F_SEAL_WRITE), Size: 1 << 20, Immutable: true}, OpenOptions{Trusted: true})
	if c != nil || err == nil || !strings.Contains(err.Error(), "writing") {
		t.Errorf("without seals: %v", err)
	}
}

func TestHugePagesAreRefused(t *testing.T) {
	fd, err := unix.MemfdCreate("huge", unix.MFD_HUGETLB|unix.MFD_ALLOW_SEALING)
	if err != nil {
		skip(t, "this kernel has no huge pages: %v", err)
	}
	f := os.NewFile(uintptr(fd), "huge")
	if err := f.Truncate(2 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, allSeals); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Handle{File: f, Size: 4096, Immutable: true}, OpenOptions{}); err == nil {
		t.Error("memory that may fail to appear was opened")
	}
}

func onDisk(t *testing.T, data []byte) *os.File { return open1(t, writeFile(t, data), os.O_RDWR) }

func open1(t *testing.T, path string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func holes(t *testing.T, seals int) *os.File {
	t.Helper()
	return sized(t, memory(t, []byte("x"), 0, 0), 1<<40, seals)
}

// sized is f with another size, and seals.
func sized(t *testing.T, f *os.File, size int64, seals int) *os.File {
	t.Helper()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return f
}

// paddedHoles is 1 MiB of nothing, with as many blocks as that, behind its end.
func paddedHoles(t *testing.T, seals int) *os.File {
	t.Helper()
	f := memory(t, nil, 0, 0)
	if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 1<<20, 1<<20); err != nil {
		t.Fatal(err)
	}
	return sized(t, f, 1<<20, seals)
}

// inSharedMemory is a file of a tmpfs that is no memfd.
func inSharedMemory(t *testing.T, data []byte) *os.File {
	t.Helper()
	f, err := os.CreateTemp("/dev/shm", "container")
	if err != nil {
		skip(t, "no /dev/shm: %v", err)
	}
	t.Cleanup(func() { os.Remove(f.Name()) })
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	return f
}

// secret is memory that its maker's process alone is to see.
func secret(t *testing.T) *os.File {
	t.Helper()
	fd, _, errno := unix.Syscall(unix.SYS_MEMFD_SECRET, 0, 0, 0)
	if errno != 0 {
		return pipe(t) // this kernel has none
	}
	f := os.NewFile(fd, "secret")
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	return f
}

func pipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return r
}

func socket(t *testing.T) *os.File {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "socket")
}

func TestFileShrinksUnderTheMap(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	path := writeFile(t, data)
	c := reopened(t, fromFile(t, path))
	if at, err := c.Find([]byte("0"), 60000); at != 60000 || err != nil {
		t.Fatalf("before: %d, %v", at, err)
	}
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	_, errRead := c.ReadAt(make([]byte, 10), 50000)
	_, errFind := c.Find([]byte("nowhere"), 0)
	errView := c.View(func(b []byte) error { _ = b[len(b)-1]; fmt.Fprint(io.Discard, b[60000]); return nil })
	var errAll error
	for _, err := range c.All([]byte("nowhere")) {
		errAll = err
	}
	var errSearch error
	for _, err := range Search(t.Context(), c, parsed(t, "re:no[w]here"), Range{}) {
		errSearch = err
	}
	for i, err := range []error{errRead, errFind, errView, errAll, errSearch} {
		if !errors.Is(err, ErrShrunk) {
			t.Errorf("use %d: %v, want ErrShrunk", i, err)
		}
	}
	b := make([]byte, 4)
	if _, err := c.ReadAt(b, 4000); err != nil || !bytes.Equal(b, data[4000:4004]) {
		t.Errorf("what is left reads as %q, %v", b, err)
	}
}

// TestFileThatCannotBeMapped is read instead: it has more bytes than there are addresses.
func TestFileThatCannotBeMapped(t *testing.T) {
	before := settledFDs(t)
	limitIdle(t, files, 0)
	const size, needle = 1<<62 + 7, 1<<61 + 4095
	h := Handle{File: vast(t, size, needle), Offset: 5, Size: size - 5}
	again := func() (Handle, error) {
		f, err := duplicate(h.File)
		return Handle{File: f, Offset: h.Offset, Size: h.Size}, err
	}
	for name, o := range map[string]OpenOptions{"kept": {}, "asked for again": {Reopen: again}} {
		first, err := again()
		if err != nil {
			t.Fatal(err)
		}
		c, err := Open(first, o)
		if err != nil {
			t.Fatal(name, err)
		}
		b := make([]byte, 6)
		if _, err := c.ReadAt(b, needle-5); string(b) != "needle" || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if at, err := c.Find([]byte("needle"), needle-fileWindow); at != needle-5 || err != nil {
			t.Errorf("%s: found at %d, %v", name, at, err)
		}
		if got := offsets(t, c, "i:NEEDLE", Range{From: needle - fileWindow, To: needle + fileWindow}); !slices.Equal(got, []int64{needle - 5}) {
			t.Errorf("%s: found at %d", name, got)
		}
		if err := c.View(func([]byte) error { return nil }); err == nil || !strings.Contains(err.Error(), "use ReadAt") {
			t.Errorf("%s: a view of all: %v", name, err)
		}
		passed, err := Pass(c)
		if (err == nil) != (o.Reopen != nil) {
			t.Errorf("%s: passing it on: %v", name, err)
		}
		if err == nil {
			passed.File.Close()
		}
		c.Close()
	}
	h.File.Close()
	if after := settledFDs(t); after > before {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

// TestSealedMemoryThatCannotBeMapped is an error: what cannot change is given out as memory.
func TestSealedMemoryThatCannotBeMapped(t *testing.T) {
	f := sized(t, vast(t, 4096, 0), 1<<62, allSeals)
	if c, err := Open(Handle{File: f, Size: 1 << 62, Immutable: true}, OpenOptions{Trusted: true}); c != nil || !errors.Is(err, unix.ENOMEM) {
		t.Error(err)
	}
}

// vast is memory of size bytes that all can read and change: zeros but for a needle.
func vast(t *testing.T, size, needle int64) *os.File {
	t.Helper()
	f := memory(t, nil, 0, 0)
	if _, err := f.WriteAt([]byte("needle"), needle); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFaultElsewhereInViewGoesOn(t *testing.T) {
	path := writeFile(t, make([]byte, 1<<16))
	c := reopened(t, fromFile(t, path))
	other := reopened(t, fromFile(t, path))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	err := c.View(func([]byte) error {
		inner := other.View(func(b []byte) error { fmt.Fprint(io.Discard, b[1<<15]); return nil })
		if !errors.Is(inner, ErrShrunk) {
			t.Errorf("the inner View: %v", inner)
		}
		return nil
	})
	if err != nil {
		t.Errorf("the outer View: %v", err)
	}
}

func TestGoexitInViewReleases(t *testing.T) {
	path := writeFile(t, []byte("abc"))
	c := reopened(t, fromFile(t, path))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.View(func([]byte) error { runtime.Goexit(); return nil })
	}()
	<-done
	c.Close()
	if n := mapCount(t, path); n != 0 {
		t.Errorf("%d maps are left", n)
	}
}

func TestFIFOIsRefusedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FromFile(path); err == nil || !strings.Contains(err.Error(), "is a pipe") {
		t.Errorf("FromFile: %v", err)
	}
	if _, _, err := openRegular(path); err == nil || !strings.Contains(err.Error(), "is a pipe") {
		t.Errorf("a pipe that took a file's place: %v", err)
	}
}

func TestUnreadableFileIsRefused(t *testing.T) {
	path := writeFile(t, []byte("secret"))
	if err := errors.Join(os.Chmod(path, 0), os.Chmod(filepath.Dir(path), 0o755), os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755)); err != nil {
		t.Fatal(err)
	}
	refusal := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its user
		if os.Getuid() == 0 {
			unix.SetfsuidRetUid(65534)
		}
		_, err := FromFile(path)
		refusal <- err
	}()
	if err := <-refusal; !errors.Is(err, fs.ErrPermission) {
		t.Errorf("FromFile: %v, want a permission error", err)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	data := randomBytes(spoolAbove * 2)
	path := writeFile(t, data)
	fds, maps := settledFDs(t), mapCount(t, memoryName)
	for range 50 {
		file, _ := FromFile(path)
		reader, _ := FromReader(bytes.NewReader(data))
		for _, c := range []Container{file, reader, FromBytes(data)} {
			s, err := c.Slice(1, InlineMax*2)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []Container{c, s} {
				got, err := Open(pass(t, c), OpenOptions{})
				if err != nil {
					t.Fatal(err)
				}
				got.Bytes()
				got.Find([]byte("x"), 0)
				c.Find([]byte("x"), 0)
				got.Close()
				c.Close()
			}
		}
	}
	if n := openFDs(t); n > fds { // fewer: what others had dropped went meanwhile
		t.Errorf("%d files are open, %d were", n, fds)
	}
	if n := mapCount(t, memoryName); n != maps {
		t.Errorf("%d maps are left, %d were", n, maps)
	}
	if n := mapCount(t, path); n != 0 {
		t.Errorf("%d maps of the file are left", n)
	}
}

// collected reports whether ok holds after the garbage is collected.
func collected(ok func() bool) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		runtime.GC()
		if ok() {
			return true
		}
	}
	return false
}

func TestDroppedContainersAreReleased(t *testing.T) {
	path := writeFile(t, randomBytes(1000))
	func() {
		for range 20 {
			file, _ := FromFile(path)
			h := pass(t, file)
			if _, err := Open(h, OpenOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}()
	if !collected(func() bool { return mapCount(t, path) == 0 }) {
		t.Errorf("%d maps are left", mapCount(t, path))
	}
}

func TestBytesOutliveADroppedContainer(t *testing.T) {
	data := randomBytes(InlineMax * 2)
	var taken [][]byte
	func() {
		for range 20 {
			c, err := Open(pass(t, FromBytes(data)), OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			b, err := c.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, b)
		}
	}()
	gone := make(chan struct{})
	runtime.AddCleanup(new([64]byte), func(gone chan struct{}) { close(gone) }, gone)
	for collecting := true; collecting; {
		runtime.GC()
		select {
		case <-gone:
			collecting = false
		default:
		}
	}
	runtime.GC()
	for _, b := range taken {
		if !bytes.Equal(b, data) {
			t.Fatal("the bytes changed")
		}
	}
}
