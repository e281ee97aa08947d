package link

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/outwork-go/outwork/internal/codec"
)

// Function is a function that can be called over a link.
type Function struct {
	Name        string
	Args, Reply *codec.Plan
	New         func() any                                       // a pointer to a zero argument
	NewReply    func() any                                       // a pointer to a zero result
	Invoke      func(ctx context.Context, args any) (any, error) // nil: declared only; it takes and returns pointers
	Where       string                                           // file:line of its registration
	Async       bool                                             // it may take long: it never runs in the reader

	// builtin is one that every worker has, and that no HELLO names.
	builtin bool

	// slow counts down the calls that run in goroutines of their own, because
	// one before them took long in the reader.
	slow  atomic.Int32
	calls atomic.Uint32 // how many have run
}

// Signature is the function's type as text.
func (f *Function) Signature() string {
	return "func(" + f.Args.Signature() + ") " + f.Reply.Signature()
}

// Registry is a set of functions by name. It is safe for concurrent use.
type Registry struct {
	mu     sync.RWMutex
	byName map[string]*Function
	digest []byte
}

// Add registers f. A second one of the same name is an error that tells both
// places, unless one of the two only declares what the other implements.
func (r *Registry) Add(f *Function) error {
	if f.Name == "" || len(f.Name) > MaxName || !utf8.ValidString(f.Name) ||
		strings.ContainsFunc(f.Name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return fmt.Errorf("%s: %q is no name for a function: it must be 1 to %d bytes of text", f.Where, f.Name, MaxName)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byName == nil {
		r.byName = map[string]*Function{}
	}
	switch old := r.byName[f.Name]; {
	case old == nil:
	case (old.Invoke == nil) == (f.Invoke == nil):
		return fmt.Errorf("%s: function %q is registered already, at %s", f.Where, f.Name, old.Where)
	case old.Signature() != f.Signature():
		return fmt.Errorf("%s: function %q is %s, but %s at %s", f.Where, f.Name, f.Signature(), old.Signature(), old.Where)
	case f.Invoke == nil:
		return nil
	}
	r.byName[f.Name] = f
	r.digest = nil
	return nil
}

// Lookup is the function of that name that is implemented here, or nil.
func (r *Registry) Lookup(name string) *Function {
	return r.lookup([]byte(name))
}

func (r *Registry) lookup(name []byte) *Function {
	r.mu.RLock()
	f := r.byName[string(name)]
	r.mu.RUnlock()
	if f == nil || f.Invoke == nil {
		return nil
	}
	return f
}

// Names are the names of the implemented functions, sorted.
func (r *Registry) Names() []string {
	return slices.Sorted(maps.Keys(r.Signatures()))
}

// Signatures maps the names of the implemented functions to their types.
func (r *Registry) Signatures() map[string]string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	m := make(map[string]string, len(r.byName))
	for name, f := range r.byName {
		if f.Invoke != nil {
			m[name] = f.Signature()
		}
	}
	return m
}

// Digest tells two registries apart: two ends with the same one have the same
// functions of the same types.
func (r *Registry) Digest() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.digest != nil {
		return r.digest
	}
	all := slices.SortedFunc(maps.Values(r.byName), func(a, b *Function) int { return cmp.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, f := range all {
		fmt.Fprintf(h, "%d:%s%s\n", len(f.Name), f.Name, f.Signature())
	}
	r.digest = h.Sum(nil)
	return r.digest
}

// maxListed is how many names an error about an unknown one lists.
const maxListed = 20

// listed is names as a phrase.
func listed(what string, names []string) string {
	if len(names) == 0 {
		return what + ": none"
	}
	more := ""
	if len(names) > maxListed {
		more = fmt.Sprintf(" and %d more", len(names)-maxListed)
		names = names[:maxListed]
	}
	return what + " are " + strings.Join(names, ", ") + more
}
