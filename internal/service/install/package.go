package install

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/outwork-go/outwork/internal/service/api"
)

// scripts are what dpkg runs around an installation.
//
//go:embed script
var scripts embed.FS

// scriptDir is where they are written, below the destination.
const scriptDir = "nfpm"

// nfpm is a package as nfpm.yaml describes it.
type nfpm struct {
	Name            string                  `yaml:"name"`
	Arch            string                  `yaml:"arch"`
	Platform        string                  `yaml:"platform"`
	Version         string                  `yaml:"version"`
	VersionSchema   string                  `yaml:"version_schema"`
	Section         string                  `yaml:"section"`
	Priority        string                  `yaml:"priority"`
	Maintainer      string                  `yaml:"maintainer"`
	Description     string                  `yaml:"description"`
	DisableGlobbing bool                    `yaml:"disable_globbing"`
	Modified        time.Time               `yaml:"mtime"`
	Contents        []nfpmContent           `yaml:"contents"`
	Overrides       map[string]nfpmOverride `yaml:"overrides"`
}

type nfpmContent struct {
	Source      string       `yaml:"src"`
	Destination string       `yaml:"dst"`
	Type        string       `yaml:"type,omitempty"`
	Info        nfpmFileInfo `yaml:"file_info"`
}

type nfpmFileInfo struct {
	Owner    string    `yaml:"owner"`
	Group    string    `yaml:"group"`
	Mode     int       `yaml:"mode,omitempty"`
	Modified time.Time `yaml:"mtime"`
}

type nfpmOverride struct {
	Recommends []string          `yaml:"recommends,omitempty"`
	Suggests   []string          `yaml:"suggests,omitempty"`
	Scripts    map[string]string `yaml:"scripts"`
}

// architectures are those of Go's ports to Linux.
var architectures = []string{
	"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x",
}

// Package is what nfpm builds a package of the tree from, in the directory that
// the tree was written to: nfpm.yaml, and Debian's maintainer scripts.
func Package(s *api.Service, o Options, tree []File) ([]File, error) {
	p, err := newPlan(s, o)
	if err != nil {
		return nil, err
	}
	if err := p.checkPackage(); err != nil {
		return nil, err
	}
	modified, err := p.modified()
	if err != nil {
		return nil, err
	}
	data, err := yaml.Marshal(p.nfpm(tree, modified))
	if err != nil {
		return nil, fmt.Errorf("install: nfpm.yaml: %w", err)
	}
	files := []File{{Path: "nfpm.yaml", Data: data, Mode: 0o644}}
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		text, err := scripts.ReadFile("script/" + name)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: path.Join(scriptDir, name), Data: []byte(p.script(string(text))), Mode: 0o755})
	}
	return files, nil
}

func (p *plan) checkPackage() error {
	switch {
	case p.Binary == "":
		return errors.New("install: a package needs the program: give --program or --binary FILE")
	case p.Arch == "":
		return errors.New("install: a package needs the architecture of its program")
	case strings.ContainsAny(p.Doc+p.Maintainer, "$"):
		return errors.New("install: the service's doc and the maintainer must not have a $, which nfpm would expand")
	case strings.ContainsAny(p.Maintainer, "\n\r"):
		return errors.New("install: the maintainer is more than one line")
	}
	return nil
}

func (p *plan) nfpm(tree []File, modified time.Time) nfpm {
	n := nfpm{
		Name: p.Name, Arch: p.Arch, Platform: "linux",
		Version: packageVersion(p.Version), VersionSchema: "none",
		Section: "admin", Priority: "optional",
		Maintainer: p.Maintainer, Description: p.description(),
		DisableGlobbing: true, Modified: modified,
		Overrides: map[string]nfpmOverride{"deb": p.debian()},
	}
	if n.Maintainer == "" {
		n.Maintainer = p.Name + " <root@localhost>"
	}
	for _, f := range tree {
		n.Contents = append(n.Contents, f.content(modified))
	}
	return n
}

// description is the first sentence, alone on its line, and then the others.
func (p *plan) description() string {
	_, rest, _ := strings.Cut(p.Doc, ". ")
	return strings.TrimSpace(p.summary() + "\n" + rest)
}

func (p *plan) debian() nfpmOverride {
	o := nfpmOverride{
		Suggests: []string{"logrotate"},
		Scripts: map[string]string{
			"postinstall": scriptDir + "/postinst",
			"preremove":   scriptDir + "/prerm",
			"postremove":  scriptDir + "/postrm",
		},
	}
	if len(p.polkit) > 0 {
		o.Recommends = []string{"polkitd"}
	}
	return o
}

// content is a file as a part of a package.
func (f *File) content(modified time.Time) nfpmContent {
	c := nfpmContent{
		Source: f.Path, Destination: "/" + f.Path,
		Info: nfpmFileInfo{Owner: "root", Group: "root", Mode: int(f.Mode), Modified: modified},
	}
	switch {
	case f.Link != "":
		c.Source, c.Type = f.Link, "symlink"
	case f.Config:
		c.Type = "config|noreplace"
	}
	return c
}

// NoVersion is the version of a package of a service that has none, which each other is newer than.
const NoVersion = "0"

// packageVersion is a version as Debian takes it: beginning with a digit.
// What it would not take, such as "(devel)", is [NoVersion].
func packageVersion(v string) string {
	v = strings.TrimPrefix(v, "v")
	if v == "" || v[0] < '0' || v[0] > '9' || plain("version", v, lower+upper+digit+".+~-") != nil {
		return NoVersion
	}
	return v
}

// script fills in a maintainer script.
func (p *plan) script(text string) string {
	return p.expand(strings.NewReplacer(
		"@sysusers@", "/"+p.below("lib/sysusers.d", p.Name+".conf"),
		"@tmpfiles@", "/"+p.below("lib/tmpfiles.d", p.Name+".conf"),
	).Replace(text))
}
