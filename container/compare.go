package container

import (
	"bytes"
	"context"
)

const (
	compareWindow = 256 << 10 // bytes that are compared at a time
	compareBytes  = 64 << 10  // bytes that are fetched rather than told apart by their hashes
	compareFirst  = 1 << 20   // bytes whose hashes are compared first,
	compareMost   = 256 << 20 // and later
)

// comparesElsewhere is a Container that stays in another process, which compares it with
// what stays there too. ok is false when b does not.
type comparesElsewhere interface {
	CompareContext(ctx context.Context, b Container, n int64) (at int64, ok bool, err error)
}

// Compare is the offset of the first byte that is not the same in a and b; when one is the
// beginning of the other, the size of the shorter; or -1. What stays in one other process is
// compared there. Where only one of them does, or they stay in two, SHA-256 sums of parts
// cross instead of the bytes: some 20 + log2(size) round trips, and twice the bytes up to
// the difference are hashed. It ends early, with ctx's error, when ctx ends.
func Compare(ctx context.Context, a, b Container) (int64, error) {
	n := min(a.Size(), b.Size())
	at, err := compare(ctx, a, b, n)
	if err == nil && at < 0 && a.Size() != b.Size() {
		at = n
	}
	return at, err
}

func compare(ctx context.Context, a, b Container, n int64) (int64, error) {
	far, isFar := a.(comparesElsewhere)
	_, other := b.(comparesElsewhere)
	if isFar && other {
		if at, ok, err := far.CompareContext(ctx, b, n); ok {
			return at, err
		}
	}
	if isFar || other {
		return compareSums(ctx, a, b, n)
	}
	return compareWindows(ctx, a, b, span{0, n})
}

// compareWindows compares what is in w.
func compareWindows(ctx context.Context, a, b Container, w span) (int64, error) {
	room := make([]byte, 2*min(w.n, compareWindow))
	for w.n > 0 {
		n := min(w.n, compareWindow)
		x, y := room[:n], room[len(room)/2:][:n]
		if err := readFull(ctx, a, x, w.off); err != nil {
			return -1, err
		}
		if err := readFull(ctx, b, y, w.off); err != nil {
			return -1, err
		}
		if !bytes.Equal(x, y) {
			return w.off + firstDifference(x, y), nil
		}
		w = span{w.off + n, w.n - n}
	}
	return -1, ctx.Err()
}

// firstDifference is where x and y, which differ, do so first.
func firstDifference(x, y []byte) int64 {
	for i := range x {
		if x[i] != y[i] {
			return int64(i)
		}
	}
	return -1
}

// compareSums compares the first n bytes, ever longer parts of them at a time.
func compareSums(ctx context.Context, a, b Container, n int64) (int64, error) {
	at, err := compareWindows(ctx, a, b, span{0, min(n, compareBytes)})
	if at >= 0 || err != nil {
		return at, err
	}
	size := int64(compareFirst)
	for off := int64(compareBytes); off < n; {
		w := span{off, min(size, n-off)}
		same, err := sameSums(ctx, a, b, w)
		if err == nil && !same {
			at, err = bisect(ctx, a, b, w)
		}
		if at >= 0 || err != nil {
			return at, err
		}
		off, size = off+w.n, min(4*size, compareMost)
	}
	return -1, nil
}

// bisect is where w differs, or -1 if that has changed meanwhile.
func bisect(ctx context.Context, a, b Container, w span) (int64, error) {
	for w.n > compareBytes {
		half := span{w.off, w.n / 2}
		same, err := sameSums(ctx, a, b, half)
		if err != nil {
			return -1, err
		}
		if same {
			half = span{w.off + half.n, w.n - half.n}
		}
		w = half
	}
	return compareWindows(ctx, a, b, w)
}

func sameSums(ctx context.Context, a, b Container, w span) (bool, error) {
	x, err := w.sum(ctx, a)
	if err != nil {
		return false, err
	}
	y, err := w.sum(ctx, b)
	return x == y, err
}

func (w span) sum(ctx context.Context, c Container) (sum [32]byte, err error) {
	part, err := c.Slice(w.off, w.n)
	if err != nil {
		return sum, err
	}
	defer part.Close()
	return SHA256(ctx, part)
}
