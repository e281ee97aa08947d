package module

// Starlark finds load statements. It knows strings and comments but no grammar:
// a call of something else named load is taken for one, which sends a module in
// vain, and a name written with escapes is not seen.
type Starlark struct{ paths }

// Loads returns the first arguments of all load statements in m.
func (Starlark) Loads(m Module) []string {
	var names []string
	s := scanner{m.Source}
	for len(s.rest) > 0 {
		if s.word() != "load" || !s.open() {
			continue
		}
		if name, ok := s.literal(); ok {
			names = append(names, name)
		}
	}
	return names
}
