package codec

import (
	"math/bits"
	"strconv"
	"time"
)

// leaf checks an item that has no items inside, or whose type knows better.
func (c *checker) leaf(n *node, h head) error {
	switch n.kind {
	case kindBool:
		return c.expect(h.isBool(), h, "a boolean")
	case kindInt, kindUint:
		return c.integer(n, h)
	case kindFloat:
		return c.float(n, h)
	case kindString:
		return c.textItem(h)
	case kindBytes, kindByteArray:
		return c.byteString(n, h)
	case kindTime:
		return c.time(h)
	case kindBigInt:
		return c.bigInt(h)
	case kindSelf:
		return c.self(n, h)
	}
	return mismatch(h, "null")
}

func (c *checker) expect(ok bool, h head, want string) error {
	if ok {
		return nil
	}
	return mismatch(h, want)
}

// integer checks that the integer fits its type. The negative -1-arg fits when
// arg does.
func (c *checker) integer(n *node, h head) error {
	width := n.typ.Bits()
	switch {
	case h.major == majorUint && n.kind == kindUint:
	case h.major == majorUint, h.major == majorNeg && n.kind == kindInt:
		width--
	default:
		return mismatch(h, "an integer of "+n.typ.String())
	}
	if bits.Len64(h.arg) > width {
		return refuse("an integer that does not fit %s", n.typ)
	}
	return nil
}

func (c *checker) float(n *node, h head) error {
	if !h.isFloat() {
		return mismatch(h, "a float")
	}
	if h.info == infoFloat64 && n.typ.Bits() == 32 {
		return refuse("a float of 64 bits where one of 32 is wanted")
	}
	return nil
}

func (c *checker) textItem(h head) error {
	if h.major != majorText {
		return mismatch(h, "text")
	}
	_, err := c.text(h)
	return err
}

func (c *checker) byteString(n *node, h head) error {
	if h.major != majorBytes {
		return mismatch(h, "bytes")
	}
	if n.kind == kindByteArray && h.arg != uint64(n.typ.Len()) {
		return refuse("%d bytes where %d are wanted", h.arg, n.typ.Len())
	}
	_, err := c.bytes(h)
	return err
}

// time checks RFC 3339 text, so that a year past 9999 fails at its sender.
func (c *checker) time(h head) error {
	if h.major != majorText {
		return mismatch(h, "a time as text")
	}
	b, err := c.bytes(h)
	if err != nil {
		return err
	}
	var t time.Time
	if err := t.UnmarshalText(b); err != nil {
		return refuse("%.64q is not a time of RFC 3339", b)
	}
	return nil
}

func (c *checker) bigInt(h head) error {
	switch {
	case h.major == majorUint || h.major == majorNeg:
		return nil
	case h.major == majorTag && (h.arg == tagBigPos || h.arg == tagBigNeg):
	default:
		return mismatch(h, "an integer of any size")
	}
	h, err := c.head()
	if err != nil {
		return below("", err)
	}
	return c.byteString(&node{kind: kindBytes}, h)
}

// self checks the item of a type that marshals itself.
func (c *checker) self(n *node, h head) error {
	switch n.form {
	case selfBinary:
		return c.byteString(n, h)
	case selfText:
		return c.textItem(h)
	}
	return c.anything(h)
}

// anything checks that an item which a type will read for itself is sound.
func (c *checker) anything(h head) error {
	switch h.major {
	case majorBytes:
		_, err := c.bytes(h)
		return err
	case majorText:
		_, err := c.text(h)
		return err
	case majorArray:
		return c.parts(h.arg, 1)
	case majorMap:
		return c.parts(h.arg, 2)
	case majorTag:
		return c.parts(1, 1)
	case majorOther:
		return c.expect(h.isNull() || h.isBool() || h.isFloat(), h, "a value")
	}
	return nil
}

// parts checks count groups of width items.
func (c *checker) parts(count uint64, width int) error {
	if err := c.open(count, width); err != nil {
		return err
	}
	for i := range int(count) * width {
		h, err := c.head()
		if err == nil {
			err = c.anything(h)
		}
		if err != nil {
			return below(indexStep(i/width), err)
		}
	}
	c.depth--
	return nil
}

func indexStep(i int) string { return "[" + strconv.Itoa(i) + "]" }
