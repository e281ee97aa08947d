// Package policy decides who may call which function of a service.
//
// A policy is made by Load from what code declares for each function and from
// the files of a directory, and does not change afterwards: a daemon that
// reloads makes another. Rules are looked at in order, those of files by name
// and line, then root, then what code declares; the first that matches decides,
// and where none does the call is denied. A rule can only be matched by what the
// kernel said of the caller, or by polkit's word; what cannot be told, as a
// group that does not exist or a polkit that does not answer, matches nobody.
package policy

import (
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/internal/legible"
)

// Kind is what a Rule goes by.
type Kind uint8

// The kinds. The zero value allows nobody.
const (
	Nobody Kind = iota
	Anyone
	User   // Name, or ID when Name is ""
	Group  // Name, or ID when Name is ""
	Polkit // the action Name, that polkit is asked for
	AnyOf  // one of Of; nobody when there is none
	AllOf  // all of Of; nobody when there is none
)

// Rule says who may call a function.
type Rule struct {
	Kind Kind
	Name string
	ID   uint32
	Of   []Rule
}

// String is the rule in words, as "group hostctl" or "any of (user alice, gid 4)".
func (r Rule) String() string {
	switch r.Kind {
	case Anyone:
		return "anyone"
	case User:
		return r.user()
	case Group:
		return r.named("group", "gid")
	case Polkit:
		return "polkit action " + printable(r.Name)
	case AnyOf:
		return r.list("any of (")
	case AllOf:
		return r.list("all of (")
	}
	return "nobody"
}

func (r Rule) user() string {
	if r.Name == "" && r.ID == 0 {
		return "root"
	}
	return r.named("user", "uid")
}

func (r Rule) named(kind, number string) string {
	if r.Name == "" {
		return number + " " + strconv.FormatUint(uint64(r.ID), 10)
	}
	return kind + " " + printable(r.Name)
}

func (r Rule) list(open string) string {
	if len(r.Of) == 0 {
		return "nobody"
	}
	words := make([]string, len(r.Of))
	for i, of := range r.Of {
		words[i] = of.String()
	}
	return open + strings.Join(words, ", ") + ")"
}

// printable is a name as it is, or quoted where it would break a line, a terminal or a list of
// words.
func printable(name string) string {
	if name == "" || strings.ContainsAny(name, ` "\`) {
		return strconv.Quote(name)
	}
	return legible.Quoted(name)
}
