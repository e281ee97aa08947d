package hexui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
)

func dump(t *testing.T, c container.Container, off, n, base int64) string {
	t.Helper()
	var b bytes.Buffer
	if err := Dump(t.Context(), &b, c, off, n, base); err != nil {
		t.Error(err)
	}
	return b.String()
}

func TestDumpIsThatOfHexdump(t *testing.T) {
	hexdump, err := exec.LookPath("hexdump")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("hexdump is not there: install bsdextrautils")
		}
		t.Skip("hexdump is not there: install bsdextrautils")
	}
	path := filepath.Join(t.TempDir(), "bytes")
	random := rand.New(rand.NewPCG(7, 7))
	for i := range 60 {
		data := lines(random)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		off := random.Int64N(int64(len(data)) + 1)
		n := random.Int64N(int64(len(data)) + 1)
		if i%3 == 0 {
			off, n = 0, -1
		}
		args := []string{"-C", "-s", strconv.FormatInt(off, 10)}
		if n >= 0 {
			args = append(args, "-n", strconv.FormatInt(n, 10))
		}
		if off == int64(len(data)) {
			continue // hexdump tells of an illegal seek
		}
		want, err := exec.CommandContext(t.Context(), hexdump, append(args, path)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := dump(t, container.FromBytes(data), off, n, 0); got != string(want) {
			t.Fatalf("%d bytes at %d of %q:\ngot\n%swant\n%s", n, off, data, got, want)
		}
	}
}

// lines are bytes with lines that are often the same.
func lines(random *rand.Rand) (data []byte) {
	for range random.IntN(30) {
		line := bytes.Repeat([]byte{byte(random.IntN(256))}, dumpWidth)
		if random.IntN(2) == 0 {
			for i := range line {
				line[i] = byte(random.IntN(256))
			}
		}
		data = append(data, bytes.Repeat(line, 1+random.IntN(3))...)
	}
	data = append(data, bytes.Repeat([]byte{'x'}, random.IntN(40))...)
	if random.IntN(20) == 0 { // more than is read at once
		data = append(data, make([]byte, dumpChunk+5)...)
	}
	return data
}

func TestDumpAddsItsBase(t *testing.T) {
	kernel := int64(-0x80000000)
	got := dump(t, container.FromBytes([]byte("0123456789abcdefgh")), 1, -1, kernel)
	want := "ffffffff80000001  31 32 33 34 35 36 37 38  39 61 62 63 64 65 66 67  |123456789abcdefg|\n" +
		"ffffffff80000011  68                                                |h|\n" +
		"ffffffff80000012\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestDumpGoesOnBehindWhatCannotBeRead(t *testing.T) {
	c := &source{size: 48, read: func(p []byte, off int64) (int, error) {
		if off < 20 && off+int64(len(p)) > 19 {
			return 0, io.ErrNoProgress
		}
		return counting(p, off)
	}}
	var b bytes.Buffer
	err := Dump(t.Context(), &b, c, 0, -1, 0)
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
	want := "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|\n" +
		"00000010  10 11 12 ?? 14 15 16 17  18 19 1a 1b 1c 1d 1e 1f  |...?............|\n" +
		"00000020  20 21 22 23 24 25 26 27  28 29 2a 2b 2c 2d 2e 2f  | !\"#$%&'()*+,-./|\n" +
		"00000030\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

// TestDumpSkipsHoles: a process's memory has terabytes where nothing is.
func TestDumpSkipsHoles(t *testing.T) {
	const size, far, page = 1 << 47, 1 << 46, 4 << 10
	reads := 0
	c := container.FromReaderAt(readerFunc(func(p []byte, off int64) (int, error) {
		reads++
		return copy(p, bytes.Repeat([]byte{'a'}, len(p))), nil
	}), size, container.Live{Extents: func(off int64) (start, end int64, err error) {
		if off < far+page {
			return far, far + page, nil
		}
		return 0, 0, nil
	}})
	defer c.Close()
	const nothing = "  ?? ?? ?? ?? ?? ?? ?? ??  ?? ?? ?? ?? ?? ?? ?? ??  |????????????????|\n*\n"
	want := "00000000" + nothing +
		"400000000000  61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |aaaaaaaaaaaaaaaa|\n*\n" +
		"400000001000" + nothing +
		"800000000000\n"
	var b bytes.Buffer
	if err := Dump(t.Context(), &b, c, 0, -1, 0); err == nil {
		t.Error("what could not be read is no error")
	}
	if b.String() != want || reads > maxReads {
		t.Errorf("%d reads; got\n%swant\n%s", reads, &b, want)
	}
}

type readerFunc func(p []byte, off int64) (int, error)

func (f readerFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestDumpEnds(t *testing.T) {
	endless := &source{size: 1 << 62, read: counting}
	ctx, cancel := context.WithCancel(t.Context())
	chunks := 0
	endless.read = func(p []byte, off int64) (int, error) {
		if chunks++; chunks == 3 {
			cancel()
		}
		return counting(p, off)
	}
	if err := Dump(ctx, io.Discard, endless, 0, -1, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if err := Dump(t.Context(), failingWriter{io.ErrClosedPipe}, endless, 0, -1, 0); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("written to what is closed: %v", err)
	}
	if err := Dump(t.Context(), io.Discard, some(5), 6, 1, 0); err == nil || !strings.Contains(err.Error(), "outside the 5 bytes") {
		t.Errorf("behind the end: %v", err)
	}
}
