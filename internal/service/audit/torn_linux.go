package audit

import (
	"bytes"
	"io"
	"time"
)

// mend ends the line of a file that does not end with a newline, as a crash leaves
// it, with a record behind it that says so. What is there stays: it may be evidence,
// and more than a record holds. While the disk is full, the next line ends it.
func (f *file) mend() error {
	tail, err := f.tail()
	if err != nil || len(tail) == 0 {
		return err
	}
	f.torn = true
	_ = f.write(appendJSON(nil, &Record{Event: EventTorn, Time: time.Now(), Error: string(tail)})) // Before says so
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
