package service

import "github.com/outwork-go/outwork/internal/service/policy"

// Rule says who may call a function. The zero Rule is nobody. Root is always
// allowed, unless a policy file denies it: refusing it protects nothing.
type Rule struct{ rule policy.Rule }

// String is the rule in words: "group hostctl".
func (r Rule) String() string { return r.rule.String() }

// Anyone is everybody who can connect.
func Anyone() Rule { return Rule{policy.Rule{Kind: policy.Anyone}} }

// User is the user of that name.
func User(name string) Rule { return named(policy.User, name) }

// UID is the user of that number.
func UID(id uint32) Rule { return Rule{policy.Rule{Kind: policy.User, ID: id}} }

// Group is who was in the group of that name when they connected.
func Group(name string) Rule { return named(policy.Group, name) }

// GID is Group, by number.
func GID(id uint32) Rule { return Rule{policy.Rule{Kind: policy.Group, ID: id}} }

// Polkit is whom polkit authorizes for the action, such as
// "org.example.hostctl.sysctl". polkit may ask the user for a password.
func Polkit(action string) Rule { return named(policy.Polkit, action) }

// named refuses a name that is empty, as an unset variable is: it must not come to
// mean number 0.
func named(k policy.Kind, name string) Rule {
	if name == "" {
		panic("service: a rule for a user, a group or a polkit action needs its name")
	}
	return Rule{policy.Rule{Kind: k, Name: name}}
}

// AnyOf is whom at least one of the rules allows.
func AnyOf(rules ...Rule) Rule { return several(policy.AnyOf, rules) }

// AllOf is whom all of the rules allow. Without rules it is nobody.
func AllOf(rules ...Rule) Rule { return several(policy.AllOf, rules) }

func several(k policy.Kind, rules []Rule) Rule {
	r := policy.Rule{Kind: k}
	for _, of := range rules {
		r.Of = append(r.Of, of.rule)
	}
	return Rule{r}
}
