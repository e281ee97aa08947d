package hexui

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/outwork-go/outwork/container"
)

const (
	dumpWidth = 16       // bytes of a line
	dumpChunk = 64 << 10 // bytes that are read at once; a multiple of dumpWidth
	hexDigits = "0123456789abcdef"
)

// Dump writes n bytes of c at off to w as "hexdump -C" does: offset, 16 bytes and their
// text in a line, "*" for lines that are as the one before, and the end's offset in the
// last. base is added to each offset. Where n reaches behind the end, or is negative, the
// bytes up to the end are written. Bytes that cannot be read are "??": Dump goes on behind
// them, and returns the first such error when all is written. It ends early when ctx does
// or w fails.
func Dump(ctx context.Context, w io.Writer, c container.Container, off, n, base int64) error {
	if off < 0 || off > c.Size() {
		return fmt.Errorf("dump from offset %d: it is outside the %d bytes that there are", off, c.Size())
	}
	if n < 0 || n > c.Size()-off {
		n = c.Size() - off
	}
	d := dumper{out: bufio.NewWriterSize(w, dumpChunk), base: base}
	var failed error
	buf := make([]byte, min(n, dumpChunk))
	for at := off; at < off+n; at += int64(len(buf)) {
		if failed != nil {
			at += d.gap(at, hole(ctx, c, at, off+n))
		}
		buf = buf[:min(int64(cap(buf)), off+n-at)]
		clear(buf) // for lines of ?? to be the same
		states, err := readPieces(ctx, c, at, buf)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("read at offset %d: %w", at, err)
		}
		if err := d.chunk(at, buf, states); err != nil {
			return err
		}
	}
	if n > 0 {
		fmt.Fprintf(d.out, "%08x\n", uint64(base)+uint64(off+n))
	}
	if err := d.out.Flush(); err != nil {
		return err
	}
	return failed
}

// dumper writes lines, and knows the last one.
type dumper struct {
	out    *bufio.Writer
	base   int64
	bytes  []byte // of the last line
	states []state
	folded bool // the last line was written as "*"
}

func (d *dumper) chunk(off int64, p []byte, states []state) error {
	for at := 0; at < len(p); at += dumpWidth {
		end := min(at+dumpWidth, len(p))
		if err := d.line(off+int64(at), p[at:end], states[at:end]); err != nil {
			return err
		}
	}
	d.bytes, d.states = slices.Clone(d.bytes), slices.Clone(d.states) // p is used again
	return nil
}

// gap writes the whole lines of n bytes that are not there, and tells how many bytes
// those are.
func (d *dumper) gap(off, n int64) int64 {
	n -= n % dumpWidth
	states := slices.Repeat([]state{bad}, dumpWidth)
	for at := int64(0); at < min(n, 2*dumpWidth); at += dumpWidth { // the second is a *
		_ = d.line(off+at, make([]byte, dumpWidth), states) // the next write has the error too
	}
	return n
}

func (d *dumper) line(off int64, p []byte, states []state) error {
	if bytes.Equal(p, d.bytes) && slices.Equal(states, d.states) {
		if d.folded {
			return nil
		}
		d.folded = true
		_, err := d.out.WriteString("*\n")
		return err
	}
	d.bytes, d.states, d.folded = p, states, false
	line := fmt.Appendf(d.out.AvailableBuffer(), "%08x  ", uint64(d.base)+uint64(off))
	for i := range dumpWidth {
		line = appendHex(line, p, states, i)
		if i%8 == 7 {
			line = append(line, ' ')
		}
	}
	line = append(line, '|')
	for i, b := range p {
		line = append(line, text(b, states[i]))
	}
	line = append(line, "|\n"...)
	_, err := d.out.Write(line)
	return err
}

func appendHex(line, p []byte, states []state, i int) []byte {
	switch {
	case i >= len(p):
		return append(line, "   "...)
	case states[i] == bad:
		return append(line, "?? "...)
	}
	return append(line, hexDigits[p[i]>>4], hexDigits[p[i]&15], ' ')
}

// text is how a byte looks as text.
func text(b byte, s state) byte {
	switch {
	case s == bad:
		return '?'
	case b < ' ' || b > '~':
		return '.'
	}
	return b
}
