package schema

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/spell"
)

// words are the tags that this package reads.
var words = []string{"doc", "pattern", "min", "max", "minlen", "maxlen", "enum", "default", "arg", "secret", "file"}

// readTags sets what the tags of a field say of it.
func (f *Field) readTags(tag reflect.StructTag) error {
	for key, value := range tags(string(tag)) {
		if key == "" {
			return fmt.Errorf("the tags are malformed from %.40q on: they are key:\"value\", with a space between", value)
		}
		if !slices.Contains(words, key) {
			if meant := misspelt(key); meant != "" {
				return fmt.Errorf("tag %s: there is no such tag: did you mean %s?", key, meant)
			}
			continue
		}
		if err := f.readTag(key, value); err != nil {
			return fmt.Errorf("tag %s: %w", key, err)
		}
	}
	return nil
}

// tags yields the pairs of a struct tag. One that is malformed ends it, as the
// pair of "" and the rest.
func tags(tag string) func(yield func(key, value string) bool) {
	return func(yield func(key, value string) bool) {
		for tag = strings.TrimLeft(tag, " "); tag != ""; tag = strings.TrimLeft(tag, " ") {
			key, rest, ok := strings.Cut(tag, ":")
			quoted, err := strconv.QuotedPrefix(rest)
			if !ok || err != nil || key == "" || strings.ContainsAny(key, " \"`") || quoted[0] != '"' {
				yield("", tag)
				return
			}
			value, _ := strconv.Unquote(quoted)
			if tag = rest[len(quoted):]; !yield(key, value) {
				return
			}
		}
	}
}

// misspelt is the tag that key was probably meant to be. Short keys are too
// often somebody else's.
func misspelt(key string) string {
	lower := strings.ToLower(key)
	switch {
	case slices.Contains(words, lower):
		return lower
	case len(key) < 4 || key == "json" || key == "cbor":
		return ""
	}
	return spell.Nearest(lower, words)
}

func (f *Field) readTag(key, value string) (err error) {
	switch key {
	case "doc":
		f.Doc = value
	case "pattern":
		f.Limit.Pattern, err = anchored(value)
	case "min":
		f.Limit.Min, err = f.bound(value)
	case "max":
		f.Limit.Max, err = f.bound(value)
	case "minlen":
		f.Limit.MinLen, err = length(value)
	case "maxlen":
		f.Limit.MaxLen, err = length(value)
	case "enum":
		f.Limit.Enum = strings.Split(value, ",")
	case "default":
		f.Default, err = value, notEmpty(value)
	case "arg":
		err = f.readPosition(value)
	case "file":
		f.Files, err = fileKinds(value)
	case "secret":
		f.Secret = true
		if value != "true" {
			err = fmt.Errorf("%q must be \"true\": leave the tag out otherwise", value)
		}
	}
	return err
}

func notEmpty(value string) error {
	if value == "" {
		return errors.New("an empty default is none: leave the tag out")
	}
	return nil
}

// bound reads a number, or a duration as nanoseconds.
func (f *Field) bound(value string) (*float64, error) {
	if f.Subject().Kind == Duration {
		d, err := time.ParseDuration(value)
		if err != nil {
			return nil, fmt.Errorf("%q is no duration such as 1m30s", value)
		}
		n := float64(d)
		if int64(n) != int64(d) {
			return nil, fmt.Errorf("%q is too long to be exact to the nanosecond", value)
		}
		return &n, nil
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no number", value)
	}
	return &n, nil
}

func length(value string) (*int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("%q is no length", value)
	}
	return &n, nil
}

// readPosition reads "0", or "1..." for the rest.
func (f *Field) readPosition(value string) error {
	digits, rest := strings.CutSuffix(value, "...")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || n > MaxFields || strconv.Itoa(n) != digits {
		return fmt.Errorf(`%q is no position: it must be like "0", or "1..." for all from there on`, value)
	}
	f.Position, f.Rest = n, rest
	return nil
}

// position is what readPosition reads, "" for a flag.
func (f *Field) position() string {
	switch {
	case f.Position < 0:
		return ""
	case f.Rest:
		return strconv.Itoa(f.Position) + "..."
	}
	return strconv.Itoa(f.Position)
}
