package shell

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// destination is the file that a reply goes to. It is opened before the call, so
// that nothing is done whose result cannot be kept, and emptied when the first
// byte comes.
type destination struct {
	f    *os.File
	made bool // by this call: it is removed when that fails
	used bool
	kept bool
}

// openDestination opens the file at path, or makes it, for its owner alone: what
// a daemon hands out may not be for everybody. "" is no file.
func openDestination(path string) (*destination, error) {
	if path == "" {
		return &destination{}, nil
	}
	const private = 0o600
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, private)
	made := err == nil
	if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(path, os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, Usagef("--output %s cannot be written: %v", path, bare(err))
	}
	return &destination{f: f, made: made}, nil
}

// Write writes p behind what was written before.
func (d *destination) Write(p []byte) (int, error) {
	if err := d.begin(); err != nil {
		return 0, err
	}
	return d.f.Write(p)
}

// begin takes away what the file held. What has no end to be cut off, like a
// pipe, stays as it is.
func (d *destination) begin() error {
	if d.used {
		return nil
	}
	d.used = true
	if info, err := d.f.Stat(); err == nil && info.Mode().IsRegular() {
		return d.f.Truncate(0)
	}
	return nil
}

// keep closes the file after all went well.
func (d *destination) keep() error {
	if d.f == nil || d.kept {
		return nil
	}
	d.kept = true
	err := d.begin() // also when nothing came
	if err = errors.Join(err, d.f.Close()); err != nil {
		return Failf(Failed, "the reply cannot be written: %v", bare(err))
	}
	return nil
}

// abandon closes the file unless it was kept, and removes it if it is new.
func (d *destination) abandon() {
	if d.f == nil || d.kept {
		return
	}
	d.f.Close()
	if d.made {
		os.Remove(d.f.Name())
	}
}

var _ io.Writer = (*destination)(nil)
