package schema

import (
	"errors"
	"fmt"
)

// checkPositions refuses positional arguments that a command line could not
// tell apart, and two fields of one name.
func checkPositions(fields []Field, top bool) error {
	var at []*Field
	seen := map[string]bool{}
	for i := range fields {
		f := &fields[i]
		if seen[f.Name] {
			return fmt.Errorf("two fields are called %q", f.Name)
		}
		seen[f.Name] = true
		if f.Position < 0 {
			continue
		}
		if !top {
			return fmt.Errorf("%s: tag arg: only fields of the argument itself can be positional", f.Name)
		}
		if err := f.checkPosition(); err != nil {
			return fmt.Errorf("%s: tag arg: %w", f.Name, err)
		}
		at = append(at, f)
	}
	return checkOrder(at)
}

// checkPosition refuses a type that is not words of a command line.
func (f *Field) checkPosition() error {
	t := f.Type
	switch {
	case f.Rest && (t.Kind != List || !t.Elem.Kind.scalar()):
		return errors.New("only a list of simple values takes the rest of the arguments")
	case !f.Rest && t.Kind == List:
		return fmt.Errorf(`a list takes the rest of the arguments: say "%d..."`, f.Position)
	case !f.Rest && !t.Kind.scalar() && t.Kind != File:
		return errors.New("only a simple value or a file can be positional")
	}
	return nil
}

// checkOrder refuses gaps, what follows the rest, and what must be given after
// what may be left out.
func checkOrder(at []*Field) error {
	by := make([]*Field, len(at))
	for _, f := range at {
		if f.Position >= len(at) {
			return fmt.Errorf("%s: tag arg: position %d leaves a gap: there are %d positional arguments, from 0 on", f.Name, f.Position, len(at))
		}
		if other := by[f.Position]; other != nil {
			return fmt.Errorf("%s: tag arg: position %d is that of %s already", f.Name, f.Position, other.Name)
		}
		by[f.Position] = f
	}
	for i := 1; i < len(by); i++ {
		switch before, f := by[i-1], by[i]; {
		case before.Rest:
			return fmt.Errorf("%s: tag arg: %s before it takes all the rest", f.Name, before.Name)
		case before.MayBeLeftOut() && !f.MayBeLeftOut():
			return fmt.Errorf("%s: tag arg: it must be given, but %s before it may be left out", f.Name, before.Name)
		}
	}
	return nil
}

// MayBeLeftOut reports whether a command line need not have the field.
func (f *Field) MayBeLeftOut() bool {
	least := f.Limit.MinLen
	return f.Optional || f.Default != "" || f.Rest && (least == nil || *least == 0)
}
