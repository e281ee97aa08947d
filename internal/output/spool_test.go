package output

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestAtomicSpillsToANamelessFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out record
	s := NewSink(Config{Stdout: &out, Stderr: &out, Mode: Atomic})
	tap := s.Worker("w")
	want := fill(tap, AtomicMemory+AtomicMemory/16)
	if out.Len() > 0 {
		t.Fatalf("%d bytes came before the call ended", out.Len())
	}
	sp := &tap.spools[0]
	if sp.size == 0 || len(sp.mem) > AtomicMemory {
		t.Errorf("%d bytes in the file, %d in memory", sp.size, len(sp.mem))
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("the temporary directory holds %v, %v", names, err)
	}
	tap.CallEnd()
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%d bytes came of %d, or others", out.Len(), len(want))
	}
	if sp.file != nil || !sp.empty() || s.Err() != nil {
		t.Errorf("left: file %v, error %v", sp.file, s.Err())
	}
}

func TestAtomicWithoutRoomDeliversEarly(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/missing")
	var out record
	s := NewSink(Config{Stdout: &out, Mode: Atomic, Stderr: &out})
	tap := s.Worker("w")
	want := fill(tap, AtomicMemory+AtomicMemory/16)
	tap.CallEnd()
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%d bytes came of %d, or others", out.Len(), len(want))
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "0 bytes lost: hold back the output of a call") {
		t.Errorf("Err is %v", err)
	}
}

// fill begins a call that prints at least n bytes, and returns them.
func fill(tap *Tap, n int) []byte {
	var all []byte
	tap.CallBegin()
	for i := 0; len(all) < n; i++ {
		line := bytes.Repeat([]byte{byte('a' + i%26)}, 100_000+i)
		line[len(line)-1] = '\n'
		tap.Write(1+i%2, line)
		all = append(all, line...)
	}
	return all
}

func FuzzSpool(f *testing.F) {
	f.Add([]byte("1a\n2b\n"), 3)
	f.Fuzz(func(t *testing.T, in []byte, spillAt int) {
		var sp spool
		defer sp.reset()
		var want, got [3][]byte
		for i, b := range in {
			fd := 1 + int(b&1)
			if err := sp.add(fd, []byte{b}, false); err != nil {
				t.Fatal(err)
			}
			want[fd] = append(want[fd], b)
			if i == spillAt {
				if err := sp.spill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := sp.each(func(fd int, p []byte, _ bool) { got[fd] = append(got[fd], p...) }); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got[1], want[1]) || !bytes.Equal(got[2], want[2]) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
