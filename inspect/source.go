package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/outwork-go/outwork/container"
)

// Bounds of one parse, whatever a file claims. What lies beyond one is left out, with a
// warning.
const (
	maxWarnings  = 100       // and one that says that there were more
	maxReads     = 4 << 20   // reads
	maxRead      = 256 << 20 // bytes read, all together
	maxString    = 4096      // bytes of one name or path
	maxText      = 4 << 20   // bytes of all names together
	maxLibraries = 4096      // that are imported from
	maxSymbols   = 64 << 10  // imported symbols, and exported ones
	maxNodes     = 16 << 10  // nodes of Report.Structure
)

const (
	headSize   = 64      // bytes by which formats are told apart
	blockSize  = 4 << 10 // bytes that a small read fetches
	blockCount = 16      // blocks that are kept
)

var (
	errReads = errors.New("the file makes its parser read too much")
	errText  = fmt.Errorf("the names in the file have more than %d bytes", maxText)
)

// source is the container of one parse: an io.ReaderAt that tells a container that cannot
// be read from a file that is broken, and gathers small reads. It is for one goroutine.
type source struct {
	ctx    context.Context
	c      container.Container
	size   int64
	failed error // why the parse has no result: ctx ended, or c could not be read

	reads, bytes int64 // so far
	text         int64 // bytes of names so far
	blocks       [blockCount]block
}

// block is a piece of the container that was read.
type block struct {
	number int64 // plus one; 0: none
	b      []byte
}

func newSource(ctx context.Context, c container.Container) *source {
	return &source{ctx: ctx, c: c, size: c.Size()}
}

// ReadAt reads as io.ReaderAt says. It fails beyond the bounds of a parse, and for good
// once ctx has ended or the container could not be read: failed says why.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if s.failed == nil && s.ctx.Err() != nil {
		s.failed = s.ctx.Err()
	}
	switch {
	case s.failed != nil:
		return 0, s.failed
	case off < 0 || off >= s.size:
		return 0, io.EOF
	}
	if s.reads++; s.reads > maxReads {
		return 0, errReads
	}
	n := 0
	for n < len(p) && len(p) <= blockSize && off+int64(n) < s.size {
		b, err := s.block((off + int64(n)) / blockSize)
		if err != nil {
			return n, err
		}
		from := (off + int64(n)) % blockSize
		if from >= int64(len(b)) {
			return n, io.EOF
		}
		n += copy(p[n:], b[from:])
	}
	if len(p) > blockSize {
		return s.read(p, off)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *source) block(number int64) ([]byte, error) {
	kept := &s.blocks[number%blockCount]
	if kept.number == number+1 {
		return kept.b, nil
	}
	b := make([]byte, min(blockSize, s.size-number*blockSize))
	n, err := s.read(b, number*blockSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	*kept = block{number + 1, b[:n]}
	return kept.b, nil
}

func (s *source) read(p []byte, off int64) (int, error) {
	if s.bytes += int64(len(p)); s.bytes > maxRead {
		return 0, errReads
	}
	n, err := container.ReadAt(s.ctx, s.c, p, off)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	s.failed = fmt.Errorf("read at %#x: %w", off, err)
	if s.ctx.Err() != nil {
		s.failed = s.ctx.Err()
	}
	return n, s.failed
}

// head is the beginning of the container.
func (s *source) head() []byte {
	b := make([]byte, min(headSize, s.size))
	n, _ := s.ReadAt(b, 0)
	return b[:n]
}

// cstring is the text at off that a NUL, n bytes or the end of the file ends. It fails when
// it has more than maxString bytes.
func (s *source) cstring(off, n int64) (string, error) {
	b, err := s.until(off, maxString)
	b = b[:min(int64(len(b)), n)]
	switch {
	case err != nil:
		return "", err
	case len(b) > maxString:
		return "", fmt.Errorf("the text at %#x has more than %d bytes", off, maxString)
	}
	if s.text += int64(len(b)); s.text > maxText {
		return "", errText
	}
	return readable(b), nil
}

// until is the bytes at off before the next NUL or the end; more than most, if there is
// none in as many.
func (s *source) until(off int64, most int) ([]byte, error) {
	if off < 0 || off >= s.size {
		return nil, fmt.Errorf("%#x lies outside the file", off)
	}
	for n := min(64, most+1); ; n = min(4*n, most+1) {
		b := make([]byte, n)
		got, err := s.ReadAt(b, off)
		if i := bytes.IndexByte(b[:got], 0); i >= 0 {
			return b[:i], nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return b[:got], nil
		case err != nil:
			return nil, err
		case n == most+1:
			return b, nil
		}
	}
}

// readable is b as UTF-8: where it is not, bytes above ASCII are written as \xNN.
func readable(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for _, c := range b {
		if c < utf8.RuneSelf {
			out.WriteByte(c)
		} else {
			out.WriteString(`\x` + strconv.FormatUint(uint64(c), 16))
		}
	}
	return out.String()
}

// short is a name as a node shows it.
func short(name string) string {
	const most = 128
	if len(name) > most {
		return strconv.QuoteToASCII(name[:most]) + "..."
	}
	return strconv.QuoteToASCII(name)
}

// padded is s with zeros from end on.
func (s *source) padded(end int64) io.ReaderAt { return padded{s, end} }

type padded struct {
	src *source
	end int64
}

func (r padded) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, io.EOF
	}
	n := 0
	if have := min(int64(len(p)), r.end-off); have > 0 {
		var err error
		n, err = r.src.ReadAt(p[:have], off)
		if err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
	}
	clear(p[n:])
	return len(p), nil
}
