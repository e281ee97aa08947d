package describe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/outwork-go/outwork/internal/service/policy"
)

// maxRuleDepth is how many rules may lie inside each other.
const maxRuleDepth = 8

// A rule is a policy.Rule as JSON, in the words of the policy files: exactly
// one of its keys is there.
type rule struct {
	Nobody bool    `json:"nobody,omitempty"`
	Anyone bool    `json:"anyone,omitempty"`
	User   string  `json:"user,omitempty"`
	UID    *uint32 `json:"uid,omitempty"`
	Group  string  `json:"group,omitempty"`
	GID    *uint32 `json:"gid,omitempty"`
	Polkit string  `json:"polkit,omitempty"`
	Any    []rule  `json:"any,omitempty"`
	All    []rule  `json:"all,omitempty"`
}

func ruleJSON(r policy.Rule) []byte {
	text, err := json.Marshal(ruleOf(r))
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return text
}

func ruleOf(r policy.Rule) rule {
	switch {
	case isNobody(r):
		return rule{Nobody: true}
	case r.Kind == policy.Anyone:
		return rule{Anyone: true}
	case r.Kind == policy.User && r.Name != "":
		return rule{User: r.Name}
	case r.Kind == policy.User:
		return rule{UID: &r.ID}
	case r.Kind == policy.Group && r.Name != "":
		return rule{Group: r.Name}
	case r.Kind == policy.Group:
		return rule{GID: &r.ID}
	case r.Kind == policy.Polkit:
		return rule{Polkit: r.Name}
	case r.Kind == policy.AnyOf:
		return rule{Any: rulesOf(r.Of)}
	}
	return rule{All: rulesOf(r.Of)}
}

func rulesOf(of []policy.Rule) []rule {
	list := make([]rule, len(of))
	for i := range of {
		list[i] = ruleOf(of[i])
	}
	return list
}

// isNobody reports whether a rule says at once that it matches nobody.
func isNobody(r policy.Rule) bool {
	return r.Kind == policy.Nobody || (r.Kind == policy.AnyOf || r.Kind == policy.AllOf) && len(r.Of) == 0
}

// parseRule reads what ruleJSON writes.
func parseRule(text []byte) (policy.Rule, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var r rule
	if err := d.Decode(&r); err != nil {
		return policy.Rule{}, fmt.Errorf("the rule cannot be read: %w", err)
	}
	if d.More() {
		return policy.Rule{}, errors.New("the rule has more after its end")
	}
	return r.policy(0)
}

func (r *rule) policy(depth int) (policy.Rule, error) {
	if depth > maxRuleDepth {
		return policy.Rule{}, fmt.Errorf("the rule is nested deeper than %d levels", maxRuleDepth)
	}
	var found []policy.Rule
	add := func(there bool, rule policy.Rule) {
		if there {
			found = append(found, rule)
		}
	}
	add(r.Nobody, policy.Rule{})
	add(r.Anyone, policy.Rule{Kind: policy.Anyone})
	add(r.User != "", policy.Rule{Kind: policy.User, Name: r.User})
	add(r.Group != "", policy.Rule{Kind: policy.Group, Name: r.Group})
	add(r.Polkit != "", policy.Rule{Kind: policy.Polkit, Name: r.Polkit})
	if r.UID != nil {
		found = append(found, policy.Rule{Kind: policy.User, ID: *r.UID})
	}
	if r.GID != nil {
		found = append(found, policy.Rule{Kind: policy.Group, ID: *r.GID})
	}
	add(len(r.Any) > 0, policy.Rule{Kind: policy.AnyOf})
	add(len(r.All) > 0, policy.Rule{Kind: policy.AllOf})
	if len(found) != 1 {
		return policy.Rule{}, errors.New("a rule must have exactly one of nobody, anyone, user, uid, group, gid, polkit, any and all")
	}
	for _, part := range slices.Concat(r.Any, r.All) {
		of, err := part.policy(depth + 1)
		if err != nil {
			return policy.Rule{}, err
		}
		found[0].Of = append(found[0].Of, of)
	}
	return found[0], nil
}

// within reports whether it can be shown that whoever matches r matches outer
// too. It goes by the shape of the two alone, not by who is in which group; root
// may call everything in any case. False is "it cannot be shown".
func within(r, outer policy.Rule) bool {
	in := func(of policy.Rule) bool { return within(of, outer) }
	holds := func(of policy.Rule) bool { return within(r, of) }
	switch {
	case isNobody(r) || outer.Kind == policy.Anyone || isRoot(r):
		return true
	case isNobody(outer):
		return false
	case r.Kind == policy.AnyOf:
		return all(r.Of, in)
	case outer.Kind == policy.AllOf:
		return all(outer.Of, holds)
	case r.Kind == policy.AllOf && slices.ContainsFunc(r.Of, in):
		return true
	case outer.Kind == policy.AnyOf && slices.ContainsFunc(outer.Of, holds):
		return true
	}
	return r.Kind == outer.Kind && r.Name == outer.Name && r.ID == outer.ID && len(r.Of) == 0
}

func isRoot(r policy.Rule) bool { return r.Kind == policy.User && r.Name == "" && r.ID == 0 }

func all(of []policy.Rule, is func(policy.Rule) bool) bool {
	return !slices.ContainsFunc(of, func(r policy.Rule) bool { return !is(r) })
}
