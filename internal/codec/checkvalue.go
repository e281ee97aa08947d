package codec

import "fmt"

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
		step, err := c.valueKey()
		if err != nil {
			return below("[key "+indexStep(i)+"]", err)
		}
		if err := c.value(); err != nil {
			return below(step.text(), err)
		}
	}
	c.depth--
	return nil
}

// A keyRef remembers a key until an error needs it.
type keyRef struct {
	name []byte // of a text key
	arg  uint64
}

func (k keyRef) text() string {
	if k.name != nil {
		return keyStep(string(k.name))
	}
	return keyStep(k.arg)
}

// valueKey checks a key, of the types that EncodeValue allows.
func (c *checker) valueKey() (keyRef, error) {
	h, err := c.head()
	if err != nil {
		return keyRef{}, below("", err)
	}
	if err := c.charge(1, boxedSize); err != nil {
		return keyRef{}, err
	}
	switch {
	case h.major == majorText:
		name, err := c.text(h)
		return keyRef{name: name}, err
	case h.major == majorUint, h.major == majorNeg:
		return c.integerKey(h)
	case h.isFloat() && h.isNaN():
		return keyRef{}, refuse("a key that is not a number")
	case h.isBool(), h.isFloat():
		return keyRef{arg: h.arg}, nil
	}
	return keyRef{}, refuse("a key that is %s", h)
}

// integerKey refuses what would decode to a *big.Int: keys compare by pointer.
func (c *checker) integerKey(h head) (keyRef, error) {
	if h.arg > 1<<63-1 {
		return keyRef{}, refuse("a key that is an integer of more than 64 bits")
	}
	return keyRef{arg: h.arg}, nil
}

// valueTag allows times, as RFC 3339 text, and integers of any size.
func (c *checker) valueTag(h head) error {
	tag := h.arg
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
