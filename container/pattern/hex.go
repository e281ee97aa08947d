package pattern

import (
	"fmt"
	"strconv"
	"strings"
)

// maxGaps is how many gaps of a choice of lengths a hex pattern may have: each costs a
// search of its own.
const maxGaps = 32

// gap is how many bytes of any kind lie between two runs.
type gap struct{ least, most int }

// hexReader reads a hex pattern.
type hexReader struct {
	s    string
	i    int
	runs []run
	gaps []gap // gaps[i] is before runs[i]
	gap  gap   // what has been read since the last byte that was given
}

func compileHex(s string) (fixed, error) {
	h := &hexReader{s: s}
	for h.skip(); h.i < len(s); h.skip() {
		if err := h.item(); err != nil {
			return nil, fmt.Errorf("hex pattern: %w", err)
		}
	}
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("hex pattern: %w", err)
	}
	if len(h.runs) == 1 {
		return newFinder(h.runs[0].plain()), nil
	}
	return newGapped(h.runs, h.gaps), nil
}

func (h *hexReader) skip() {
	for h.i < len(h.s) && strings.IndexByte(" \t\r\n", h.s[h.i]) >= 0 {
		h.i++
	}
}

// item reads a byte or a gap.
func (h *hexReader) item() error {
	if h.s[h.i] == '[' {
		return h.jump()
	}
	text := h.s[h.i:min(h.i+2, len(h.s))]
	value, mask, ok := hexByte(text)
	if !ok {
		return fmt.Errorf("%q at %d is no byte; they are written 4D, ??, 4?, ?D, [6] or [2-6]", text, h.i)
	}
	if mask != 0 {
		h.give(value, mask)
	} else if err := h.widen(1, 1); err != nil {
		return err
	}
	h.i += 2
	return nil
}

// hexByte is what two digits, either of which may be a question mark, stand for.
func hexByte(s string) (value, mask byte, ok bool) {
	if len(s) != 2 {
		return 0, 0, false
	}
	for _, c := range []byte(s) {
		value, mask = value<<4, mask<<4
		if c == '?' {
			continue
		}
		d, err := strconv.ParseUint(string(c), 16, 8)
		if err != nil {
			return 0, 0, false
		}
		value, mask = value|byte(d), mask|0xF
	}
	return value, mask, true
}

// give adds a byte to the last run, or begins one if there is a choice of gaps.
func (h *hexReader) give(value, mask byte) {
	if len(h.runs) == 0 || h.gap.least != h.gap.most {
		h.runs, h.gaps = append(h.runs, run{}), append(h.gaps, h.gap)
		h.gap = gap{}
	}
	r := &h.runs[len(h.runs)-1]
	for range h.gap.least {
		r.value, r.mask = append(r.value, 0), append(r.mask, 0)
	}
	r.value, r.mask = append(r.value, value), append(r.mask, mask)
	h.gap = gap{}
}

// jump reads [6] or [2-6].
func (h *hexReader) jump() error {
	text, _, ok := strings.Cut(h.s[h.i+1:], "]")
	if !ok {
		return fmt.Errorf("the [ at %d is not closed", h.i)
	}
	first, last, both := strings.Cut(text, "-")
	if !both {
		last = first
	}
	least, err1 := strconv.ParseUint(strings.TrimSpace(first), 10, 31)
	most, err2 := strconv.ParseUint(strings.TrimSpace(last), 10, 31)
	if err1 != nil || err2 != nil {
		return fmt.Errorf("\"[%s]\" at %d is no gap; they are written [6] or [2-6]", clip([]byte(text)), h.i)
	}
	if least > most {
		return fmt.Errorf("\"[%s]\" at %d ends before it begins", text, h.i)
	}
	if err := h.widen(int(least), int(most)); err != nil {
		return err
	}
	h.i += len(text) + 2
	return nil
}

func (h *hexReader) widen(least, most int) error {
	if len(h.runs) == 0 {
		return fmt.Errorf("it begins with a gap, at %d: a match begins with a byte that is given", h.i)
	}
	h.gap.least += least
	if h.gap.most += most; h.gap.most > maxSpan {
		return fmt.Errorf("a match could have more than %d bytes", maxSpan)
	}
	return nil
}

// check is the error for what is wrong with all of it.
func (h *hexReader) check() error {
	span := 0
	for i, r := range h.runs {
		span += h.gaps[i].most + len(r.value)
	}
	switch {
	case len(h.runs) == 0:
		return fmt.Errorf("there is no byte in it")
	case h.gap.most > 0:
		return fmt.Errorf("it ends with a gap: a match ends with a byte that is given")
	case span > maxSpan:
		return fmt.Errorf("a match could have more than %d bytes", maxSpan)
	case len(h.runs) > maxGaps+1:
		return fmt.Errorf("it has %d gaps with a choice of lengths, and %d is the most", len(h.runs)-1, maxGaps)
	}
	return nil
}

// plain is the run without its mask, if that leaves nothing out.
func (r run) plain() run {
	for _, m := range r.mask {
		if m != 0xFF {
			return r
		}
	}
	return run{value: r.value}
}
