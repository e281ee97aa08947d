package codec

import (
	"fmt"
	"math"
	"strconv"
)

// What the parts of a decoded script value take in memory, in bytes.
const (
	anySize   = 16 // an interface
	boxedSize = 16 // a number behind it, or less than a string's header
	listSize  = 24 // a slice header behind it
	timeSize  = 24
)

// checkValue checks the CBOR of a script's value.
func checkValue(data []byte) error {
	c := newChecker(data, false)
	if err := c.value(); err != nil {
		return fmt.Errorf("value%w", err)
	}
	if c.pos < len(data) {
		return fmt.Errorf("value: %d bytes after its end", len(data)-c.pos)
	}
	if c.pos > MaxMessage {
		return fmt.Errorf("value: %d bytes of CBOR are more than the %d of a message", c.pos, MaxMessage)
	}
	return nil
}

// value checks one item of which the type is not known.
func (c *checker) value() error {
	h, err := c.head()
	if err != nil {
		return below("", err)
	}
	switch h.major {
	case majorArray:
		return c.valueList(h)
	case majorMap:
		return c.valueMap(h)
	case majorTag:
		return c.valueTag(h)
	}
	if err := c.charge(1, boxedSize); err != nil {
		return err
	}
	return c.anything(h)
}

func (c *checker) valueList(h head) error {
	if err := c.open(h.arg, 1); err != nil {
		return err
	}
	if err := c.charge(1, listSize+int64(h.arg)*anySize); err != nil {
		return err
	}
	for i := range int(h.arg) {
		if err := c.value(); err != nil {
			return below(indexStep(i), err)
		}
	}
	c.depth--
	return nil
}

func (c *checker) valueMap(h head) error {
	if err := c.open(h.arg, 2); err != nil {
		return err
	}
	if err := c.chargeMap(h.arg, 2*anySize); err != nil {
		return err
	}
	for i := range int(h.arg) {
		name, err := c.valueKey()
		if err != nil {
			return below("[key "+strconv.Itoa(i)+"]", err)
		}
		if err := c.value(); err != nil {
			return below(pairStep(i, name), err)
		}
	}
	c.depth--
	return nil
}

// pairStep is the step of a path to the i-th value of a map.
func pairStep(i int, name []byte) string {
	if name == nil {
		return indexStep(i)
	}
	return keyStep(string(name))
}

// valueKey checks a key, of the types that EncodeValue allows, and returns the
// text of a string.
func (c *checker) valueKey() (name []byte, err error) {
	h, err := c.head()
	if err != nil {
		return nil, below("", err)
	}
	if err := c.charge(1, boxedSize); err != nil {
		return nil, err
	}
	switch {
	case h.major == majorText:
		return c.text(h)
	case (h.major == majorUint || h.major == majorNeg) && h.arg > math.MaxInt64:
		return nil, refuse("a key that is an integer beyond int64") // pointers do not compare
	case h.isFloat() && h.isNaN():
		return nil, refuse("a key that is not a number")
	case h.major == majorUint, h.major == majorNeg, h.isBool(), h.isFloat():
		return nil, nil
	}
	return nil, refuse("a key that is %s", h)
}

// valueTag allows times, as RFC 3339 text, integers of any size, sets, tuples and
// exceptions.
func (c *checker) valueTag(h head) error {
	tag := h.arg
	if tag == tagSet || tag == tagTuple || tag == tagException {
		return c.valueTagged(tag)
	}
	if tag == tagBigPos || tag == tagBigNeg {
		if err := c.charge(1, 2*timeSize); err != nil {
			return err
		}
		return c.bigInt(h)
	}
	if tag != tagTime {
		return refuse("the tag %d is not for values", tag)
	}
	h, err := c.head()
	if err != nil {
		return below("", err)
	}
	if err := c.charge(1, timeSize); err != nil {
		return err
	}
	return c.time(h)
}

// valueTagged checks what a tag of package codec's own kinds stands before.
func (c *checker) valueTagged(tag uint64) error {
	h, err := c.head()
	if err != nil {
		return below("", err)
	}
	if h.major != majorArray {
		return refuse("%s where the tag %d wants an array", h, tag)
	}
	if tag != tagException {
		return c.valueList(h)
	}
	if h.arg != exceptionFields {
		return refuse("an exception of %d texts, not %d", h.arg, exceptionFields)
	}
	return c.texts(exceptionFields)
}

// texts checks n items that must be text.
func (c *checker) texts(n int) error {
	for i := range n {
		h, err := c.head()
		if err == nil && h.major != majorText {
			err = refuse("%s, not text", h)
		}
		if err == nil {
			err = c.charge(1, boxedSize)
		}
		if err == nil {
			_, err = c.text(h)
		}
		if err != nil {
			return below(indexStep(i), err)
		}
	}
	return nil
}
