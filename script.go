package outwork

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/link"
)

// Script is code that is given at run time.
type Script struct {
	Lang   string   // which guest runs it: "starlark", "python"
	Name   string   // of its file, for tracebacks
	Source string   // at most 16 MiB
	Args   []string // what the script is called with
	Steps  uint64   // how many steps it may take, where they are counted; 0: the guest's default

	// Grants is what a script of a hermetic language may use of the machine
	// that its worker runs on: "host" for package script/starlark. Nothing by
	// default; an unknown word fails the script. Python is not hermetic, and
	// takes none.
	Grants []string
}

// scriptPrefix begins the names of the functions that guests are.
const scriptPrefix = "script."

// guests are the languages that this program can run.
var guests struct {
	mu     sync.Mutex
	byLang map[string]bool
}

// registerGuest is for package script, whose Register says what run may do.
func registerGuest(lang, where string, run func(ctx context.Context, script any) (any, error)) {
	guests.mu.Lock()
	defer guests.mu.Unlock()
	register(scriptPrefix+lang, where, func(ctx context.Context, s Script) (Value, error) {
		v, err := run(ctx, s)
		if err != nil {
			return Value{}, err
		}
		raw, err := codec.EncodeValue(v)
		return Value{raw}, err
	})
	if guests.byLang == nil {
		guests.byLang = map[string]bool{}
	}
	guests.byLang[lang] = true
}

func languages() []string {
	guests.mu.Lock()
	defer guests.mu.Unlock()
	return slices.Sorted(maps.Keys(guests.byLang))
}

// scripts are the functions of guests, as a manager that has not registered
// them calls them.
var scripts sync.Map // language → *link.Function

// Run runs a script in the worker and returns its value. A script that fails is
// a [*RemoteError] whose Stack is its traceback. The worker's program must have
// a guest for the language: package script/starlark is one.
func (w *Worker) Run(ctx context.Context, s Script) (Value, error) {
	known, err := w.languages(ctx)
	if err != nil {
		return Value{}, fmt.Errorf("run %s: %w", s.Name, err)
	}
	if !slices.Contains(known, s.Lang) {
		have := "it runs no scripts"
		if len(known) > 0 {
			have = "it runs " + strings.Join(known, ", ")
		}
		return Value{}, fmt.Errorf("run %s on %s: no guest for the language %q: %s", s.Name, w.place(), s.Lang, have)
	}
	if w.asks != nil {
		return w.runGuest(ctx, s)
	}
	f, ok := scripts.Load(s.Lang)
	if !ok {
		f, _ = scripts.LoadOrStore(s.Lang, newFunction[Script, Value](scriptPrefix+s.Lang, "Worker.Run", nil))
	}
	v, err := w.call(ctx, f.(*link.Function), &s)
	if err != nil {
		return Value{}, err
	}
	return *v.(*Value), nil
}

// languages are those that the worker runs. One that has not said so yet is taken for
// what it is to be.
func (w *Worker) languages(ctx context.Context) ([]string, error) {
	switch {
	case w.greeted.Load():
	case w.asks != nil:
		return []string{w.asks.lang}, nil
	case w.same:
		return languages(), nil
	default:
		if err := w.Ready(ctx); err != nil {
			return nil, err
		}
	}
	return w.link.Peer().Languages, nil
}

// Value is what a script returned: nil, a bool, an integer of any size, a
// float, a string, bytes, a time, or a list or map of such; of Python also a
// tuple, a set or an exception (package script/python).
type Value struct{ raw []byte }

// MarshalBinary is how a Value crosses.
func (v Value) MarshalBinary() ([]byte, error) { return v.raw, nil }

// UnmarshalBinary is how a Value crosses. It refuses what is no Value.
func (v *Value) UnmarshalBinary(b []byte) error {
	if _, err := codec.DecodeValue(b); err != nil {
		return err
	}
	v.raw = slices.Clone(b)
	return nil
}

// Any is the value as nil, bool, int64, uint64, *big.Int, float64, string,
// []byte, time.Time, []any or map[any]any; or what package script/python has of
// its own.
func (v Value) Any() any {
	if v.raw == nil {
		return nil
	}
	x, err := codec.DecodeValue(v.raw)
	if err != nil {
		return nil // UnmarshalBinary has looked at it
	}
	return x
}

// IsNil reports whether the value is nil.
func (v Value) IsNil() bool { return v.Any() == nil }

// String is the value as JSON, or as Go prints it when JSON lacks it.
func (v Value) String() string {
	if b, err := v.MarshalJSON(); err == nil {
		return string(b)
	}
	return fmt.Sprint(v.Any())
}

// MarshalJSON writes the value as JSON: bytes as a string of base64, times as
// RFC 3339, tuples and sets as lists, exceptions as objects, keys of maps as their
// text. Floats that JSON lacks are an error.
func (v Value) MarshalJSON() ([]byte, error) {
	x, err := jsonable(v.Any())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // who marshals what this is part of decides
	err = enc.Encode(x)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func jsonable(x any) (any, error) {
	switch x := x.(type) {
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("JSON has no %v", x)
		}
	case []any:
		return jsonList(x)
	case codec.Tuple:
		return jsonList(x)
	case codec.Set:
		return jsonList(x)
	case *codec.Exception:
		return map[string]any{"type": x.Type, "message": x.Message, "traceback": x.Traceback}, nil
	case map[any]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			key := keyText(k)
			if _, ok := out[key]; ok {
				return nil, errors.New("two keys of a map have the same text: " + key)
			}
			var err error
			if out[key], err = jsonable(e); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return x, nil
}

func jsonList(x []any) (any, error) {
	out := make([]any, len(x))
	for i, e := range x {
		var err error
		if out[i], err = jsonable(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func keyText(k any) string {
	switch k := k.(type) {
	case string:
		return k
	case *big.Int:
		return k.String()
	case time.Time:
		return k.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(k)
}
