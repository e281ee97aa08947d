package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/outwork-go/outwork/tcp"
)

// tokenSpec is a token that is to be made, and where it goes.
type tokenSpec struct {
	pass tcp.Pass
	file string   // "": standard output
	out  *os.File // of file, once it has been made
}

// tokenList is the flag --token.
type tokenList []*tokenSpec

func (l *tokenList) String() string { return "" }
func (l *tokenList) Type() string   { return "token" }

func (l *tokenList) Set(text string) error {
	spec, err := parseToken(text)
	if err == nil {
		*l = append(*l, spec)
	}
	return err
}

// parseToken reads NAME[,uses=N][,expires=D][=FILE].
func parseToken(text string) (*tokenSpec, error) {
	t := new(tokenSpec)
	name, rest := cutAt(text, ",=")
	if err := checkNames(name); err != nil {
		return nil, err
	}
	t.pass.Names = name
	for strings.HasPrefix(rest, ",") {
		key, value := cutAt(rest[1:], "=")
		value, rest = cutAt(strings.TrimPrefix(value, "="), ",=")
		if err := t.limit(key, value); err != nil {
			return nil, err
		}
	}
	if file, named := strings.CutPrefix(rest, "="); named {
		if file == "" {
			return nil, errors.New("there is no file behind the =")
		}
		t.file = file
	}
	return t, nil
}

// cutAt splits s before the first of stops.
func cutAt(s, stops string) (before, rest string) {
	if at := strings.IndexAny(s, stops); at >= 0 {
		return s[:at], s[at:]
	}
	return s, ""
}

// checkNames refuses what is neither a name of a host nor a pattern of such.
func checkNames(names string) error {
	const most = 64
	other := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-*?[]^", r))
	}
	_, err := path.Match(names, "")
	switch {
	case names == "":
		return errors.New("it begins with the name that the host may have, or a pattern as web-* or *")
	case err != nil || len(names) > most || strings.ContainsFunc(names, other) || strings.ContainsAny(names[:1], ".-"):
		return fmt.Errorf("%q is no name of a host, and no pattern as web-* or *: letters, digits, dots, hyphens and underscores, %d at most", names, most)
	}
	return nil
}

// limit sets one of the things that bound a token.
func (t *tokenSpec) limit(key, value string) error {
	switch key {
	case "uses":
		if value == "any" {
			t.pass.Uses = -1
			return nil
		}
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 {
			return fmt.Errorf("uses=%s: it is a number, and at least 1, or any", value)
		}
		t.pass.Uses = int(n)
	case "expires":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return fmt.Errorf("expires=%s: it is a time with its unit, as in 30m or 24h", value)
		}
		t.pass.Expires = d
	default:
		return fmt.Errorf("there is no %s= of a token: it has uses= and expires=, and at its end =FILE", key)
	}
	return nil
}

// create makes the file, if there is to be one.
func (t *tokenSpec) create(flag string) (err error) {
	if t.file != "" {
		t.out, err = createSecret(flag, t.file)
	}
	return err
}

// drop is for a token that is not made after all.
func (t *tokenSpec) drop() {
	if t.out != nil {
		t.out.Close()
		os.Remove(t.file)
		t.out = nil
	}
}

// hand writes the token where it goes, and tells on stderr what to do with it.
func (a *app) hand(t *tokenSpec, token, address string) error {
	file := t.file
	switch {
	case t.out != nil:
		f := t.out
		t.out = nil
		if err := fillSecret(f, []byte(token)); err != nil {
			return err
		}
	case a.json:
		file = "FILE"
		if err := a.printJSON(map[string]any{"names": t.pass.Names, "token": token, "address": address}); err != nil {
			return err
		}
	default:
		file = "FILE"
		if err := a.write([]byte(token + "\n")); err != nil {
			return err
		}
	}
	a.complain(fmt.Sprintf("%s there: outwork join %s --token-file %s", t.whom(), reachable(address), file))
	return nil
}

// whom says who may join by it.
func (t *tokenSpec) whom() string {
	s := "For one host"
	switch {
	case t.pass.Uses < 0:
		s = "For any number of hosts"
	case t.pass.Uses > 1:
		s = "For " + count(t.pass.Uses, "host")
	}
	if s += " called " + t.pass.Names; t.pass.Expires > 0 {
		s += ", within " + t.pass.Expires.String()
	}
	return s + ", run"
}
