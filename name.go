package outwork

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// name makes t's name unique.
func (m *Manager) name(t *Target) (string, error) {
	if t.Name == "" {
		base := filepath.Base(os.Args[0])
		if t.Program != "" {
			base = filepath.Base(t.Program)
		}
		for {
			m.count++
			if name := fmt.Sprintf("%s-%d", base, m.count); !m.names[name] {
				m.names[name] = true
				return name, nil
			}
		}
	}
	if err := checkName(t.Name); err != nil {
		return "", err
	}
	if m.names[t.Name] {
		return "", fmt.Errorf("%s: the name is taken: %w", place(t.Name, ""), fs.ErrExist)
	}
	m.names[t.Name] = true
	return t.Name, nil
}

// maxName is the length of a worker's name, in bytes.
const maxName = 64

func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("a name of %d bytes, more than %d", len(name), maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("the name %q has characters that do not print", name)
	}
	return nil
}
