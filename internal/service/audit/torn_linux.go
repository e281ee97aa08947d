package audit

import (
	"bytes"
	"fmt"
	"io"
	"time"
)

// mend deals with a file that does not end with a newline, as a crash leaves it:
// what follows the last newline becomes part of a record that says so.
func (f *file) mend() error {
	tail, err := f.tail()
	if err != nil || len(tail) == 0 {
		return err
	}
	if err := f.f.Truncate(f.end - int64(len(tail))); err != nil { // it may be for appending only
		f.torn = true
		return nil
	}
	f.end -= int64(len(tail))
	line := appendJSON(nil, &Record{Event: EventTorn, Time: time.Now(), Error: string(tail)})
	if err := f.write(line); err != nil {
		return fmt.Errorf("mend the torn end: %w", err)
	}
	return nil
}

// tail returns what follows the last newline, or the last MaxLine bytes of it.
func (f *file) tail() ([]byte, error) {
	b := make([]byte, min(f.end, MaxLine))
	if _, err := f.f.ReadAt(b, f.end-int64(len(b))); err != nil && err != io.EOF {
		return nil, err
	}
	return b[bytes.LastIndexByte(b, '\n')+1:], nil
}
