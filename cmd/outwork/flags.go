package main

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/spell"
)

// oneOf is a flag whose value is one of a few words.
type oneOf struct {
	value string
	words []string
	kind  string // what help calls the value
}

func (o *oneOf) String() string { return o.value }
func (o *oneOf) Type() string   { return o.kind }

func (o *oneOf) Set(s string) error {
	err := among(s, o.words)
	if err == nil {
		o.value = s
	}
	return err
}

// among refuses what is none of the words.
func among(s string, words []string) error {
	if slices.Contains(words, s) {
		return nil
	}
	if near := spell.Nearest(s, words); near != "" {
		return fmt.Errorf("did you mean %s?", near)
	}
	return fmt.Errorf("it takes %s", list(words))
}

// complete offers the words to the shell.
func (o *oneOf) complete(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return o.words, cobra.ShellCompDirectiveNoFileComp
}

// someOf is a flag that adds one of a few words each time.
type someOf struct {
	values []string
	words  []string
	kind   string // what help calls the value
}

func (o *someOf) String() string { return "" }
func (o *someOf) Type() string   { return o.kind }

func (o *someOf) Set(s string) error {
	err := among(s, o.words)
	if err == nil && !slices.Contains(o.values, s) {
		o.values = append(o.values, s)
	}
	return err
}

// complete offers the words to the shell.
func (o *someOf) complete(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return o.words, cobra.ShellCompDirectiveNoFileComp
}

// list is words as people say them.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// steps is a flag that counts.
type steps uint64

func (n *steps) Type() string { return "count" }

func (n *steps) String() string {
	if *n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(*n), 10)
}

func (n *steps) Set(s string) error {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil || v == 0 {
		return errors.New("it is a number, and at least 1")
	}
	*n = steps(v)
	return nil
}

// share is a value of --share.
type share struct{ name, path string }

// shares is the flag --share.
type shares []share

func (s *shares) String() string { return "" }
func (s *shares) Type() string   { return "name=source" }

func (s *shares) Set(v string) error {
	name, path, ok := strings.Cut(v, "=")
	if !ok || name == "" || path == "" {
		return errors.New("write a name and what to share, as in data=file.bin")
	}
	for _, other := range *s {
		if other.name == name {
			return fmt.Errorf("the name %s is taken by %s", name, other.path)
		}
	}
	*s = append(*s, share{name, path})
	return nil
}

// levelOf is a value of --log-level.
func levelOf(name string) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name)) // one of logLevels
	return l
}

func logLevels() []string { return []string{"debug", "info", "warn", "error"} }

// outputOf is a value of --output-mode.
func outputOf(name string) outwork.OutputMode {
	switch name {
	case "atomic":
		return outwork.OutputAtomic
	case "log":
		return outwork.OutputLog
	}
	return outwork.OutputStream
}

func outputModes() []string { return []string{"stream", "atomic", "log"} }
