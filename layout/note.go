package layout

import (
	"fmt"
	"strings"
)

// Notes says what a number means, or "".
type Notes interface {
	Note(v uint64) string
}

// Enum names single values.
type Enum map[uint64]string

// Note is the name of v.
func (e Enum) Note(v uint64) string { return e[v] }

// Flags names bits, or fields of several bits, which are told apart by all of Mask.
type Flags []Flag

// Flag is the name of v where v&Mask is Value; a Value of 0 stands for Mask itself.
type Flag struct {
	Mask, Value uint64
	Name        string
}

// Note is the names of all that is set in v, with a space between; bits without a name are
// told in hexadecimal at the end.
func (f Flags) Note(v uint64) string {
	var names []string
	left := v
	for _, flag := range f {
		want := flag.Value
		if want == 0 {
			want = flag.Mask
		}
		if v&flag.Mask == want {
			names = append(names, flag.Name)
			left &^= flag.Mask
		}
	}
	if left != 0 {
		names = append(names, fmt.Sprintf("%#x", left))
	}
	return strings.Join(names, " ")
}

// NoteFunc is a function as Notes.
type NoteFunc func(v uint64) string

// Note is f(v).
func (f NoteFunc) Note(v uint64) string { return f(v) }
