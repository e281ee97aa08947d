package guest

import (
	"fmt"
	"slices"

	"github.com/outwork-go/outwork/internal/confine"
)

// Hold has p, which may be nil, hold the interpreter i at path, as Find has found it with env: a
// stage becomes it, and under confine.Strict it may read what it cannot do without.
func Hold(i Interpreter, p *confine.Policy, path string, args, env []string) error {
	if !p.Active() {
		return nil
	}
	p.Exec = &confine.Exec{Path: path, Args: args}
	if p.Level != confine.Strict {
		return nil
	}
	program, reads, err := i.Reads(path, env)
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	p.Exec = &confine.Exec{Path: program, Args: slices.Concat([]string{program}, args[1:]), Reads: reads}
	return nil
}
