package starlark

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/outwork-go/outwork/container"
)

// memory is a container over bytes of a script. Unlike the containers of
// package container it has no kernel object behind it, so scripts can make
// any number.
type memory string

var _ container.Container = memory("")

func (m memory) Size() int64     { return int64(len(m)) }
func (m memory) Immutable() bool { return true }
func (m memory) Close() error    { return nil }

func (m memory) Bytes() ([]byte, error) { return []byte(m), nil }

func (m memory) View(fn func(b []byte) error) error { return fn([]byte(m)) }

func (m memory) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: an offset cannot be negative", off)
	}
	if off >= m.Size() {
		return 0, io.EOF
	}
	n := copy(p, m[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m memory) Find(pattern []byte, from int64) (int64, error) {
	if from < 0 || from > m.Size() {
		return -1, nil
	}
	i := strings.Index(string(m[from:]), string(pattern))
	if i < 0 {
		return -1, nil
	}
	return from + int64(i), nil
}

func (m memory) All(pattern []byte) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		pattern = bytes.Clone(pattern)
		for from := int64(0); ; from++ {
			from, _ = m.Find(pattern, from)
			if from < 0 || !yield(from, nil) {
				return
			}
		}
	}
}

func (m memory) Slice(off, n int64) (container.Container, error) {
	if off < 0 || n < 0 || off > m.Size()-n {
		return nil, fmt.Errorf("slice of %d bytes at %d: the size is %d", n, off, m.Size())
	}
	return m[off : off+n], nil
}
