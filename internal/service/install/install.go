// Package install makes what an operating system wants to have of a service:
// units for systemd, groups, directories, polkit actions, man pages,
// completions, log rotation, and what a package is built from.
//
// What is made depends on its input alone: two runs write the same bytes.
package install

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/service/api"
)

// DefaultPrefix is where operating systems keep what they install.
const DefaultPrefix = "/usr"

// Options are what is to be installed besides the service itself. The zero value
// installs no program, no man pages and no completions.
type Options struct {
	// Prefix is the absolute directory of everything but configuration;
	// DefaultPrefix when empty.
	Prefix string

	// Binary is the file that is installed as the command and the daemon; "" is
	// none.
	Binary string

	// Man are pages in roff by file name, which ends in their section:
	// "hostctl.1".
	Man map[string][]byte

	// Completions are scripts by shell: "bash", "fish" and "zsh".
	Completions map[string][]byte

	// Needs are what the daemon needs beyond the hardened default.
	Needs Needs

	// Systemd is the version that the units are for. 0 is the oldest that they
	// can be for.
	Systemd int

	// Package asks for nfpm.yaml and the scripts of the package as well.
	Package bool

	// Arch is the package's architecture, as Go names it: "amd64".
	Arch string

	// Maintainer is the package's: "Name <address>".
	Maintainer string

	// Modified is the time that all files get. Zero is SOURCE_DATE_EPOCH, and
	// without that 1970.
	Modified time.Time
}

// Install writes what s needs below the directory dir, as [Tree] and, when it is
// asked for, [Package] make it, and returns what it did also when it failed half
// way. See [Write] for what it refuses.
func Install(dir string, s *api.Service, o Options) (Report, error) {
	files, err := Tree(s, o)
	if err != nil {
		return Report{}, err
	}
	if o.Package {
		more, err := Package(s, o, files)
		if err != nil {
			return Report{}, err
		}
		files = append(files, more...)
	}
	modified, err := o.modified()
	if err != nil {
		return Report{}, err
	}
	report, err := Write(dir, manifestPath(s, o), files, modified)
	if o.Package {
		report.Version = packageVersion(s.Version)
	}
	return report, err
}

// File is one thing to be installed.
type File struct {
	Path   string      // slash-separated, below the destination: "usr/bin/hostctl"
	Data   []byte      // its content
	Source string      // or the file whose content it gets
	Link   string      // or what it links to
	Mode   os.FileMode // permission bits
	Config bool        // it is the administrator's once it is there
}

// Tree is what is installed of s, without a package around it, in the order in
// which it is written.
func Tree(s *api.Service, o Options) ([]File, error) {
	p, err := newPlan(s, o)
	if err != nil {
		return nil, err
	}
	man, err := p.man()
	if err != nil {
		return nil, err
	}
	completions, err := p.completions()
	if err != nil {
		return nil, err
	}
	actions, err := p.actions()
	if err != nil {
		return nil, err
	}
	var files []File
	for _, part := range [][]File{p.programs(), p.units(), p.settings(), actions, man, completions} {
		files = append(files, part...)
	}
	return files, nil
}

// plan is a service, how it is to be installed, and what both come to.
type plan struct {
	*api.Service
	Options
	prefix string // without the leading slash: "usr"
	groups []string
	polkit []action
}

func newPlan(s *api.Service, o Options) (*plan, error) {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	p := &plan{Service: s, Options: o, prefix: strings.TrimPrefix(o.Prefix, "/")}
	p.groups = groupsOf(s)
	p.polkit = actionsOf(s)
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	return p, nil
}

// Check refuses, all at once, what in a service's rules and needs could not be
// written into the files of an installation. It is what [Tree] checks first.
func Check(s *api.Service, n Needs) error {
	return errors.Join(n.check(), checkGroups(groupsOf(s)), checkActions(actionsOf(s)))
}

// check refuses what would mean something else in one of the files made.
func (p *plan) check() error {
	if err := Check(p.Service, p.Needs); err != nil {
		return err
	}
	if p.Arch != "" && !slices.Contains(architectures, p.Arch) {
		return fmt.Errorf("the architecture %q is none that Go has on Linux: %s", p.Arch, strings.Join(architectures, ", "))
	}
	for _, c := range []struct{ what, word, allowed string }{
		{"name of the command", p.Name, nameBytes},
		{"name of the daemon", p.Daemon, nameBytes},
	} {
		if err := plain(c.what, c.word, c.allowed); err != nil {
			return err
		}
	}
	return p.checkPaths()
}

func (p *plan) checkPaths() error {
	for _, c := range []struct{ what, path string }{
		{"prefix", p.Prefix},
		{"path of the socket", p.Socket.Path},
		{"directory of policies", p.PolicyDir},
		{"path of the records", p.AuditFile},
	} {
		if err := clean(c.what, c.path); err != nil {
			return err
		}
	}
	return nil
}

func checkGroups(groups []string) error {
	var errs []error
	for _, group := range groups {
		errs = append(errs, plain("name of the group", group, nameBytes))
	}
	return errors.Join(errs...)
}

// below is a file's path under the prefix.
func (p *plan) below(elem ...string) string {
	return path.Join(append([]string{p.prefix}, elem...)...)
}

// programs are the command and the daemon, which are one file.
func (p *plan) programs() []File {
	if p.Binary == "" {
		return nil
	}
	return []File{
		{Path: p.below("bin", p.Name), Source: p.Binary, Mode: 0o755},
		{Path: p.below("sbin", p.Daemon), Link: "../bin/" + p.Name, Mode: 0o777},
	}
}

// summary is the first sentence of the service's doc, on one line.
func (p *plan) summary() string { return firstSentence(p.Doc, p.Name) }

func firstSentence(doc, otherwise string) string {
	doc = strings.Join(strings.FieldsFunc(doc, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if doc == "" {
		return otherwise
	}
	first, _, _ := strings.Cut(doc, ". ")
	return strings.TrimSuffix(first, ".")
}
