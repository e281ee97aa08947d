package container

import (
	"bytes"
	"iter"
)

// matchBatch is how many matches All finds before it yields them. The bytes
// are let go meanwhile, so that the loop's body may take its time.
const matchBatch = 4096

func (v *view) Find(pattern []byte, from int64) (int64, error) {
	if from < 0 || from > v.n {
		return -1, rangeError(from, int64(len(pattern)), v.n)
	}
	var room [1]int64
	var size int64
	found, _, err := v.search(pattern, from, &size, room[:0])
	if err != nil || len(found) == 0 {
		return -1, err
	}
	return found[0], nil
}

func (v *view) All(pattern []byte) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		found, next, size := make([]int64, 0, matchBatch), int64(0), int64(0)
		for {
			var err error
			found, next, err = v.search(pattern, next, &size, found[:0])
			for _, at := range found {
				if !yield(at, nil) {
					return
				}
			}
			if err != nil {
				yield(-1, err)
				return
			}
			if len(found) < cap(found) {
				return
			}
		}
	}
}

// leastWindow is how small windows become where there are many matches, in bytes.
const leastWindow = 4 << 10

// search appends matches of pattern from from on to found, until that is full
// or the bytes end. It returns where to go on. window is how many bytes it looks at
// together, 0 at first: fewer where found was full after few, because a large window would
// be read once for each time that it is filled.
func (v *view) search(pattern []byte, from int64, window *int64, found []int64) ([]int64, int64, error) {
	src, err := v.use()
	if err != nil {
		return found, from, err
	}
	defer src.release()
	size := int64(len(pattern))
	if size == 0 {
		return found, from, errEmptyPattern
	}
	if *window == 0 {
		*window = src.window()
	}
	var hole gap
	for from <= v.n-size && len(found) < cap(found) {
		start, end, err := v.extentOf(src, from)
		if err != nil {
			return found, from, err
		}
		if start >= hole.at && start < hole.end {
			from = hole.end
			continue
		}
		end = v.touching(src, end, *window+size-1-(end-start))
		if start < hole.at {
			end = min(end, hole.at)
		}
		if from = start; end-from < size {
			from = end // too short for a match
			continue
		}
		n := min(*window+size-1, end-from)
		v.uses.searched(n)
		err = src.with(v.off+from, n, func(b []byte) error {
			found, from = matches(b, pattern, from, found)
			return nil
		})
		if g, ok := v.here(err).(*gap); ok {
			hole = *g
			continue
		}
		if err != nil {
			return found, from, err
		}
		*window = min(max(2*(from-start), leastWindow), src.window())
	}
	return found, from, nil
}

// matches appends matches of pattern in b, whose first byte is at base, to
// found until that is full. It returns where to go on: the windows overlap by
// all but one byte of the pattern, so that no match is missed or told twice.
func matches(b, pattern []byte, base int64, found []int64) ([]int64, int64) {
	next := 0
	for len(found) < cap(found) {
		i := bytes.Index(b[next:], pattern)
		if i < 0 {
			return found, base + int64(len(b)-len(pattern)+1)
		}
		found = append(found, base+int64(next+i))
		next += i + 1
	}
	return found, base + int64(next)
}
