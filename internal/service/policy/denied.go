package policy

import (
	"strconv"
	"strings"
)

// DeniedText is what the caller of a denied call is told, one sentence without a
// full stop: what denies the call, or who may make it and what the caller can do
// to become one of them. It may look the caller's name up. It is "" of a call
// that was allowed.
func (d Decision) DeniedText() string {
	switch {
	case d.Allowed:
		return ""
	case d.table == nil:
		return "there is no such function"
	}
	user := d.table.users.name(d.subject.UID)
	switch {
	case d.line >= 0:
		return d.table.function + " is denied to " + d.you(user) + " by " + d.table.lines[d.line].where
	case len(d.Missing) == 0:
		return d.table.function + " is for root alone, and not for " + d.you(user)
	}
	return d.notAmong(user)
}

// you is the caller, as "you (uid 12002, bob)".
func (d *Decision) you(user string) string {
	words := "you (uid " + strconv.FormatUint(uint64(d.subject.UID), 10)
	if user != "" {
		words += ", " + printable(user)
	}
	return words + ")"
}

// notAmong tells who may make the call.
func (d *Decision) notAmong(user string) string {
	wanted := d.table.wanted(&d.subject, nil)
	who := make([]string, len(wanted))
	for i, c := range wanted {
		who[i] = c.who()
	}
	text := d.table.function + " is for " + strings.Join(who, " or ") + ", and " + d.you(user) + " are not "
	if len(wanted) == 1 && wanted[0].rule.Kind == Group {
		text += "in it"
	} else {
		text += "among them"
	}
	if len(d.brief) > 0 {
		text += "; " + strings.Join(d.brief, "; ")
	}
	return text + advice(wanted, user)
}

// who are those that match a condition.
func (c *condition) who() string {
	if c.absent != "" {
		return c.rule.String() + ", which " + c.absent
	}
	if c.rule.Kind == Polkit {
		return "those whom polkit authorizes for " + printable(c.rule.Name)
	}
	if c.rule.Kind == AllOf {
		return "those who match " + c.rule.String()
	}
	return c.rule.String()
}

// advice is what an administrator could do for the caller: the first way that
// takes a group.
func advice(wanted []*condition, user string) string {
	for _, c := range wanted {
		if c.rule.Kind != Group {
			continue
		}
		if user == "" {
			return ": ask an administrator to be added to it"
		}
		commands := `"usermod -aG ` + c.rule.group() + " " + printable(user) + `"`
		if c.absent != "" {
			commands = `"groupadd --system ` + printable(c.rule.Name) + `" and ` + commands
		}
		return ": ask an administrator for " + commands + ", then log in again"
	}
	return ""
}

// group is how usermod names a group.
func (r Rule) group() string {
	if r.Name == "" {
		return strconv.FormatUint(uint64(r.ID), 10)
	}
	return printable(r.Name)
}
