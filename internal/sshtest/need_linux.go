package sshtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// MissingError says what this machine lacks for the making of another.
type MissingError struct {
	What    string
	Package string // the Debian package that has it; empty if none has
}

func (e *MissingError) Error() string {
	if e.Package == "" {
		return "sshtest needs " + e.What
	}
	return fmt.Sprintf("sshtest needs %s: apt-get install %s", e.What, e.Package)
}

// packages are the Debian packages of programs that machines need.
var packages = map[string]string{
	"/usr/sbin/sshd": "openssh-server",
	"ssh":            "openssh-client",
	"sudo":           "sudo",
	"nsenter":        "util-linux",
	"ip":             "iproute2",
	"tc":             "iproute2",
	"/usr/bin/tcsh":  "tcsh",
	"/bin/tcsh":      "tcsh",
	"/usr/bin/fish":  "fish",
	"/usr/bin/zsh":   "zsh",
	"/bin/busybox":   "busybox-static",
	"podman":         "podman",
	"crun":           "crun",
	"docker":         "docker.io",
}

// need returns a [*MissingError] for the first of these programs that is not there.
func need(programs ...string) error {
	if os.Geteuid() != 0 {
		return &MissingError{What: "root"}
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return &MissingError{What: p, Package: packages[p]}
		}
	}
	return nil
}

// check ends the test if there is an error: as skipped if something is missing here,
// unless under continuous integration, which has everything.
func check(t testing.TB, err error) {
	t.Helper()
	if missing, ok := errors.AsType[*MissingError](err); ok && os.Getenv("CI") != "true" {
		t.Skip(missing)
	}
	if err != nil {
		t.Fatal(err)
	}
}
