package deep

import (
	"errors"
	"fmt"
)

// maxDepth is how many values of ASN.1 may be inside each other. Real signatures have 20.
const maxDepth = 64

var errCutOff = errors.New("a value of it reaches beyond its end")

// checkDER reports whether b begins with a value in DER, not nested too deeply. The parser
// of PKCS #7 takes other encodings too, and time that grows with the square of the depth,
// or of the number of values of unknown length: 42 s for 600 KB.
func checkDER(b []byte) error {
	var ends []int // of the values that are open
	for at := 0; ; {
		for len(ends) > 0 && at == ends[len(ends)-1] {
			ends = ends[:len(ends)-1]
		}
		if len(ends) == 0 && at > 0 {
			return nil
		}
		within := len(b)
		if len(ends) > 0 {
			within = ends[len(ends)-1]
		}
		tag, begin, end, err := header(b[:within], at)
		switch {
		case err != nil:
			return err
		case tag&0x20 == 0: // one value, without others inside
			at = end
			if len(ends) == 0 {
				return nil
			}
			continue
		}
		if ends = append(ends, end); len(ends) > maxDepth {
			return fmt.Errorf("more than %d of its values are inside each other", maxDepth)
		}
		at = begin
	}
}

// header reads a value's tag, and where its contents are.
func header(b []byte, at int) (tag byte, begin, end int, err error) {
	if len(b)-at < 2 {
		return 0, 0, 0, errCutOff
	}
	tag, length := b[at], int(b[at+1])
	at += 2
	if tag&0x1f == 0x1f || length == 0x80 {
		return 0, 0, 0, errors.New("it is not in DER, as signatures of a PE are")
	}
	if length > 0x80 {
		count := length & 0x7f
		if count > 4 || count > len(b)-at {
			return 0, 0, 0, errCutOff
		}
		length = 0
		for _, c := range b[at : at+count] {
			length = length<<8 | int(c)
		}
		at += count
	}
	if length < 0 || length > len(b)-at {
		return 0, 0, 0, errCutOff
	}
	return tag, at, at + length, nil
}
