package schema

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

type (
	fileArgs struct {
		File *os.File `cbor:"file"`
	}
	pipeArgs struct {
		File *os.File `cbor:"file" file:"pipe,regular"`
	}
)

// A file is of the kind that is taken, by the kernel's word.
func TestValidateFiles(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	closed := open(t, os.Args[0], os.O_RDONLY)
	closed.Close()
	for _, test := range []struct {
		name, plain, pipes string // the problems; "" is none
		file               *os.File
	}{
		{"regular", "", "", open(t, os.Args[0], os.O_RDONLY)},
		{"fifo", "must be a regular file, and is a pipe", "", open(t, fifo, os.O_RDWR)},
		{"directory", "is a directory", "is a directory", open(t, dir, os.O_RDONLY)},
		{"device", "is a device", "must be a regular file or a pipe, and is a device", open(t, os.DevNull, os.O_RDONLY)},
		{"closed", "is not open", "is not open", closed},
		{"none", "must be given", "must be given", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			says(t, mustOf[fileArgs](t).Validate(&fileArgs{test.file}), test.plain)
			says(t, mustOf[pipeArgs](t).Validate(&pipeArgs{test.file}), test.pipes)
		})
	}
}

func open(t *testing.T, path string, flag int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func says(t *testing.T, p *Problem, want string) {
	t.Helper()
	switch {
	case p == nil && want == "":
	case p == nil:
		t.Errorf("no problem, want %q", want)
	case want == "" || p.Field != "file" || !strings.Contains(p.Text, want):
		t.Errorf("%s %s; want %q", p.Field, p.Text, want)
	}
}

func TestFileTag(t *testing.T) {
	type wrong struct {
		A *os.File `file:"regular,sokcet"`
	}
	type notAFile struct {
		A string `file:"pipe"`
	}
	for typ, want := range map[reflect.Type]string{
		reflect.TypeFor[wrong]():    `"sokcet" is no kind of file`,
		reflect.TypeFor[notAFile](): "tag file is for open files",
	} {
		if _, err := Of(typ); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", typ, err, want)
		}
	}
	made := mustOf[pipeArgs](t)
	back, err := FromJSONSchema(made.JSONSchema())
	if err != nil || back.Fields[0].Files != "pipe,regular" {
		t.Errorf("through JSON Schema: %+v, %v", back, err)
	}
}
