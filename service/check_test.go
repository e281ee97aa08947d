package service

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
)

var checked = outwork.Func("checked", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil })

type askedReply struct{ R io.Reader }

var asked = outwork.Func("asked.for", func(context.Context, struct{}) (askedReply, error) { return askedReply{}, nil })

// What an installation could not be made of is told where the program starts, and
// not first when it is packaged.
func TestDescriptionIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Service){
		`checked: the field Allow: polkit action "vault export"`: func(s *Service) { s.API[0].Allow = AnyOf(Group("x"), Polkit("vault export")) },
		`group "a b" has " "`:                   func(s *Service) { s.API[0].Allow = Group("a b") },
		`group "x y" has " "`:                   func(s *Service) { s.Socket.Group = "x y" },
		`capability "CHOWN" does not begin`:     func(s *Service) { s.Needs.Capabilities = []string{"CHOWN"} },
		`address family "INET" does not begin`:  func(s *Service) { s.Needs.Families = []string{"INET"} },
		`system call "open(2)" has "("`:         func(s *Service) { s.Needs.Syscalls = []string{"open(2)"} },
		`path to write "var/lib" is not an abs`: func(s *Service) { s.Needs.Writes = []string{"var/lib"} },
		`the field Name is "Test"`:              func(s *Service) { s.Name = "Test" },
		"asked.for, which is asked of clients: askedReply.R is a reader": func(s *Service) {
			s.API[0].Asks = []outwork.AnyFunction{asked}
		},
	} {
		s := Service{Name: "testctl", API: []Export{{Function: checked, Allow: Anyone()}}}
		if _, err := s.check(); err != nil {
			t.Fatal(err)
		}
		change(&s)
		if _, err := s.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

type fileReply struct{ F *os.File }

var (
	fileTaken  = outwork.Func("file.taken", func(context.Context, fileReply) (struct{}, error) { return struct{}{}, nil })
	fileHanded = outwork.Func("file.handed", func(context.Context, struct{}) (fileReply, error) { return fileReply{}, nil })
)

// A client may pass files in arguments, and in answers to what it is asked.
func TestTakesFiles(t *testing.T) {
	for name, test := range map[string]struct {
		export Export
		want   bool
	}{
		"taken":       {Export{Function: fileTaken}, true},
		"handed out":  {Export{Function: fileHanded}, false},
		"asked for":   {Export{Function: checked, Asks: []outwork.AnyFunction{fileHanded}}, true},
		"handed back": {Export{Function: checked, Asks: []outwork.AnyFunction{fileTaken}}, false},
		"nowhere":     {Export{Function: checked}, false},
	} {
		s := Service{Name: "testctl", API: []Export{test.export}}
		a, err := s.check()
		if err != nil {
			t.Fatal(err)
		}
		if got := takesFiles(a.Functions); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestSystemdVersion(t *testing.T) {
	var v systemdVersion
	if err := v.Set("252"); err != nil || v.String() != "252" {
		t.Errorf("got %v, %v", v, err)
	}
	for _, text := range []string{"abc", "", "-1", "252.1", "10000", "99999999999999999999"} {
		if err := v.Set(text); err == nil || err.Error() != "must be a version number, as 252" {
			t.Errorf("%q: got %v", text, err)
		}
	}
}
