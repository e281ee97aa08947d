package layout

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// kind is what a type is made of.
type kind uint8

const (
	kindUint kind = iota
	kindInt
	kindFloat
	kindChar
	kindBytes
	kindCString
	kindArray
	kindStruct
)

// typ is a type. It does not change once it was made.
type typ struct {
	kind   kind
	size   int64     // bytes; of a cstring the most, with its NUL
	fixed  bool      // size is exact: no cstring is inside
	values int64     // that reading it makes at most, its own included
	depth  int       // of arrays and structures, its own included
	swap   bool      // it has an order of its own
	order  Order     // that one
	count  int64     // array: elements
	elem   *typ      // array
	of     *Struct   // struct
	words  [2]string // how it is written, by the order of the read
}

// orderOf is the order in which t is read.
func (t *typ) orderOf(o Order) Order {
	if t.swap {
		return t.order
	}
	return o
}

// scalars are the types that need no number. They are made when they are first used: most
// processes that link this package never do.
var scalars = sync.OnceValue(func() map[string]*typ {
	all := map[string]*typ{}
	for letter, k := range map[string]kind{"u": kindUint, "i": kindInt, "f": kindFloat} {
		for _, bits := range []int64{8, 16, 32, 64} {
			if k == kindFloat && bits < 32 {
				continue
			}
			name := letter + strconv.FormatInt(bits, 10)
			t := &typ{kind: k, size: bits / 8, fixed: true, values: 1, words: [2]string{name, name}}
			all[name] = t
			if bits == 8 {
				continue
			}
			t.words = [2]string{name + "le", name + "be"}
			for _, o := range []Order{Little, Big} {
				own := *t
				own.swap, own.order = true, o
				own.words = [2]string{name + o.String(), name + o.String()}
				all[own.words[0]] = &own
			}
		}
	}
	return all
})

// parseType is the type that word says; structs are those that it may name.
func parseType(word string, structs []*Struct) (*typ, error) {
	if len(word) > maxName {
		return nil, fmt.Errorf("its type has more than %d bytes", maxName)
	}
	if rest, ok := strings.CutPrefix(word, "["); ok {
		return parseArray(rest, structs)
	}
	if t, ok := scalars()[word]; ok {
		return t, nil
	}
	for _, s := range structs {
		if s != nil && s.name == word {
			return s.typ(), nil
		}
	}
	if t, err := parseText(word); t != nil || err != nil {
		return t, err
	}
	return nil, fmt.Errorf("%q is no type: there are u8 to u64, i8 to i64, f32, f64, char[N], bytes[N], cstring(N), and [N] before a type", word)
}

// parseText reads char[N], bytes[N] and cstring(N), or returns nil.
func parseText(word string) (*typ, error) {
	for _, form := range []struct {
		open, end string
		kind      kind
	}{{"char[", "]", kindChar}, {"bytes[", "]", kindBytes}, {"cstring(", ")", kindCString}} {
		number, ok := strings.CutPrefix(word, form.open)
		if !ok {
			continue
		}
		number, ok = strings.CutSuffix(number, form.end)
		n, err := parseCount(number, maxSize)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q needs a number of bytes, at most %d, as in %sN%s", word, maxSize, form.open, form.end)
		}
		t := &typ{kind: form.kind, size: n, fixed: true, values: 1, words: [2]string{word, word}}
		if form.kind == kindCString {
			t.size, t.fixed = n+1, false
		}
		return t, nil
	}
	return nil, nil
}

// parseArray reads an array's type behind its first bracket.
func parseArray(rest string, structs []*Struct) (*typ, error) {
	number, word, ok := strings.Cut(rest, "]")
	n, err := parseCount(number, MaxValues)
	if !ok || err != nil {
		return nil, fmt.Errorf("an array needs a number of elements, at most %d, as in [N]u8", MaxValues)
	}
	elem, err := parseType(word, structs)
	if err != nil {
		return nil, err
	}
	t := &typ{
		kind: kindArray, size: n * elem.size, fixed: elem.fixed, values: 1 + n*elem.values,
		depth: elem.depth + 1, count: n, elem: elem,
	}
	for i, w := range elem.words {
		t.words[i] = "[" + strconv.FormatInt(n, 10) + "]" + w
	}
	return t, t.check()
}

// parseCount reads decimal digits alone.
func parseCount(s string, most int64) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err == nil && int64(n) > most {
		err = strconv.ErrRange
	}
	return int64(n), err
}

// check says which bound t breaks. The parts of t keep to them, so that nothing has
// overflown.
func (t *typ) check() error {
	switch {
	case t.values > MaxValues:
		return fmt.Errorf("more than %d values", MaxValues)
	case t.size > maxSize:
		return fmt.Errorf("more than %d bytes", maxSize)
	case t.depth > MaxDepth:
		return fmt.Errorf("more than %d arrays and structures inside each other", MaxDepth)
	}
	return nil
}
