package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxTree is how many arrays and objects of JSON may lie inside each other.
const maxTree = 3 * MaxDepth

// A tree is JSON text, read strictly: no key is there twice, and numbers are as
// they were written.
type tree struct {
	kind  byte   // '{', '[', '"', '0', 't' for a boolean, 'n' for null
	text  string // of a string or a number, "true" or "false"
	keys  []string
	parts []tree // of an array; the values of keys
}

// get is the value of a key, or nil.
func (t *tree) get(key string) *tree {
	for i := range t.keys {
		if t.keys[i] == key {
			return &t.parts[i]
		}
	}
	return nil
}

// words are what errors call it.
func (t *tree) String() string {
	switch t.kind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "text"
	case '0':
		return "a number"
	case 't':
		return "true or false"
	}
	return "null"
}

// parseTree reads one JSON value, all of data. Memory is within a constant
// factor of len(data), which the caller bounds.
func parseTree(data []byte) (*tree, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	t, err := readTree(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("there is more after its end")
	}
	return &t, nil
}

// CheckJSON refuses what json.Unmarshal forgives: text that is not UTF-8, a key
// that is there twice, more after the end, and deep nesting.
func CheckJSON(data []byte) error {
	_, err := parseTree(data)
	return err
}

func readTree(d *json.Decoder, depth int) (tree, error) {
	token, err := d.Token()
	if err != nil {
		return tree{}, syntaxError(err)
	}
	switch token := token.(type) {
	case json.Delim:
		if depth == maxTree {
			return tree{}, fmt.Errorf("it is nested deeper than %d levels", maxTree)
		}
		return readParts(d, byte(token), depth+1)
	case string:
		return tree{kind: '"', text: token}, nil
	case json.Number:
		return tree{kind: '0', text: token.String()}, nil
	case bool:
		return tree{kind: 't', text: fmt.Sprint(token)}, nil
	}
	return tree{kind: 'n'}, nil
}

// readParts reads an array or object up to its end.
func readParts(d *json.Decoder, kind byte, depth int) (tree, error) {
	t := tree{kind: kind}
	seen := map[string]bool{}
	for d.More() {
		if kind == '{' {
			key, err := d.Token()
			if err != nil {
				return t, syntaxError(err)
			}
			name := key.(string) // the decoder lets nothing else through
			if seen[name] {
				return t, fmt.Errorf("the key %.64q is there twice", name)
			}
			seen[name] = true
			t.keys = append(t.keys, name)
		}
		part, err := readTree(d, depth)
		if err != nil {
			return t, err
		}
		t.parts = append(t.parts, part)
	}
	_, err := d.Token()
	return t, syntaxError(err)
}

// syntaxError is what the decoder says, as one sentence.
func syntaxError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// integer is a JSON number without fraction or exponent, if it is an integer:
// "1e2" is "100".
func integer(number string) (string, bool) {
	const most = 20 // digits of the largest integer of 64 bits
	sign := ""
	if strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	mantissa, exponent, scaled := cutExponent(number)
	if !scaled {
		return "", false
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	point := exponent - len(fraction) // zeros to add, or digits to drop
	for ; point < 0 && strings.HasSuffix(digits, "0"); point++ {
		digits = digits[:len(digits)-1]
	}
	switch {
	case digits == "":
		return "0", true
	case point < 0 || len(digits)+point > most:
		return "", false
	}
	return sign + digits + strings.Repeat("0", point), true
}

// cutExponent is a number's mantissa and exponent, if that is not absurd.
func cutExponent(number string) (mantissa string, exponent int, ok bool) {
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return number, 0, true
	}
	_, err := fmt.Sscanf(number[i+1:], "%d", &exponent)
	return number[:i], exponent, err == nil && exponent > -1000 && exponent < 1000
}
