package container

import (
	"bytes"
	"fmt"
	"io"
)

// spoolAbove is how many bytes of a reader stay on the heap. Sealed memory
// costs a map for as long as the container lives, and Linux allows a process
// 65,530 of them: too few for many small containers.
const spoolAbove = 256 << 10

// FromReader is a container of all that r yields until io.EOF, at most 16 GiB.
// More than 256 KiB go into sealed memory, from which they are passed without
// another copy; where the system has none, they stay on the heap, and are 1 GiB
// at most.
func FromReader(r io.Reader) (Container, error) {
	c, err := readUpTo(r, maxSpool)
	if err != nil {
		return nil, fmt.Errorf("container from a reader: %w", err)
	}
	return c, nil
}

func readUpTo(r io.Reader, limit int64) (Container, error) {
	r = io.LimitReader(r, limit+1)
	head, err := io.ReadAll(io.LimitReader(r, spoolAbove+1))
	if err != nil {
		return nil, err
	}
	c := FromBytes(head)
	if len(head) > spoolAbove {
		c, err = spool(io.MultiReader(bytes.NewReader(head), r))
	}
	if err == nil && c.Size() > limit {
		c.Close()
		return nil, fmt.Errorf("it yields more than %d bytes", limit)
	}
	return c, err
}
