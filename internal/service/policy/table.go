package policy

import "math"

// line is one rule of a policy.
type line struct {
	words    string // "root", "code: group hostctl", "FILE:7: allow group netadmin"
	where    string // "FILE:7"; "" outside files
	deny     bool
	implicit bool // neither of files nor of code: root's
	when     condition
}

// nowhere is the place of a line that does not exist: after all others.
const nowhere = math.MaxInt

// table is the lines for one function, in order, and an index to the first that
// a caller matches, so that a policy of a thousand lines takes no longer than one
// of three.
type table struct {
	function string
	lines    []*line
	users    *users

	anyone       int            // the first line that everybody matches
	byUID, byGID map[uint32]int // the first line for each
	walk         []int          // those that the index cannot tell, ascending
}

func newTable(function string, lines []*line, u *users) *table {
	t := &table{
		function: function, lines: lines, users: u,
		anyone: nowhere, byUID: make(map[uint32]int), byGID: make(map[uint32]int),
	}
	for i, l := range lines {
		if !t.index(&l.when, i) {
			t.walk = append(t.walk, i)
		}
	}
	return t
}

// index enters what matches line i for sure, and reports whether that is all
// that can.
func (t *table) index(c *condition, i int) (complete bool) {
	switch {
	case c.absent != "":
	case c.rule.Kind == Anyone:
		t.anyone = min(t.anyone, i)
	case c.rule.Kind == User:
		enter(t.byUID, c.id, i)
	case c.rule.Kind == Group:
		enter(t.byGID, c.id, i)
	case c.rule.Kind == AnyOf:
		complete = true
		for j := range c.of {
			complete = t.index(&c.of[j], i) && complete
		}
		return complete
	case c.rule.Kind == Polkit, c.rule.Kind == AllOf:
		return false
	}
	return true
}

func enter(first map[uint32]int, id uint32, i int) {
	if _, ok := first[id]; !ok {
		first[id] = i
	}
}

// indexed is the first line that the index has for s, or nowhere.
func (t *table) indexed(s *Subject) int {
	first := t.anyone
	if i, ok := t.byUID[s.UID]; ok {
		first = min(first, i)
	}
	for _, gid := range s.Groups {
		if i, ok := t.byGID[gid]; ok {
			first = min(first, i)
		}
	}
	return first
}

// first is the first line that s matches, or nowhere, or the action that polkit
// must be asked for to tell.
func (t *table) first(s *Subject, answers []answered) (at int, action string) {
	at = t.indexed(s)
	for _, i := range t.walk {
		if i >= at {
			break
		}
		switch is, ask := t.lines[i].when.match(s, answers); is {
		case yes:
			return i, ""
		case unknown:
			return i, ask
		case no:
		}
	}
	return at, ""
}
