// Package describe is what a service tells of itself: its functions, their
// docs and types, and who may call them. It is the result of a function that
// each service has ([Name]), what "describe" prints ([Description.WriteText]),
// and what a lock file keeps ([WriteLock], [ReadLock]), to be compared with a
// later version ([Diff]).
//
// A description that came from a peer is hostile until [Description.Check] has
// passed, and even then its texts may hold anything: WriteText escapes them.
package describe

import (
	"errors"
	"fmt"
	"strings"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/schema"
)

const (
	// Reserved begins the names of the functions that each service has.
	Reserved = "outwork."

	// Name is the function that returns a Description, of Args.
	Name = Reserved + "describe"

	// MaxFunctions is how many functions a description may have.
	MaxFunctions = 1024

	// MaxText is the length of a doc, a reason or a rule, in bytes.
	MaxText = 16 << 10
)

// Args is the argument of the function Name.
type Args struct{}

// Description is what a service tells of itself.
type Description struct {
	Service   string     `cbor:"service" json:"service"` // the command's name
	Doc       string     `cbor:"doc" json:"doc"`
	Version   string     `cbor:"version" json:"version"`
	Functions []Function `cbor:"functions" json:"functions"` // by name
}

// Function is one function of a service.
type Function struct {
	Name    string   `cbor:"name" json:"name"`
	Doc     string   `cbor:"doc" json:"doc"`
	Args    string   `cbor:"args" json:"args"`   // JSON Schema
	Reply   string   `cbor:"reply" json:"reply"` // JSON Schema
	Mutates bool     `cbor:"mutates" json:"mutates"`
	Allow   string   `cbor:"allow" json:"allow"` // who may call by the code, in words
	May     string   `cbor:"may" json:"may"`     // may who asked: "yes", "no" or "ask", by polkit; "" is not told
	Why     string   `cbor:"why" json:"why"`     // of May: the line that decides, or what is missing
	Asks    []string `cbor:"asks" json:"asks"`   // what it may call back at its caller
	Rule    string   `cbor:"rule" json:"rule"`   // Allow as JSON, for the lock file
}

// What May can be.
const (
	Yes = "yes"
	No  = "no"
	Ask = "ask"
)

// Of describes s. may tells whether who asks may call a function, and why; nil
// tells nothing.
func Of(s *api.Service, may func(name string) (may, why string)) *Description {
	d := &Description{Service: s.Name, Doc: s.Doc, Version: s.Version, Functions: make([]Function, len(s.Functions))}
	for i, f := range s.Functions {
		d.Functions[i] = describe(f)
		if may != nil {
			d.Functions[i].May, d.Functions[i].Why = may(f.Link.Name)
		}
	}
	return d
}

func describe(f *api.Function) Function {
	out := Function{
		Name: f.Link.Name, Doc: f.Doc, Mutates: f.Mutates, Asks: []string{},
		Args: string(f.Args.JSONSchema()), Reply: string(f.Reply.JSONSchema()),
		Allow: f.Rule.String(), Rule: string(ruleJSON(f.Rule)),
	}
	for _, ask := range f.Asks {
		out.Asks = append(out.Asks, ask.Name)
	}
	return out
}

// Function is the function of that name, or nil.
func (d *Description) Function(name string) *Function {
	for i := range d.Functions {
		if d.Functions[i].Name == name {
			return &d.Functions[i]
		}
	}
	return nil
}

// Types are the argument and the result, to be shown and compared; see
// schema.Parse.
func (f *Function) Types() (args, reply *schema.Type, err error) {
	if args, err = schema.Parse([]byte(f.Args)); err != nil {
		return nil, nil, fmt.Errorf("%.64q: the argument: %w", f.Name, err)
	}
	if args.Kind != schema.Struct {
		return nil, nil, fmt.Errorf("%.64q: the argument is %s, and must be an object", f.Name, args.Kind)
	}
	if reply, err = schema.Parse([]byte(f.Reply)); err != nil {
		return nil, nil, fmt.Errorf("%.64q: the result: %w", f.Name, err)
	}
	return args, reply, nil
}

// Check refuses a description that no service makes: too many functions, names
// that are no names or there twice, texts beyond their bounds. Types are left
// to who uses them.
func (d *Description) Check() error {
	if len(d.Functions) > MaxFunctions {
		return fmt.Errorf("the description has %d functions, more than %d", len(d.Functions), MaxFunctions)
	}
	if !isName(d.Service) || len(d.Doc) > MaxText || len(d.Version) > maxName {
		return errors.New("the description names no service, or its texts are too long")
	}
	seen := map[string]bool{}
	for i := range d.Functions {
		f := &d.Functions[i]
		if !isName(f.Name) || seen[f.Name] {
			return fmt.Errorf("the description has a function called %.64q, which is no name, or is there twice", f.Name)
		}
		seen[f.Name] = true
		if err := f.check(); err != nil {
			return err
		}
	}
	return nil
}

func (f *Function) check() error {
	if len(f.Doc) > MaxText || len(f.Allow) > MaxText || len(f.Why) > MaxText || len(f.Rule) > MaxText || len(f.Asks) > MaxFunctions {
		return fmt.Errorf("the description of %s has texts of more than %d bytes", f.Name, MaxText)
	}
	for _, name := range f.Asks {
		if len(name) > maxAsk {
			return fmt.Errorf("the description of %s asks for a function whose name has more than %d bytes", f.Name, maxAsk)
		}
	}
	return nil
}

const (
	maxName = 128  // bytes of a service's or function's name, and of a version
	maxAsk  = 1024 // bytes of the name of any function
)

// isName reports whether a service or its function can be called so.
func isName(name string) bool {
	odd := func(c rune) bool {
		return c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
	}
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, odd)
}
