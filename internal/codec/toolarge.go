package codec

import "strconv"

// tooLarge names the largest field of a message that is too large.
func (p *Plan) tooLarge(item []byte, positional bool) error {
	where := ""
	if name, size := p.largest(item, positional); name != "" {
		where = ": " + name + " has " + strconv.Itoa(size) + " of them"
	}
	return refuse("%d bytes of CBOR are more than the %d of a message%s", len(item), MaxMessage, where)
}

// largest is the field of the message that takes the most bytes, if its type
// is a struct.
func (p *Plan) largest(item []byte, positional bool) (name string, size int) {
	if p.top.kind != kindStruct {
		return "", 0
	}
	c := newChecker(item, positional && !p.top.cyclic)
	h, err := c.head()
	if err != nil {
		return "", 0
	}
	for i := range int(h.arg) {
		f, n, err := c.span(p.top, i)
		if err != nil {
			break
		}
		if n > size {
			name, size = f.name, n
		}
	}
	return name, size
}

// span passes over the i-th field that is in the CBOR, and returns how many
// bytes its value takes.
func (c *checker) span(n *node, i int) (*field, int, error) {
	f := n.nth(i)
	if !c.positional {
		index, _, err := c.fieldKey(n)
		if err != nil {
			return nil, 0, err
		}
		f = &n.fields[index]
	}
	start := c.pos
	h, err := c.head()
	if err == nil {
		err = c.anything(h)
	}
	return f, c.pos - start, err
}

// nth is the i-th field in the CBOR.
func (n *node) nth(i int) *field {
	for k := range n.fields {
		if n.fields[k].node.kind == kindBeside {
			continue
		}
		if i--; i < 0 {
			return &n.fields[k]
		}
	}
	return nil
}
