package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
)

// earlier is the files that a file of results holds. The zero value holds none.
type earlier struct {
	done  map[string]bool // true: it went well
	again bool            // those that failed are to be done again

	skipped, failed atomic.Int64 // how many were met again, and how many of those had failed
}

// has reports whether a file need not be done.
func (e *earlier) has(name string) bool {
	well, known := e.done[name]
	if !known || !well && e.again {
		return false
	}
	e.skipped.Add(1)
	if !well {
		e.failed.Add(1)
	}
	return true
}

// open opens a file of results to append to it, and makes it if there is none. A last line
// that was cut short is dropped.
func (e *earlier) open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, usage("--resume %s: cannot write the file: %v", path, bare(err))
	}
	err = regular(f)
	whole := int64(0)
	if err == nil {
		err = hold(f)
	}
	if err == nil {
		whole, err = e.read(f)
	}
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, usage("--resume %s: %v", path, bare(err))
	}
	return f, nil
}

// regular refuses what does not end.
func regular(f *os.File) error {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	return err
}

// read takes the lines in, and is how many bytes they have.
func (e *earlier) read(r io.Reader) (whole int64, err error) {
	e.done = map[string]bool{}
	lines := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && cutShort(line, n == 1) {
			break
		}
		if err == io.EOF {
			err = errNoResult
		}
		if err == nil {
			err = e.take(line)
		}
		if err != nil {
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		whole += int64(len(line))
	}
	return whole, nil
}

// errNoResult is that a file is left as it is.
var errNoResult = errors.New("it is no result of a map: name another file")

// cutShort reports whether the rest of a file, behind its last newline, is the beginning of a
// line, or nothing. A machine that went down may have left NULs in its place, but a file of
// nothing else is another.
func cutShort(rest []byte, only bool) bool {
	const begin = `{"file":"`
	text := string(bytes.TrimRight(rest, "\x00"))
	if only && text == "" {
		return len(rest) == 0
	}
	return strings.HasPrefix(text, begin) || strings.HasPrefix(begin, text)
}

// take takes in a line. The last of a file counts.
func (e *earlier) take(line []byte) error {
	var l struct {
		File   *string         `json:"file"`
		Base64 []byte          `json:"file_base64"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(line, &l); err != nil || l.File == nil {
		return errNoResult
	}
	name := *l.File
	if l.Base64 != nil {
		name = string(l.Base64)
	}
	e.done[name] = l.Error == nil
	return nil
}
