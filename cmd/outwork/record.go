package main

import (
	"os"
	"sync"
)

// recordFile is the file of --record. The manager goes on when writing to it fails; the
// first error is kept.
type recordFile struct {
	f *os.File

	mu  sync.Mutex
	err error
}

func createRecord(path string) (*recordFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, usage("--record %s: cannot write the file: %v", path, bare(err))
	}
	return &recordFile{f: f}, nil
}

// Write writes to the file.
func (r *recordFile) Write(p []byte) (int, error) {
	n, err := r.f.Write(p)
	r.keep(err)
	return n, err
}

func (r *recordFile) keep(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
}

// Close closes the file, and returns the first error that there ever was.
func (r *recordFile) Close() error {
	r.keep(r.f.Close())
	return r.err
}
