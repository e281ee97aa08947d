package hexview

import (
	"bytes"
	"io"
)

const (
	keysRead  = 4 << 10 // bytes that are read of a terminal at once
	keysAhead = 64      // such reads that wait for a worker
)

// keys are what is typed, for a worker. They are read from the terminal whether it takes
// them or not: a Ctrl-Z, and the last of several Ctrl-C, are for who reads them.
type keys struct {
	typed chan []byte
	rest  []byte // of Read
}

func newKeys() *keys { return &keys{typed: make(chan []byte, keysAhead)} }

// follow reads from to its end. What a worker leaves lying is dropped when it is too much.
func (k *keys) follow(from io.Reader) {
	defer close(k.typed)
	b := make([]byte, keysRead)
	for {
		n, err := from.Read(b)
		if n > 0 {
			select {
			case k.typed <- bytes.Clone(b[:n]):
			default:
			}
		}
		if err != nil {
			return
		}
	}
}

// Read is of io.Reader.
func (k *keys) Read(p []byte) (int, error) {
	for len(k.rest) == 0 {
		b, ok := <-k.typed
		if !ok {
			return 0, io.EOF
		}
		k.rest = b
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}
