package codec

import (
	"strconv"
	"unicode/utf8"
)

// keySet holds the keys of a map that is skipped. The zero value is empty.
type keySet map[string]struct{}

// add reports whether key was not there before.
func (s *keySet) add(key string) bool {
	if _, ok := (*s)[key]; ok {
		return false
	}
	if *s == nil {
		*s = keySet{}
	}
	(*s)[key] = struct{}{}
	return true
}

// unknownField passes over a field that this side does not know.
func (c *checker) unknownField(seen *keySet, name []byte) error {
	if !utf8.Valid(name) {
		return refuse("the name of a field is not UTF-8")
	}
	step := keyStep(string(name))
	if !seen.add(string(name)) {
		return below(step, refuse("the field is there twice"))
	}
	return below(step, c.skip())
}

// skip passes over an item of any kind, and checks it as if it were wanted.
func (c *checker) skip() error {
	h, err := c.head()
	if err != nil {
		return below("", err)
	}
	switch h.major {
	case majorArray:
		return c.skipGroups(h.arg, 1, c.skip)
	case majorMap:
		return c.skipMap(h)
	case majorTag:
		return c.skipGroups(1, 1, c.skip)
	}
	return c.anything(h)
}

// skipGroups passes over count groups of items, each of width bytes or more.
func (c *checker) skipGroups(count uint64, width int, group func() error) error {
	if err := c.open(count, width); err != nil {
		return err
	}
	for i := range int(count) {
		if err := group(); err != nil {
			return below(indexStep(i), err)
		}
	}
	c.depth--
	return nil
}

func (c *checker) skipMap(h head) error {
	if err := c.chargeMap(min(h.arg, MaxElements), keySize); err != nil {
		return err
	}
	var seen keySet
	return c.skipGroups(h.arg, 2, func() error {
		key, err := c.skipKey()
		if err != nil {
			return err
		}
		if !seen.add(key) {
			return refuse("a key is there twice")
		}
		return c.skip()
	})
}

// keySize is what remembering a key takes, without its text: a string's header.
const keySize = 16

// skipKey passes over a key, and returns what tells it from others, in whatever
// length its head was written.
func (c *checker) skipKey() (string, error) {
	start := c.pos
	h, err := c.head()
	if err != nil {
		return "", below("", err)
	}
	body := c.pos
	c.pos = start
	if err := c.skip(); err != nil {
		return "", err
	}
	kind := string(rune('0' + h.major))
	switch h.major {
	case majorUint, majorNeg:
		return kind + strconv.FormatUint(h.arg, 10), nil
	case majorText, majorBytes:
		return kind + string(c.data[body:c.pos]), nil
	}
	return kind + string(c.data[start:c.pos]), nil
}
