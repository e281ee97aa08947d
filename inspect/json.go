package inspect

import (
	"encoding/json"
	"slices"
)

// MarshalJSON is the report as JSON, in which a list without entries is [].
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report // without this method
	r.Facts, r.Sections, r.Exports, r.Warnings = list(r.Facts), list(r.Sections), list(r.Exports), list(r.Warnings)
	r.Imports = list(slices.Clone(r.Imports)) // the caller's stay as they are
	for i := range r.Imports {
		r.Imports[i].Symbols = list(r.Imports[i].Symbols)
	}
	return json.Marshal(plain(r))
}

// list is l, not nil.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
