// Package policy decides who may call which function of a service.
package policy

// Kind is what a Rule goes by.
type Kind uint8

// The kinds. The zero value allows nobody.
const (
	Nobody Kind = iota
	Anyone
	User   // Name, or ID when Name is ""
	Group  // Name, or ID when Name is ""
	Polkit // the action Name, that polkit is asked for
	AnyOf  // one of Of
	AllOf  // all of Of
)

// Rule says who may call a function.
type Rule struct {
	Kind Kind
	Name string
	ID   uint32
	Of   []Rule
}
