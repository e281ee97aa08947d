package describe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/outwork-go/outwork/internal/service/schema"
)

const (
	// LockFile is what the lock file of a service is called.
	LockFile = "api.lock.json"

	// MaxLock is the size of the largest lock file, in bytes.
	MaxLock = 8 << 20

	lockFormat = 1
)

// A lock is the file. What differs from one build or caller to the next is not
// in it.
type lock struct {
	Format    int               `json:"format"`
	Service   string            `json:"service"`
	Functions map[string]locked `json:"functions"`
}

type locked struct {
	Doc     string          `json:"doc"`
	Mutates bool            `json:"mutates"`
	Allow   json.RawMessage `json:"allow"`
	Asks    []string        `json:"asks,omitempty"`
	Args    json.RawMessage `json:"args"`
	Reply   json.RawMessage `json:"reply"`
}

// WriteLock writes the lock file of d: the same bytes for the same API,
// indented, by name, so that a version control shows what changed.
func WriteLock(w io.Writer, d *Description) error {
	file := lock{Format: lockFormat, Service: d.Service, Functions: map[string]locked{}}
	for i := range d.Functions {
		f := &d.Functions[i]
		asks := slices.Sorted(slices.Values(f.Asks))
		file.Functions[f.Name] = locked{
			Doc: f.Doc, Mutates: f.Mutates, Allow: json.RawMessage(f.Rule), Asks: asks,
			Args: json.RawMessage(f.Args), Reply: json.RawMessage(f.Reply),
		}
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(&file); err != nil {
		return fmt.Errorf("write %s: %w", LockFile, err)
	}
	if _, err := w.Write(text.Bytes()); err != nil {
		return fmt.Errorf("write %s: %w", LockFile, err)
	}
	return nil
}

// ReadLock reads what WriteLock wrote, strictly: unknown or doubled keys, a
// type or rule that cannot be read, or more after the end are errors. What a
// lock file does not hold is empty in the description.
func ReadLock(data []byte) (*Description, error) {
	d, err := readLock(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", LockFile, err)
	}
	return d, nil
}

func readLock(data []byte) (*Description, error) {
	if len(data) > MaxLock {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(data), MaxLock)
	}
	if err := schema.CheckJSON(data); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var file lock
	if err := dec.Decode(&file); err != nil {
		return nil, err
	}
	if file.Format != lockFormat {
		return nil, fmt.Errorf("its format is %d, and %d is known here: write it anew", file.Format, lockFormat)
	}
	d := &Description{Service: file.Service}
	for _, name := range slices.Sorted(maps.Keys(file.Functions)) {
		f, err := file.Functions[name].function(name)
		if err != nil {
			return nil, err
		}
		d.Functions = append(d.Functions, *f)
	}
	return d, d.Check()
}

func (l locked) function(name string) (*Function, error) {
	f := &Function{Name: name, Doc: l.Doc, Mutates: l.Mutates, Asks: l.Asks}
	for _, text := range []struct {
		from json.RawMessage
		to   *string
	}{{l.Args, &f.Args}, {l.Reply, &f.Reply}, {l.Allow, &f.Rule}} {
		var compact bytes.Buffer
		if len(text.from) == 0 {
			return nil, fmt.Errorf("%.64q: %w", name, errors.New("allow, args or reply is missing"))
		}
		if err := json.Compact(&compact, text.from); err != nil {
			return nil, fmt.Errorf("%.64q: %w", name, err)
		}
		*text.to = compact.String()
	}
	r, err := parseRule([]byte(f.Rule))
	if err != nil {
		return nil, fmt.Errorf("%.64q: %w", name, err)
	}
	f.Allow = r.String()
	_, _, err = f.Types()
	return f, err
}
