package container

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/outwork-go/outwork/container/internal/xxh3"
)

// hashWindow is how many bytes are hashed at a time.
const hashWindow = 1 << 20

// Names of hashes, where one process asks another for them.
const (
	HashSHA256 = "sha256"
	HashXXH3   = "xxh3"
	HashCRC32  = "crc32"
)

// hashesElsewhere is a Container whose bytes stay in another process, which hashes them
// there.
type hashesElsewhere interface {
	HashContext(ctx context.Context, algorithm string) ([]byte, error)
}

// Hash is the hash of c's bytes by the algorithm of that name: HashSHA256, HashXXH3 or
// HashCRC32, 32, 8 or 4 bytes, the first of them the highest. Else it is as SHA256.
func Hash(ctx context.Context, c Container, algorithm string) ([]byte, error) {
	h, err := NewHash(algorithm)
	if err != nil {
		return nil, err
	}
	if e, ok := c.(hashesElsewhere); ok {
		sum, err := e.HashContext(ctx, algorithm)
		if err == nil && len(sum) != h.Size() {
			err = fmt.Errorf("a %s of %d bytes", algorithm, len(sum))
		}
		return sum, err
	}
	if err := hashInto(ctx, c, h); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}

// NewHash is the hash of that name, of nothing yet.
func NewHash(algorithm string) (hash.Hash, error) {
	switch algorithm {
	case HashSHA256:
		return sha256.New(), nil
	case HashXXH3:
		return xxh3.New(), nil
	case HashCRC32:
		return crc32.NewIEEE(), nil
	}
	return nil, fmt.Errorf("there is no hash %.40q; known: %s, %s, %s", algorithm, HashSHA256, HashXXH3, HashCRC32)
}

// SHA256 is the hash of c's bytes. What stays in another process is hashed there. It
// ends early, with ctx's error, when ctx ends.
func SHA256(ctx context.Context, c Container) (sum [sha256.Size]byte, err error) {
	if e, ok := c.(elsewhere); ok {
		return e.SHA256Context(ctx)
	}
	b, err := Hash(ctx, c, HashSHA256)
	copy(sum[:], b)
	return sum, err
}

// XXH3 is the 64 bits of the hash XXH3, with the seed 0, of c's bytes: quick, and good
// against chance but not against anybody. Else it is as SHA256.
func XXH3(ctx context.Context, c Container) (uint64, error) {
	b, err := Hash(ctx, c, HashXXH3)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// CRC32 is the checksum of c's bytes by the IEEE's polynomial, as of gzip and zip. Else it
// is as SHA256.
func CRC32(ctx context.Context, c Container) (uint32, error) {
	b, err := Hash(ctx, c, HashCRC32)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

// hashInto writes all of c to h, window by window.
func hashInto(ctx context.Context, c Container, h io.Writer) error {
	buf := make([]byte, min(c.Size(), hashWindow))
	for off := int64(0); off < c.Size(); {
		part := buf[:min(int64(len(buf)), c.Size()-off)]
		if err := readFull(ctx, c, part, off); err != nil {
			return err
		}
		h.Write(part)
		off += int64(len(part))
	}
	return ctx.Err()
}

// readFull fills p from off, or fails.
func readFull(ctx context.Context, c Container, p []byte, off int64) error {
	n, err := ReadAt(ctx, c, p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
