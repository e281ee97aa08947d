package policy

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
)

const (
	// maxDepth is how deep conditions may lie in each other.
	maxDepth = 8

	// maxList is how many conditions one list may have, and how many functions.
	maxList = 256

	// maxAction is the longest name of a polkit action, in bytes.
	maxAction = 255
)

// condition is a Rule with its names looked up.
type condition struct {
	rule   Rule
	id     uint32 // of the user or group
	absent string // why nobody matches, as "does not exist on this host"
	lack   string // of a leaf: what would make it match
	of     []condition
}

// answered is what polkit said of an action.
type answered struct {
	action string
	yes    bool
}

// state is how far a condition can be told.
type state uint8

const (
	no state = iota
	yes
	unknown // before polkit is asked
)

// match tells whether s matches, or the action that polkit must be asked for
// first. Polkit is only asked where the rest leaves it open.
func (c *condition) match(s *Subject, answers []answered) (state, string) {
	switch {
	case c.absent != "":
		return no, ""
	case c.rule.Kind == Anyone:
		return yes, ""
	case c.rule.Kind == User:
		return toState(s.UID == c.id), ""
	case c.rule.Kind == Group:
		return toState(slices.Contains(s.Groups, c.id)), ""
	case c.rule.Kind == Polkit:
		return c.polkit(answers)
	case c.rule.Kind == AnyOf:
		return c.any(s, answers)
	case c.rule.Kind == AllOf:
		return c.all(s, answers)
	}
	return no, ""
}

func toState(matches bool) state {
	if matches {
		return yes
	}
	return no
}

func (c *condition) polkit(answers []answered) (state, string) {
	for _, a := range answers {
		if a.action == c.rule.Name {
			return toState(a.yes), ""
		}
	}
	return unknown, c.rule.Name
}

func (c *condition) any(s *Subject, answers []answered) (result state, action string) {
	for i := range c.of {
		is, ask := c.of[i].match(s, answers)
		switch {
		case is == yes:
			return yes, ""
		case is == unknown && result == no:
			result, action = unknown, ask
		}
	}
	return result, action
}

func (c *condition) all(s *Subject, answers []answered) (result state, action string) {
	result = toState(len(c.of) > 0)
	for i := range c.of {
		is, ask := c.of[i].match(s, answers)
		switch {
		case is == no:
			return no, ""
		case is == unknown && result == yes:
			result, action = unknown, ask
		}
	}
	return result, action
}

// resolve looks the names of a checked rule up. What does not exist matches
// nobody, and is told to absent.
func resolve(r Rule, names Names, absent func(condition)) condition {
	c := condition{rule: r, id: r.ID, lack: r.lack()}
	if r.Name != "" && (r.Kind == User || r.Kind == Group) {
		if c.id, c.absent = lookup(r, names); c.absent != "" {
			c.lack += ", which " + c.absent
			absent(c)
		}
	}
	for _, of := range r.Of {
		c.of = append(c.of, resolve(of, names, absent))
	}
	return c
}

// lookup is the number of a user or group, or why there is none.
func lookup(r Rule, names Names) (id uint32, absent string) {
	find := names.UserID
	if r.Kind == Group {
		find = names.GroupID
	}
	id, err := find(r.Name)
	switch {
	case err == nil:
		return id, ""
	case errors.As(err, new(user.UnknownUserError)), errors.As(err, new(user.UnknownGroupError)):
		return 0, "does not exist on this host"
	}
	return 0, "cannot be looked up: " + err.Error()
}

// lack is what whom a leaf does not match would need.
func (r Rule) lack() string {
	switch r.Kind {
	case User:
		return "being " + r.String()
	case Group:
		return "membership of " + r.String()
	case Polkit:
		return "authorization for " + r.String()
	}
	return ""
}

// Check refuses a rule that a policy could not be made of.
func (r Rule) Check() error { return r.check(1) }

// check refuses a rule that means nothing, or too much to look at for each call.
func (r Rule) check(depth int) error {
	switch {
	case r.Kind > AllOf:
		return fmt.Errorf("kind %d of a rule is none", r.Kind)
	case r.Kind == Polkit && !validAction(r.Name):
		return fmt.Errorf("polkit action %q: want letters, digits, dots and hyphens, a letter first", r.Name)
	case depth > maxDepth:
		return fmt.Errorf("rules lie more than %d deep in each other", maxDepth)
	case len(r.Of) > maxList:
		return fmt.Errorf("a list of %d rules: at most %d", len(r.Of), maxList)
	}
	for _, of := range r.Of {
		if err := of.check(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// validAction reports whether polkit would take a name for an action.
func validAction(name string) bool {
	if name == "" || len(name) > maxAction || !letter(name[0]) {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return r > 'z' || !letter(byte(r)) && !('0' <= r && r <= '9') && r != '.' && r != '-'
	}) < 0
}

func letter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
