package describe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/service/policy"
)

// Change is one difference between two versions of a service.
type Change struct {
	Function string `json:"function"`        // its name; "" is the service
	Field    string `json:"field,omitempty"` // `argument "name"`, `result "list[].name"`; "" is the function
	What     string `json:"what"`
	Breaking bool   `json:"breaking"` // a client of the old version may fail, or more people may call
}

// String is the change in one line.
func (c Change) String() string {
	parts := []string{c.Function, c.Field, c.What}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// Breaking reports whether one of the changes breaks something.
func Breaking(changes []Change) bool {
	return slices.ContainsFunc(changes, func(c Change) bool { return c.Breaking })
}

// Diff is what differs from before in after, by function and in the order of
// fields. Breaking is what a client of before may trip over: a function or field
// that is gone, one that is newly wanted, a type or a range that takes less, a
// result that holds what the codec of an old client refuses; and what lets more
// people call, or leaves no record where there was one. Access that cannot be
// shown to be the same or less counts as more.
func Diff(before, after *Description) []Change {
	d := differ{}
	if before.Service != after.Service {
		d.breaks("the service is called %s, before %s", clean(after.Service), clean(before.Service))
	}
	for i := range before.Functions {
		f := &before.Functions[i]
		d.function = clean(f.Name)
		if now := after.Function(f.Name); now != nil {
			d.compare(f, now)
		} else {
			d.breaks("the function was removed")
		}
	}
	for i := range after.Functions {
		if d.function = clean(after.Functions[i].Name); before.Function(after.Functions[i].Name) == nil {
			d.tells("the function is new")
		}
	}
	slices.SortStableFunc(d.changes, func(a, b Change) int { return strings.Compare(a.Function, b.Function) })
	return d.changes
}

// A differ gathers changes.
type differ struct {
	changes  []Change
	function string
	field    string
	reply    bool // the result is looked at, which clients read
}

func (d *differ) add(breaking bool, format string, args ...any) {
	d.changes = append(d.changes, Change{d.function, d.field, fmt.Sprintf(format, args...), breaking})
}

func (d *differ) breaks(format string, args ...any) { d.add(true, format, args...) }
func (d *differ) tells(format string, args ...any)  { d.add(false, format, args...) }

func (d *differ) compare(before, after *Function) {
	if before.Doc != after.Doc {
		d.tells("the doc was changed")
	}
	switch {
	case before.Mutates && !after.Mutates:
		d.breaks("it is no longer said to change something: its calls would not be recorded")
	case !before.Mutates && after.Mutates:
		d.tells("it is now said to change something: its calls are recorded")
	}
	d.access(before, after)
	d.asks(before, after)
	oldArgs, oldReply, err := before.Types()
	if err != nil {
		d.breaks("the types before cannot be read: %s", clean(err.Error()))
		return
	}
	args, reply, err := after.Types()
	if err != nil {
		d.breaks("the types now cannot be read: %s", clean(err.Error()))
		return
	}
	d.types("argument", "", oldArgs, args, -1)
	d.reply = true
	d.types("result", "", oldReply, reply, -1)
	d.field, d.reply = "", false
}

// access compares who may call.
func (d *differ) access(before, after *Function) {
	if before.Rule == after.Rule {
		return
	}
	was, err := parseRule([]byte(before.Rule))
	if err != nil {
		d.breaks("who may call: before, %s", clean(err.Error()))
		return
	}
	is, err := parseRule([]byte(after.Rule))
	if err != nil {
		d.breaks("who may call: now, %s", clean(err.Error()))
		return
	}
	d.rules(was, is)
}

func (d *differ) rules(was, is policy.Rule) {
	now, before := clean(is.String()), clean(was.String())
	switch less, more := within(is, was), within(was, is); {
	case less && more:
	case less:
		d.tells("access was tightened: %s, before %s: clients that were allowed may be denied", now, before)
	case more:
		d.breaks("access was loosened: %s, before %s", now, before)
	default:
		d.breaks("access was changed: %s, before %s: it cannot be shown that nobody more may call", now, before)
	}
}

func (d *differ) asks(before, after *Function) {
	for _, name := range after.Asks {
		if !slices.Contains(before.Asks, name) {
			d.tells("it now calls back %s, which older clients do not offer", clean(name))
		}
	}
	for _, name := range before.Asks {
		if !slices.Contains(after.Asks, name) {
			d.tells("it no longer calls back %s", clean(name))
		}
	}
}
