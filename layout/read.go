package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// window is how many bytes are read at a time where the size is not known: of a cstring.
const window = 128

// EndError says that the bytes end before a structure does. It matches
// io.ErrUnexpectedEOF.
type EndError struct {
	Struct string // the name of the structure that was read
	Field  string // the path of the field that is not there: "DataDirectory[3].Size"
	Offset int64  // where that begins
	Size   int64  // bytes that it has
}

func (e *EndError) Error() string {
	return fmt.Sprintf("%s: the bytes end before the %d of %s at %#x", e.Struct, e.Size, e.Field, e.Offset)
}

// Unwrap is io.ErrUnexpectedEOF.
func (e *EndError) Unwrap() error { return io.ErrUnexpectedEOF }

// Read reads the structure at off of r, with one ReadAt where its size is known. It fails,
// naming the field and its offset, with an *EndError when the bytes end before it does,
// with r's error, and when a cstring has no end within its bound.
func (s *Struct) Read(r io.ReaderAt, off int64, order Order) (Record, error) {
	if off < 0 || off > 1<<63-1-maxSize {
		return Record{}, fmt.Errorf("%s: there are no bytes at %d", s.name, off)
	}
	c := &cursor{r: r, s: s, base: off, at: off, order: order, ahead: window}
	if s.t.fixed {
		c.ahead = s.t.size
	}
	v, err := c.value("", &s.t, nil)
	if err != nil {
		return Record{}, err
	}
	return v.Record(), nil
}

// cursor goes through the bytes of one structure.
type cursor struct {
	r     io.ReaderAt
	s     *Struct
	order Order
	at    int64  // of the next value
	base  int64  // of buf
	buf   []byte // what was read there
	ahead int64  // bytes to read at once
	path  []string
}

// take is the next n bytes, which are c's.
func (c *cursor) take(n int64) ([]byte, error) {
	have, err := c.fill(n)
	if int64(len(have)) < n {
		return nil, c.short(n, err)
	}
	c.at += n
	return have[:n], nil
}

// fill is at least n bytes at c.at, or fewer and an error. It does not move on.
func (c *cursor) fill(n int64) ([]byte, error) {
	if have := c.buf[min(c.at-c.base, int64(len(c.buf))):]; int64(len(have)) >= n {
		return have, nil
	}
	c.base, c.buf = c.at, make([]byte, max(n, c.ahead))
	got, err := c.r.ReadAt(c.buf, c.at)
	c.buf = c.buf[:max(0, min(got, len(c.buf)))]
	return c.buf, err
}

// short tells why there were not n bytes.
func (c *cursor) short(n int64, err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &EndError{Struct: c.s.name, Field: c.field(), Offset: c.at, Size: n}
	}
	return fmt.Errorf("%s: %s at %#x: %w", c.s.name, c.field(), c.at, err)
}

// field is the path of the field that is being read.
func (c *cursor) field() string {
	var b []byte
	for _, p := range c.path {
		if len(b) > 0 && p[0] != '[' {
			b = append(b, '.')
		}
		b = append(b, p...)
	}
	return string(b)
}

func (c *cursor) value(name string, t *typ, notes Notes) (Value, error) {
	v := Value{name: name, t: t, order: t.orderOf(c.order), off: c.at, notes: notes}
	if name != "" {
		c.path = append(c.path, name)
		defer func() { c.path = c.path[:len(c.path)-1] }()
	}
	var err error
	switch t.kind {
	case kindArray:
		err = c.elements(&v)
	case kindStruct:
		err = c.fields(&v)
	case kindCString:
		v.raw, err = c.cstring(t.size)
	default:
		v.raw, err = c.take(t.size)
	}
	v.size = c.at - v.off
	return v, err
}

func (c *cursor) elements(v *Value) error {
	v.list = make([]Value, v.t.count)
	for i := range v.list {
		var err error
		v.list[i], err = c.value("["+strconv.Itoa(i)+"]", v.t.elem, v.notes)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cursor) fields(v *Value) error {
	v.list = make([]Value, len(v.t.of.fields))
	for i, f := range v.t.of.fields {
		var err error
		v.list[i], err = c.value(f.name, f.t, f.notes)
		if err != nil {
			return err
		}
	}
	return nil
}

// cstring is the bytes before the next NUL, which is passed over; with it they are at most
// most bytes.
func (c *cursor) cstring(most int64) ([]byte, error) {
	for n := min(window, most); ; n = min(2*n, most) {
		have, err := c.fill(n)
		have = have[:min(int64(len(have)), most)]
		if i := bytes.IndexByte(have, 0); i >= 0 {
			c.at += int64(i) + 1
			return have[:i], nil
		}
		switch {
		case int64(len(have)) < n:
			return nil, c.short(int64(len(have))+1, err)
		case n == most:
			return nil, fmt.Errorf("%s: %s at %#x: no NUL ends it within %d bytes", c.s.name, c.field(), c.at, most)
		}
	}
}
