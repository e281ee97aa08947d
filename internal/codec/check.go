package codec

import (
	"strconv"
	"unicode/utf8"
)

// A checker walks over one CBOR item along the type that it is to become, and
// refuses what the cbor package would forgive. It allocates nothing unless it
// fails.
type checker struct {
	data       []byte
	pos        int   // of the next byte to read
	depth      int   // arrays and maps that are open
	budget     int64 // bytes that may yet be allocated
	most       int64 // and at first, when a Rules says so
	positional bool  // structs are arrays here
	loose      bool  // fields that are not known are skipped
}

func newChecker(data []byte, positional bool) checker {
	return Rules{Positional: positional}.checker(data)
}

// item checks the item at pos, and leaves pos behind it.
func (c *checker) item(n *node) error {
	h, err := c.head()
	if err != nil {
		return below("", err)
	}
	return c.body(n, h)
}

// body checks the item whose head was read.
func (c *checker) body(n *node, h head) error {
	if h.isNull() && n.nullable() {
		return nil
	}
	switch n.kind {
	case kindPointer:
		return c.pointer(n, h)
	case kindSlice, kindArray:
		return c.array(n, h)
	case kindMap:
		return c.mapping(n, h)
	case kindStruct:
		return c.structure(n, h)
	}
	return c.leaf(n, h)
}

// pointer checks what a pointer points to.
func (c *checker) pointer(n *node, h head) error {
	if err := c.charge(1, n.elem.size()); err != nil {
		return err
	}
	return c.body(n.elem, h)
}

// array checks the elements of a slice or an array.
func (c *checker) array(n *node, h head) error {
	if h.major != majorArray {
		return mismatch(h, "an array")
	}
	if n.kind == kindArray && h.arg != uint64(n.typ.Len()) {
		return refuse("an array of %d elements where %d are wanted", h.arg, n.typ.Len())
	}
	if err := c.open(h.arg, 1); err != nil {
		return err
	}
	if n.kind == kindSlice {
		if err := c.charge(int64(h.arg), n.elem.size()); err != nil {
			return err
		}
	}
	for i := range int(h.arg) {
		if err := c.item(n.elem); err != nil {
			return below(indexStep(i), err)
		}
	}
	c.depth--
	return nil
}

// mapping checks the pairs of a map, in which every struct is keyed. That no
// key is there twice is for the cbor package to see.
func (c *checker) mapping(n *node, h head) error {
	if h.major != majorMap {
		return mismatch(h, "a map")
	}
	if err := c.open(h.arg, 2); err != nil {
		return err
	}
	if err := c.chargeMap(h.arg, n.key.size()+n.elem.size()); err != nil {
		return err
	}
	defer c.keyed()()
	for i := range int(h.arg) {
		if err := c.item(n.key); err != nil {
			return below("[key "+strconv.Itoa(i)+"]", err)
		}
		if err := c.item(n.elem); err != nil {
			return below(indexStep(i), err)
		}
	}
	c.depth--
	return nil
}

// keyed makes structs keyed until the function that it returns is called.
func (c *checker) keyed() func() {
	before := c.positional
	c.positional = false
	return func() { c.positional = before }
}

// structure checks a struct in the form that it has at this place.
func (c *checker) structure(n *node, h head) error {
	if n.cyclic && c.positional {
		defer c.keyed()()
	}
	if c.positional {
		return c.positionalFields(n, h)
	}
	return c.keyedFields(n, h)
}

func (c *checker) positionalFields(n *node, h head) error {
	if h.major != majorArray {
		return mismatch(h, "an array of fields")
	}
	if h.arg != uint64(n.inside) {
		return refuse("%d fields where %d are wanted", h.arg, n.inside)
	}
	if err := c.open(h.arg, 1); err != nil {
		return err
	}
	for i := range n.fields {
		f := &n.fields[i]
		if f.node.kind == kindBeside {
			continue
		}
		if err := c.item(f.node); err != nil {
			return below("."+f.name, err)
		}
	}
	c.depth--
	return nil
}

// keyedFields checks that each field is there once, if it must be, and no other.
func (c *checker) keyedFields(n *node, h head) error {
	if h.major != majorMap {
		return mismatch(h, "a map of fields")
	}
	if err := c.open(h.arg, 2); err != nil {
		return err
	}
	var seen [MaxFields / 64]uint64
	var unknown keySet
	for range int(h.arg) {
		i, name, err := c.fieldKey(n)
		if err != nil {
			return err
		}
		if i < 0 {
			if err := c.unknownField(&unknown, name); err != nil {
				return err
			}
			continue
		}
		f := &n.fields[i]
		if seen[i/64]&(1<<(i%64)) != 0 {
			return below("."+f.key, refuse("the field is there twice"))
		}
		seen[i/64] |= 1 << (i % 64)
		if err := c.item(f.node); err != nil {
			return below("."+f.key, err)
		}
	}
	c.depth--
	return n.missing(&seen)
}

// fieldKey reads the key of a field and finds its index, which is -1 for one that
// is not known and may be skipped.
func (c *checker) fieldKey(n *node) (index int, name []byte, err error) {
	h, err := c.head()
	if err != nil {
		return 0, nil, below("", err)
	}
	if h.major != majorText {
		return 0, nil, mismatch(h, "the name of a field")
	}
	if name, err = c.bytes(h); err != nil {
		return 0, nil, err
	}
	i, ok := n.find(name)
	switch {
	case !ok && c.loose:
		return -1, name, nil
	case !ok || n.fields[i].node.kind == kindBeside:
		return 0, nil, refuse("there is no field %.64q", name)
	}
	return i, name, nil
}

// missing refuses a struct of which a field that must be there is not.
func (n *node) missing(seen *[MaxFields / 64]uint64) error {
	for i := range n.fields {
		f := &n.fields[i]
		if seen[i/64]&(1<<(i%64)) == 0 && !f.optional && f.node.kind != kindBeside {
			return below("."+f.key, refuse("the field is missing"))
		}
	}
	return nil
}

// bytes passes over the content of a byte or text string.
func (c *checker) bytes(h head) ([]byte, error) {
	if h.arg > uint64(len(c.data)-c.pos) {
		return nil, below("", errTruncated)
	}
	b := c.data[c.pos : c.pos+int(h.arg)]
	c.pos += int(h.arg)
	return b, nil
}

// text passes over the content of a text string.
func (c *checker) text(h head) ([]byte, error) {
	b, err := c.bytes(h)
	if err == nil && !utf8.Valid(b) {
		err = refuse("the text is not UTF-8")
	}
	return b, err
}

// open counts an array or map in. Each of its count parts takes width bytes or
// more, so that a count which the data cannot hold is seen at once.
func (c *checker) open(count uint64, width int) error {
	c.depth++
	switch {
	case c.depth > MaxDepth:
		return refuse("nested deeper than %d levels", MaxDepth)
	case count > MaxElements:
		return refuse("%d elements are more than %d", count, MaxElements)
	case count > uint64((len(c.data)-c.pos)/width):
		return below("", errTruncated)
	}
	return nil
}

// charge counts memory that decoding will take: count, at most MaxMessage,
// times size.
func (c *checker) charge(count, size int64) error {
	const most = 1 << 38 // so that the product fits
	if c.budget -= count * min(size, most); c.budget >= 0 {
		return nil
	}
	if c.most > 0 {
		return refuse("it would take more than %d KiB to decode", c.most>>10)
	}
	return refuse("the message would take more than %d MiB and %d times its size to decode", MaxDecoded>>20, DecodedFactor)
}

// chargeMap counts a map: groups of eight slots, twice as many as needed at
// the worst.
func (c *checker) chargeMap(pairs uint64, size int64) error {
	if pairs == 0 {
		return c.charge(1, mapHeader)
	}
	return c.charge(2*int64(max(pairs, 4)), size+mapHeader/8)
}

// mapHeader is the size of an empty map, about.
const mapHeader = 48

func (n *node) size() int64 { return int64(n.typ.Size()) }

func mismatch(h head, want string) error {
	return refuse("%s where %s is wanted", h, want)
}
