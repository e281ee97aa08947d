package codec

import (
	"errors"
	"strings"
)

// Rules are how an item is decoded. The zero value is the strict keyed form.
type Rules struct {
	// Positional is for the form in which structs are arrays.
	Positional bool

	// Loose skips fields of keyed structs that this side does not know, so that a
	// newer peer may send more. What is skipped must be sound all the same:
	// well-formed, with UTF-8 and without duplicates, and within all limits.
	Loose bool

	// Memory bounds, in bytes, what is allocated beyond the item's own bytes; 0
	// stands for MaxDecoded and DecodedFactor times the size of the data.
	Memory int64
}

func (r Rules) checker(data []byte) checker {
	c := checker{data: data, positional: r.Positional, loose: r.Loose, budget: r.Memory, most: r.Memory}
	if r.Memory == 0 {
		c.budget = MaxDecoded + DecodedFactor*int64(min(len(data), MaxMessage))
	}
	return c
}

// DecodeBy is Decode by rules. Its errors name fields, as on the wire, but not
// the type. memory is how many bytes decoding took beyond the item's own.
func (p *Plan) DecodeBy(r Rules, data []byte, ptr any) (rest []byte, memory int64, err error) {
	c := r.checker(data)
	before := c.budget
	rest, err = p.decode(&c, ptr)
	return rest, before - c.budget, bare(err)
}

// bare is err without the dot that its path begins with.
func bare(err error) error {
	p, ok := errors.AsType[*pathError](err)
	switch {
	case !ok:
		return err
	case p.path == "":
		return p.err
	}
	return &pathError{path: strings.TrimPrefix(p.path, "."), err: p.err}
}
