package starlark

import (
	"errors"
	"fmt"
	"iter"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"

	"github.com/outwork-go/outwork/container/pattern"
	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

// needle unpacks what is searched for: bytes, a string as its UTF-8, or a pattern.
type needle struct {
	exact []byte           // when it is bytes
	p     *pattern.Pattern // else
}

// Unpack implements starlark.Unpacker.
func (n *needle) Unpack(v starlark.Value) error {
	switch v := v.(type) {
	case starlark.Bytes:
		n.exact = []byte(v)
	case starlark.String:
		n.exact = []byte(v)
	case patternValue:
		n.p = v.p
		return nil
	default:
		return fmt.Errorf("got %s, want bytes, string or pattern", v.Type())
	}
	if len(n.exact) == 0 {
		return errors.New("an empty pattern is everywhere")
	}
	return nil
}

// compiled is the needle as a pattern.
func (n *needle) compiled() (*pattern.Pattern, error) {
	if n.p != nil {
		return n.p, nil
	}
	return pattern.Bytes(n.exact)
}

// patternValue is a pattern in a script.
type patternValue struct{ p *pattern.Pattern }

func (v patternValue) String() string {
	return "pattern(" + starlark.String(v.p.String()).String() + ")"
}
func (v patternValue) Type() string         { return "pattern" }
func (v patternValue) Freeze()              {}
func (v patternValue) Truth() starlark.Bool { return true }
func (v patternValue) Hash() (uint32, error) {
	return 0, errors.New("unhashable type: pattern")
}

func patternModule() *starlarkstruct.Module {
	m := &starlarkstruct.Module{Name: "pattern", Members: starlark.StringDict{}}
	add := func(short string, make func(name string, args starlark.Tuple, kwargs []starlark.Tuple) (*pattern.Pattern, error)) {
		name := m.Name + "." + short
		m.Members[short] = starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			p, err := make(name, args, kwargs)
			if err != nil {
				return nil, err
			}
			return patternValue{p}, nil
		})
	}
	add("hex", ofKind(pattern.KindHex))
	add("regexp", ofKind(pattern.KindRegexp))
	add("text", textPattern)
	add("any", anyPattern)
	add("parse", parsePattern)
	return m
}

// ofKind makes a pattern of one text that is written in a language of its own.
func ofKind(k pattern.Kind) func(string, starlark.Tuple, []starlark.Tuple) (*pattern.Pattern, error) {
	return func(name string, args starlark.Tuple, kwargs []starlark.Tuple) (*pattern.Pattern, error) {
		var text needle
		if err := starlark.UnpackArgs(name, args, kwargs, "pattern", &text); err != nil {
			return nil, err
		}
		if text.p != nil {
			return nil, fmt.Errorf("%s: for parameter pattern: got pattern, want bytes or string", name)
		}
		return pattern.Compile(pattern.Spec{Kind: k, Texts: [][]byte{text.exact}})
	}
}

func textPattern(name string, args starlark.Tuple, kwargs []starlark.Tuple) (*pattern.Pattern, error) {
	var text needle
	var s pattern.Spec
	if err := starlark.UnpackArgs(name, args, kwargs, "text", &text, "fold?", &s.Fold, "utf16?", &s.UTF16); err != nil {
		return nil, err
	}
	if text.p != nil {
		return nil, fmt.Errorf("%s: for parameter text: got pattern, want bytes or string", name)
	}
	s.Texts = [][]byte{text.exact}
	return pattern.Compile(s)
}

func anyPattern(name string, args starlark.Tuple, kwargs []starlark.Tuple) (*pattern.Pattern, error) {
	var texts starlark.Iterable
	s := pattern.Spec{Kind: pattern.KindAny}
	if err := starlark.UnpackArgs(name, args, kwargs, "texts", &texts, "fold?", &s.Fold, "utf16?", &s.UTF16); err != nil {
		return nil, err
	}
	iter := texts.Iterate()
	defer iter.Done()
	var item starlark.Value
	for iter.Next(&item) {
		var text needle
		if err := text.Unpack(item); err != nil || text.p != nil {
			return nil, fmt.Errorf("%s: text %d: want bytes or a string, and not an empty one", name, len(s.Texts))
		}
		if len(s.Texts) == pattern.MaxTexts {
			return nil, fmt.Errorf("%s: more than %d texts", name, pattern.MaxTexts)
		}
		s.Texts = append(s.Texts, text.exact)
	}
	return pattern.Compile(s)
}

func parsePattern(name string, args starlark.Tuple, kwargs []starlark.Tuple) (*pattern.Pattern, error) {
	var text string
	if err := starlark.UnpackArgs(name, args, kwargs, "text", &text); err != nil {
		return nil, err
	}
	return pattern.Parse(text)
}

// matchValue is where a pattern was found. A struct would take ten times the memory.
type matchValue struct{ pattern.Match }

var (
	_ extend.Fields       = (*matchValue)(nil)
	_ starlark.Comparable = (*matchValue)(nil)
)

func (m *matchValue) String() string        { return extend.FieldsString("match", m) }
func (m *matchValue) Type() string          { return "match" }
func (m *matchValue) Freeze()               {}
func (m *matchValue) Truth() starlark.Bool  { return true }
func (m *matchValue) Hash() (uint32, error) { return starlark.MakeInt64(m.Offset).Hash() }
func (m *matchValue) AttrNames() []string   { return []string{"index", "length", "offset"} }

// Attr implements starlark.HasAttrs.
func (m *matchValue) Attr(name string) (starlark.Value, error) {
	for field, v := range m.Fields() {
		if field == name {
			return v, nil
		}
	}
	return nil, nil
}

// Fields implements extend.Fields.
func (m *matchValue) Fields() iter.Seq2[string, starlark.Value] {
	return func(yield func(string, starlark.Value) bool) {
		_ = yield("offset", starlark.MakeInt64(m.Offset)) &&
			yield("length", starlark.MakeInt64(m.Length)) &&
			yield("index", starlark.MakeInt(m.Index))
	}
}

// CompareSameType implements starlark.Comparable.
func (m *matchValue) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	same := m.Match == y.(*matchValue).Match
	switch op {
	case syntax.EQL:
		return same, nil
	case syntax.NEQ:
		return !same, nil
	}
	return false, errors.New("matches are equal or not, and in no order")
}
