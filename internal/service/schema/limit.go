package schema

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// maxExact is the largest integer up to which float64 has them all.
	maxExact = 1 << 53

	// maxFloat32 is the largest float32 as it is written. It is a little more
	// than the value itself, and rounds to it.
	maxFloat32 = 3.4028235e38
)

// A matcher is a limit made ready for checking.
type matcher struct {
	pattern func() *regexp.Regexp // compiled at first use, once
	ints    []int64               // the enum of an Int
	uints   []uint64              // the enum of a Uint
	elem    *Limit                // what holds for the elements of a list or map
}

// Subject is the type whose values the limit is about, lengths aside: that of
// the elements of a list or map.
func (f *Field) Subject() *Type {
	if f.Type.Kind == List || f.Type.Kind == Map {
		return f.Type.Elem
	}
	return f.Type
}

// prepare checks what a field says of itself, brings it to the one form that
// it has in a JSON Schema too, and makes its limit ready.
func (f *Field) prepare() error {
	for _, check := range []func() error{
		f.checkName, f.checkDoc, f.checkLengths, f.checkRange, f.checkPattern, f.checkEnum, f.checkFiles,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	l := &f.Limit
	l.ready = l.matcher(f.Subject().Kind)
	if f.Subject() != f.Type {
		l.ready.elem = &Limit{Min: l.Min, Max: l.Max, Pattern: l.Pattern, Enum: l.Enum, ready: l.ready}
	}
	return f.checkDefault()
}

// checkName refuses what would be no flag.
func (f *Field) checkName() error {
	if len(f.Name) > MaxName || f.Name == "" || strings.HasPrefix(f.Name, "-") || strings.ContainsFunc(f.Name, notInName) {
		return fmt.Errorf("tag cbor: %.80q is no name for a flag: use 1 to %d letters, digits, - and _", f.Name, MaxName)
	}
	return nil
}

func notInName(c rune) bool {
	return c != '-' && c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) || c == utf8.RuneError
}

func (f *Field) checkDoc() error {
	if len(f.Doc) > MaxDoc || !utf8.ValidString(f.Doc) {
		return fmt.Errorf("tag doc: it must be at most %d bytes of UTF-8", MaxDoc)
	}
	return nil
}

func (f *Field) checkLengths() error {
	l := &f.Limit
	if l.MinLen == nil && l.MaxLen == nil {
		return nil
	}
	switch f.Type.Kind {
	case String, Bytes, List, Map:
	default:
		return fmt.Errorf("tags minlen and maxlen are for text, bytes, lists and maps, not for %s", f.Type.Kind)
	}
	if l.MinLen != nil && l.MaxLen != nil && *l.MinLen > *l.MaxLen {
		return fmt.Errorf("tag minlen: %d is more than maxlen, %d", *l.MinLen, *l.MaxLen)
	}
	if l.MinLen != nil && *l.MinLen == 0 {
		l.MinLen = nil // as every length is
	}
	return nil
}

func (f *Field) checkRange() error {
	l, t := &f.Limit, f.Subject()
	if l.Min == nil && l.Max == nil {
		return nil
	}
	least, most := t.natural()
	if t.Kind != Int && t.Kind != Uint && t.Kind != Float && t.Kind != Duration {
		return fmt.Errorf("tags min and max are for numbers and durations, not for %s", t.Kind)
	}
	var err error
	if l.Min, err = t.bound(l.Min, least); err != nil {
		return fmt.Errorf("tag min: %w", err)
	}
	if l.Max, err = t.bound(l.Max, most); err != nil {
		return fmt.Errorf("tag max: %w", err)
	}
	if l.Min != nil && l.Max != nil && *l.Min > *l.Max {
		return fmt.Errorf("tag min: %s is more than max, %s", t.number(*l.Min), t.number(*l.Max))
	}
	return nil
}

// natural is the range of the type itself. The upper end of 64 bits is one more
// than the largest value, which a float64 cannot tell.
func (t *Type) natural() (least, most float64) {
	switch {
	case t.Kind == Uint:
		return 0, math.Ldexp(1, t.Bits) - below64(t.Bits)
	case t.Kind == Int:
		return -math.Ldexp(1, t.Bits-1), math.Ldexp(1, t.Bits-1) - below64(t.Bits)
	case t.Kind == Duration:
		return math.MinInt64, math.MaxInt64
	case t.Kind == Float && t.Bits == 32:
		return -maxFloat32, maxFloat32
	}
	return -math.MaxFloat64, math.MaxFloat64
}

func below64(bits int) float64 {
	if bits == 64 {
		return 0
	}
	return 1
}

// bound is a bound as values of t are compared with it; nil when it is that of
// the type itself.
func (t *Type) bound(n *float64, natural float64) (*float64, error) {
	if n == nil || *n == natural {
		return nil, nil
	}
	least, most := t.natural()
	switch b := *n; {
	case math.IsNaN(b) || b < least || b > most:
		return nil, fmt.Errorf("%v is not in the range of the type", b)
	case t.Kind == Float && t.Bits == 32:
		b, err := strconv.ParseFloat(strconv.FormatFloat(b, 'g', -1, 32), 64)
		return &b, err
	case t.Kind == Float:
	case b != math.Trunc(b):
		return nil, fmt.Errorf("%v is not an integer", b)
	case t.Kind != Duration && math.Abs(b) > maxExact:
		return nil, fmt.Errorf("%.0f is beyond 2^53, where JSON numbers are not exact", b)
	}
	return n, nil
}

// Bounds are the least and the most that a number or duration of t within l can
// be; of durations in nanoseconds. Those of other types mean nothing.
func (t *Type) Bounds(l *Limit) (least, most float64) {
	least, most = t.natural()
	if l.Min != nil {
		least = *l.Min
	}
	if l.Max != nil {
		most = *l.Max
	}
	return least, most
}

// Number is a bound as text, as a value of t is written.
func (t *Type) Number(n float64) string {
	if _, most := t.natural(); n == most {
		return t.largest(n)
	}
	return t.number(n)
}

// number is a bound as text, the end of 64 bits as one more than it is.
func (t *Type) number(n float64) string {
	if t.Kind == Duration {
		return time.Duration(n).String()
	}
	if t.Kind != Float {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return formatFloat(n, 64)
}

func formatFloat(n float64, bits int) string {
	format := byte('f')
	if abs := math.Abs(n); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.FormatFloat(n, format, -1, bits)
}

func (f *Field) checkPattern() error {
	if f.Limit.Pattern != "" && f.Subject().Kind != String {
		return fmt.Errorf("tag pattern is for text, not for %s", f.Subject().Kind)
	}
	return nil
}

func (f *Field) checkEnum() error {
	enum, t := f.Limit.Enum, f.Subject()
	switch {
	case enum == nil:
		return nil
	case t.Kind != String && t.Kind != Int && t.Kind != Uint:
		return fmt.Errorf("tag enum is for text and integers, not for %s", t.Kind)
	case len(enum) == 0 || len(enum) > MaxEnum:
		return fmt.Errorf("tag enum: it must have 1 to %d values", MaxEnum)
	}
	f.Limit.Enum = slices.Clone(enum)
	for i, word := range enum {
		text, err := t.canonical(word, &Limit{Min: f.Limit.Min, Max: f.Limit.Max, Pattern: f.Limit.Pattern, ready: f.Limit.matcher(t.Kind)})
		switch {
		case err == nil && slices.Contains(f.Limit.Enum[:i], text):
			err = errors.New("it is there twice")
		case err == nil && (len(word) > MaxWord || word == ""):
			err = fmt.Errorf("a value must have 1 to %d bytes", MaxWord)
		}
		if err != nil {
			return fmt.Errorf("tag enum: %.40q: %w", word, err)
		}
		f.Limit.Enum[i] = text
	}
	return nil
}

func (f *Field) checkDefault() error {
	switch {
	case f.Default == "":
		return nil
	case f.Secret:
		return errors.New("tag default: a secret has no default: everybody would know it")
	case !f.Type.Kind.scalar():
		return fmt.Errorf("tag default is for simple values, not for %s", f.Type.Kind)
	case len(f.Default) > MaxWord:
		return fmt.Errorf("tag default: it has more than %d bytes", MaxWord)
	}
	text, err := f.Type.canonical(f.Default, &f.Limit)
	if err != nil {
		return fmt.Errorf("tag default: %.40q: %w", f.Default, err)
	}
	f.Default = text
	return nil
}

// canonical is the one form of a value's text, once it is a value of t in the
// range of l.
func (t *Type) canonical(text string, l *Limit) (string, error) {
	v := reflect.New(t.Go).Elem()
	if !utf8.ValidString(text) {
		return "", errors.New("it is not UTF-8")
	}
	problem := t.setText(v, text)
	if problem == nil {
		problem = t.check(v, l)
	}
	if problem != nil {
		return "", errors.New("it " + problem.Text)
	}
	return t.text(v), nil
}

// matcher makes l ready for values of the kind.
func (l *Limit) matcher(k Kind) *matcher {
	m := &matcher{}
	if l.Pattern != "" {
		m.pattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(l.Pattern) })
	}
	for _, word := range l.Enum {
		switch k {
		case Int:
			n, _ := strconv.ParseInt(word, 10, 64)
			m.ints = append(m.ints, n)
		case Uint:
			n, _ := strconv.ParseUint(word, 10, 64)
			m.uints = append(m.uints, n)
		}
	}
	return m
}

// none reports whether every value is in the range.
func (l *Limit) none() bool {
	return l.Min == nil && l.Max == nil && l.MinLen == nil && l.MaxLen == nil && l.Pattern == "" && l.Enum == nil
}
