package output

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// AtomicMemory is how many bytes of a call's output are held in memory
	// in mode Atomic. What is more goes to a temporary file that has no
	// name.
	AtomicMemory = 64 << 20

	// SpoolLimit is how many bytes of a call's output are put aside in a
	// file. At more, what there is is delivered before the call ends.
	SpoolLimit = 4 << 30

	// spoolChunk is the size in bytes in which a file is read back.
	spoolChunk = 256 << 10
)

// A spool holds output back, in order, as frames: a header and the bytes. The
// frames in the file come before those in memory. The zero value is empty.
type spool struct {
	mem  []byte
	last int // offset in mem of the last frame
	file *os.File
	name string // of file, where it could not be unlinked at once
	size int64  // bytes of whole frames in file
}

// A frame's header is the fd, whether the bytes continue a line, and their
// number in 8 bytes.
const frameHeader = 1 + 1 + 8

func (sp *spool) empty() bool { return len(sp.mem) == 0 && sp.size == 0 }

// add keeps a copy of p, after an error too: that says that the spool should
// be delivered, as it can only grow in memory.
func (sp *spool) add(fd int, p []byte, mid bool) error {
	if len(sp.mem) == 0 || sp.mem[sp.last] != byte(fd) {
		sp.last = len(sp.mem)
		sp.mem = append(sp.mem, byte(fd), 0)
		if mid {
			sp.mem[sp.last+1] = 1
		}
		sp.mem = append(sp.mem, make([]byte, 8)...)
	}
	sp.mem = append(sp.mem, p...)
	n := len(sp.mem) - sp.last - frameHeader
	binary.LittleEndian.PutUint64(sp.mem[sp.last+2:], uint64(n))
	if len(sp.mem) > AtomicMemory {
		return sp.spill()
	}
	return nil
}

// spill moves what is in memory to the file.
func (sp *spool) spill() error {
	if sp.file == nil {
		f, err := os.CreateTemp("", "output-*")
		if err != nil {
			return fmt.Errorf("hold back the output of a call: %w", err)
		}
		sp.file = f
		if os.Remove(f.Name()) != nil {
			sp.name = f.Name()
		}
	}
	if _, err := sp.file.WriteAt(sp.mem, sp.size); err != nil {
		return fmt.Errorf("hold back the output of a call: %w", err)
	}
	sp.size += int64(len(sp.mem))
	sp.mem = sp.mem[:0]
	return nil
}

// each calls put with everything held back, in order. A long frame comes in
// several pieces. What is in memory comes also where the file cannot be read.
func (sp *spool) each(put func(fd int, p []byte, mid bool)) (err error) {
	if sp.size > 0 {
		if err = sp.eachInFile(put); err != nil {
			err = fmt.Errorf("read back the output of a call: %w", err)
		}
	}
	for b := sp.mem; len(b) > 0; {
		n := frameHeader + int(binary.LittleEndian.Uint64(b[2:]))
		put(int(b[0]), b[frameHeader:n], b[1] == 1)
		b = b[n:]
	}
	return err
}

func (sp *spool) eachInFile(put func(fd int, p []byte, mid bool)) error {
	r := bufio.NewReader(io.NewSectionReader(sp.file, 0, sp.size))
	buf := make([]byte, spoolChunk)
	var h [frameHeader]byte
	for {
		if _, err := io.ReadFull(r, h[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		mid := h[1] == 1
		for left := binary.LittleEndian.Uint64(h[2:]); left > 0; {
			p := buf[:min(left, spoolChunk)]
			if _, err := io.ReadFull(r, p); err != nil {
				return err
			}
			put(int(h[0]), p, mid)
			mid = !endsLine(p)
			left -= uint64(len(p))
		}
	}
}

// reset empties the spool and gives its file back.
func (sp *spool) reset() {
	if sp.file != nil {
		_ = sp.file.Close()
		if sp.name != "" {
			_ = os.Remove(sp.name)
		}
	}
	*sp = spool{mem: reuse(sp.mem)}
}
