package service

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/command"
	"github.com/outwork-go/outwork/internal/service/describe"
	"github.com/outwork-go/outwork/internal/service/install"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// check is the Service as its parts see it, or what is wrong with it: all of it
// at once, since it is for who writes the program.
func (s *Service) check() (*api.Service, error) {
	a := &api.Service{
		Name: s.Name, Daemon: daemonName(s.Name), Doc: s.Doc, Version: s.Version,
		Socket: s.socket(), Limits: s.limits(),
		PolicyDir: "/etc/" + s.Name + "/policy.d", AuditFile: s.AuditFile,
	}
	if a.Version == "" {
		a.Version = buildVersion()
	}
	if a.AuditFile == "" {
		a.AuditFile = "/var/log/" + s.Name + "/audit.jsonl"
	}
	err := errors.Join(checkServiceName(s.Name), checkPaths(a))
	for i := range s.API {
		f, ferr := s.API[i].check()
		if ferr != nil {
			err = errors.Join(err, fmt.Errorf("API[%d]: %w", i, ferr))
			continue
		}
		a.Functions = append(a.Functions, f)
	}
	if len(s.API) == 0 {
		err = errors.Join(err, errors.New("the field API is empty: there is nothing to serve"))
	}
	if ierr := install.Check(a, install.Needs(s.Needs)); ierr != nil {
		err = errors.Join(err, fmt.Errorf("what install-files would write: %w", ierr))
	}
	slices.SortStableFunc(a.Functions, func(x, y *api.Function) int { return cmp.Compare(x.Link.Name, y.Link.Name) })
	if err != nil {
		return nil, err
	}
	return a, command.Check(a)
}

func checkServiceName(name string) error {
	if !isWord(name, "-") || len(name) > 32 {
		return fmt.Errorf("the field Name is %q, and must be a lower-case letter and up to 31 letters, digits and dashes", name)
	}
	return nil
}

// isWord reports whether s is a lower-case letter, and then more of them, digits
// and what is in also.
func isWord(s, also string) bool {
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || strings.IndexByte(also, c) >= 0):
		default:
			return false
		}
	}
	return s != ""
}

// daemonName is the convention of the d.
func daemonName(name string) string {
	if stem := strings.TrimSuffix(name, "ctl"); stem != "" {
		return strings.TrimSuffix(stem, "-") + "d"
	}
	return name + "d"
}

func checkPaths(a *api.Service) error {
	for what, path := range map[string]string{"Socket.Path": a.Socket.Path, "AuditFile": a.AuditFile} {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("%s %q must be absolute", what, path)
		}
	}
	if a.Socket.Mode&^0o777 != 0 {
		return fmt.Errorf("the field Socket.Mode is %v, and must be permission bits alone", a.Socket.Mode)
	}
	return nil
}

func (s *Service) socket() api.Socket {
	return api.Socket{
		Path:  cmp.Or(s.Socket.Path, "/run/"+s.Name+".sock"),
		Mode:  cmp.Or(s.Socket.Mode, 0o666),
		Group: s.Socket.Group,
	}
}

func (s *Service) limits() api.Limits {
	l := s.Limits
	return api.Limits{
		Connections:        cmp.Or(l.Connections, Connections),
		ConnectionsPerUser: cmp.Or(l.ConnectionsPerUser, ConnectionsPerUser),
		Calls:              cmp.Or(l.Calls, Calls),
		CallsPerUser:       cmp.Or(l.CallsPerUser, CallsPerUser),
		Argument:           cmp.Or(l.Argument, Argument),
		CallTime:           cmp.Or(l.CallTime, CallTime),
	}
}

func (e *Export) check() (*api.Function, error) {
	if e.Function == nil {
		return nil, errors.New("the field Function is nil")
	}
	if err := e.Allow.rule.Check(); err != nil {
		return nil, fmt.Errorf("%s: the field Allow: %w", hook.Function(e.Function).Name, err)
	}
	f := &api.Function{Link: hook.Function(e.Function), Doc: e.Doc, Rule: e.Allow.rule, Mutates: e.Mutates}
	for _, ask := range e.Asks {
		asked := hook.Function(ask)
		if err := checkAsk(asked); err != nil {
			return nil, err
		}
		f.Asks = append(f.Asks, asked)
	}
	name := f.Link.Name
	if err := checkFunctionName(name); err != nil {
		return nil, err
	}
	if err := checkArguments(f.Link); err != nil {
		return nil, err
	}
	var err error
	if f.Args, err = schema.Of(f.Link.Args.Type()); err != nil {
		return nil, fmt.Errorf("%s: the argument: %w", name, err)
	}
	if f.Args.Kind != schema.Struct {
		return nil, fmt.Errorf("%s: the argument is %v, and must be a struct", name, f.Link.Args.Type())
	}
	if f.Reply, err = schema.Of(f.Link.Reply.Type()); err != nil {
		return nil, fmt.Errorf("%s: the result: %w", name, err)
	}
	return f, nil
}

func checkFunctionName(name string) error {
	valid := len(name) <= 64
	for word := range strings.SplitSeq(name, ".") {
		valid = valid && isWord(word, "-_")
	}
	if !valid {
		return fmt.Errorf(`%s: a service's function must be called like "hostname.set": words of lower-case letters, digits and dashes, with dots between them, 64 bytes at most`, name)
	}
	if strings.HasPrefix(name, describe.Reserved) {
		return fmt.Errorf("%s: names that begin with %s are the service's own", name, describe.Reserved)
	}
	return nil
}

// checkAsk refuses what a client could hand in by an answer, and not by an
// argument.
func checkAsk(f *link.Function) error {
	for _, c := range slices.Concat(f.Args.Crossings(), f.Reply.Crossings()) {
		switch c.Kind {
		case codec.Container, codec.Reader, codec.Stream:
			return fmt.Errorf("%s, which is asked of clients: %s is a %s, which a service neither takes nor hands out there; use an open file (*os.File) or bytes", f.Name, c.Name, c.Kind)
		}
	}
	return nil
}

// checkArguments refuses what could change after it was decided about.
func checkArguments(f *link.Function) error {
	for _, c := range f.Args.Crossings() {
		switch c.Kind {
		case codec.Container, codec.Reader, codec.Stream:
			return fmt.Errorf("%s: %s is a %s, which a service takes from nobody: what it runs must be what was decided about; take an open file (*os.File) or bytes", f.Name, c.Name, c.Kind)
		}
	}
	for _, c := range f.Reply.Crossings() {
		if c.Kind == codec.Container {
			return fmt.Errorf("%s: %s is a container, which a service does not hand out; return an open file (*os.File)", f.Name, c.Name)
		}
	}
	return nil
}

// buildVersion is the version that Go has noted in the program.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
