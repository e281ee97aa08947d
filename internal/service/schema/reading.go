package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A reading is one schema while it is read.
type reading struct {
	keywords
	properties, required, additional, items, enum, def *tree
	elem                                               Limit // of the elements
}

// read reads one keyword. Those that have parts are kept.
func (r *reading) read(key string, n *tree) error {
	switch key {
	case "$schema", "title", "$comment", "examples", "deprecated":
	case "properties":
		r.properties = n
	case "required":
		r.required = n
	case "additionalProperties":
		r.additional = n
	case "items":
		r.items = n
	case "enum":
		r.enum = n
	case "default":
		r.def = n
	case "writeOnly":
		return n.bool(&r.WriteOnly)
	default:
		return r.readText(key, n)
	}
	return nil
}

func (r *reading) readText(key string, n *tree) error {
	texts := map[string]*string{
		"type": &r.Type, "description": &r.Description, "pattern": &r.Pattern, "format": &r.Format,
		"contentEncoding": &r.ContentEncoding, "x-arg": &r.Arg, "x-beside": &r.Beside, "x-form": &r.Form,
		"x-min": &r.Min, "x-max": &r.Max, "x-omit": &r.Omit, "x-files": &r.Files,
	}
	if to := texts[key]; to != nil {
		if n.kind != '"' {
			return fmt.Errorf("it must be text, not %s", n)
		}
		*to = n.text
		return nil
	}
	return r.readNumber(key, n)
}

func (r *reading) readNumber(key string, n *tree) error {
	numbers := map[string]*json.Number{"minimum": &r.Minimum, "maximum": &r.Maximum, "exclusiveMaximum": &r.ExclusiveMaximum}
	if to := numbers[key]; to != nil {
		if n.kind != '0' {
			return fmt.Errorf("it must be a number, not %s", n)
		}
		*to = json.Number(n.text)
		return nil
	}
	lengths := map[string]**int{
		"minLength": &r.MinLength, "maxLength": &r.MaxLength, "minItems": &r.MinItems, "maxItems": &r.MaxItems,
		"minProperties": &r.MinProperties, "maxProperties": &r.MaxProperties, "x-minlen": &r.MinBytes, "x-maxlen": &r.MaxBytes,
	}
	if to := lengths[key]; to != nil {
		return n.length(to)
	}
	return r.readOwn(key, n)
}

// readOwn reads what is left. Unknown keywords that begin with x- are skipped:
// a later version may have them.
func (r *reading) readOwn(key string, n *tree) error {
	switch key {
	case "x-bits":
		var bits *int
		if err := n.length(&bits); err != nil {
			return err
		}
		r.Bits = *bits
	case "x-unsigned":
		return n.bool(&r.Unsigned)
	case "x-pointer":
		return n.bool(&r.Pointer)
	default:
		if !strings.HasPrefix(key, "x-") {
			return errors.New("this keyword is none of those that describe a function here")
		}
	}
	return nil
}

func (n *tree) bool(to *bool) error {
	if n.kind != 't' {
		return fmt.Errorf("it must be true or false, not %s", n)
	}
	*to = n.text == "true"
	return nil
}

// length reads a small number without sign.
func (n *tree) length(to **int) error {
	whole, ok := integer(n.text)
	small, err := strconv.ParseUint(whole, 10, 31)
	if n.kind != '0' || !ok || err != nil {
		return errors.New("it must be a length: an integer from 0 on")
	}
	length := int(small)
	*to = &length
	return nil
}
