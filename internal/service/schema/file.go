package schema

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/filekind"
)

// kindsOfFile are the words of the tag file.
var kindsOfFile = []string{"regular", "directory", "pipe", "socket", "device"}

// fileKinds reads the tag file: the kinds of file that an argument may be. Without
// it that is regular alone: what is read from a pipe or a device may never come.
func fileKinds(value string) (string, error) {
	words := strings.Split(value, ",")
	slices.Sort(words)
	for _, word := range words {
		if !slices.Contains(kindsOfFile, word) {
			return "", fmt.Errorf("%q is no kind of file: they are %s", word, strings.Join(kindsOfFile, ", "))
		}
	}
	if words = slices.Compact(words); slices.Equal(words, kindsOfFile[:1]) {
		return "", nil // as without it
	}
	return strings.Join(words, ","), nil
}

// readFiles reads what a JSON Schema says of the kinds of file.
func (f *Field) readFiles(kinds string) (err error) {
	if kinds == "" {
		return nil
	}
	if f.Files, err = fileKinds(kinds); err != nil {
		return fmt.Errorf("x-files: %w", err)
	}
	return nil
}

func (f *Field) checkFiles() error {
	if f.Files != "" && f.Type.Kind != File {
		return fmt.Errorf("tag file is for open files, not for %s", f.Type.Kind)
	}
	return nil
}

// TakesFiles are the kinds of file that the field takes.
func (f *Field) TakesFiles() []string {
	if f.Files == "" {
		return kindsOfFile[:1]
	}
	return strings.Split(f.Files, ",")
}

// checkBeside looks at what travelled beside the CBOR. Of a file the kernel tells
// what it is; that it can be read or written is for who uses it to find out.
func (f *Field) checkBeside(v reflect.Value) *Problem {
	if p := missing(f.Type, v); p != nil || f.Type.Kind != File {
		return p
	}
	file, ok := v.Interface().(*os.File)
	if !ok {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return &Problem{Text: "is not open"}
	}
	if kind := filekind.Of(info.Mode()); !slices.Contains(f.TakesFiles(), string(kind)) {
		return &Problem{Text: "must be " + f.FileWords() + ", and is " + kind.Words()}
	}
	return nil
}

// FileWords are the kinds of file that the field takes, as a sentence has them:
// "a regular file or a pipe".
func (f *Field) FileWords() string {
	var words []string
	for _, kind := range kindsOfFile {
		if slices.Contains(f.TakesFiles(), kind) {
			words = append(words, filekind.Kind(kind).Words())
		}
	}
	return strings.Join(words, " or ")
}
