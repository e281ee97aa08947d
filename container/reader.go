package container

import (
	"bytes"
	"fmt"
	"io"
)

// FromReader is a container of all that r yields until io.EOF, at most
// MaxSpool bytes. What is above InlineMax goes into sealed memory; where the
// system has none, it stays in the memory of this process.
func FromReader(r io.Reader) (Container, error) {
	head, err := io.ReadAll(io.LimitReader(r, InlineMax+1))
	if err != nil {
		return nil, fmt.Errorf("container from a reader: %w", err)
	}
	if len(head) <= InlineMax {
		return FromBytes(head), nil
	}
	c, err := spool(io.LimitReader(io.MultiReader(bytes.NewReader(head), r), MaxSpool+1))
	if err != nil {
		return nil, fmt.Errorf("container from a reader: %w", err)
	}
	if c.Size() > MaxSpool {
		c.Close()
		return nil, fmt.Errorf("container from a reader: it yields more than %d bytes", int64(MaxSpool))
	}
	return c, nil
}
