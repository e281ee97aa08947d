package starlark

import (
	"fmt"
	"iter"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/outwork-go/outwork/script/starlark/internal/extend"
)

// weigh fails if v, written out, would take more than about limit bytes, or is
// nested too deep. The interpreter writes values out by recursion and without
// a bound: much nesting overflows the stack of Go, which ends the process, and
// much sharing fills the memory.
func weigh(v starlark.Value, limit int) error {
	s := scale{room: limit}
	if err := s.add(v, 0); err != nil {
		return err
	}
	if s.room < 0 {
		return fmt.Errorf("the text would be longer than about %d bytes", limit)
	}
	return nil
}

// weight is about how many bytes v takes, written out.
func weight(v starlark.Value) (int, error) {
	s := scale{room: maxText}
	err := s.add(v, 0)
	return maxText - s.room, err
}

type scale struct{ room int }

// itemWeight is what any value takes at least, with what stands around it.
const itemWeight = 4 // bytes

// add takes v from the room, and stops adding when there is none.
func (s *scale) add(v starlark.Value, depth int) error {
	if s.room -= itemWeight; s.room < 0 {
		return nil
	}
	if depth > maxNesting {
		return fmt.Errorf("a value is nested deeper than %d, or within itself", maxNesting)
	}
	switch v := v.(type) {
	case starlark.String:
		s.room -= len(v)
	case starlark.Bytes:
		s.room -= len(v)
	case starlark.Int:
		s.room -= intBits(v) / 3
	case *starlark.Dict:
		for k, item := range v.Entries() {
			if err := s.addAll(depth+1, k, item); err != nil || s.room < 0 {
				return err
			}
		}
	case *starlarkstruct.Struct:
		return s.addFields(v.Entries(), depth+1)
	case extend.Fields:
		return s.addFields(v.Fields(), depth+1)
	case *starlark.List, starlark.Tuple, *starlark.Set:
		return s.addItems(v.(starlark.Iterable), depth+1)
	}
	return nil
}

func (s *scale) addAll(depth int, vs ...starlark.Value) error {
	for _, v := range vs {
		if err := s.add(v, depth); err != nil {
			return err
		}
	}
	return nil
}

func (s *scale) addFields(all iter.Seq2[string, starlark.Value], depth int) error {
	for name, item := range all {
		s.room -= len(name)
		if err := s.add(item, depth); err != nil || s.room < 0 {
			return err
		}
	}
	return nil
}

func (s *scale) addItems(v starlark.Iterable, depth int) error {
	iter := v.Iterate()
	defer iter.Done()
	var item starlark.Value
	for s.room >= 0 && iter.Next(&item) {
		if err := s.add(item, depth); err != nil {
			return err
		}
	}
	return nil
}

// intBits is the length of v in bits, if it is beyond 64 bits: else 0.
func intBits(v starlark.Int) int {
	if _, ok := v.Int64(); ok {
		return 0
	}
	return v.BigInt().BitLen()
}
