package inspect_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
)

// corpus is the packages whose PE files are compared with what objdump says.
var corpus = []string{
	"gcc-mingw-w64-i686-win32-runtime", "gcc-mingw-w64-x86-64-win32-runtime", "libz-mingw-w64",
	"python3-distlib", "systemd-boot-efi", "grub-efi-amd64-bin",
}

// want ends the test when a program or package is missing: as a failure under continuous
// integration, which has all of them.
func want(t testing.TB, there bool, what string) {
	t.Helper()
	switch {
	case there:
	case os.Getenv("CI") != "":
		t.Fatalf("%s is not there: install it", what)
	default:
		t.Skipf("%s is not there: install it", what)
	}
}

// filesUnder are the regular files under roots that begin with magic.
func filesUnder(t testing.TB, magic string, roots ...string) []string {
	t.Helper()
	var files []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				return nil // removed meanwhile, or somebody else's
			}
			if err == nil && d.Type().IsRegular() && beginsWith(path, magic) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func beginsWith(path, magic string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, len(magic))
	n, _ := f.ReadAt(b, 0)
	return string(b[:n]) == magic
}

// packageFiles are the PE files of the corpus.
func packageFiles(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, name := range corpus {
		out, err := exec.CommandContext(t.Context(), "dpkg", "-L", name).Output()
		want(t, err == nil, "the Debian package "+name)
		found := len(files)
		for path := range strings.Lines(string(out)) {
			if path = strings.TrimSuffix(path, "\n"); isFile(path) && beginsWith(path, "MZ") {
				files = append(files, path)
			}
		}
		if len(files) == found {
			t.Errorf("%s has no PE file", name)
		}
	}
	return files
}

func isFile(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// parseFile is the report of a file.
func parseFile(ctx context.Context, path string, o inspect.Options) (*inspect.Report, error) {
	c, err := container.FromFile(path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return inspect.Parse(ctx, c, o)
}

// parseAll parses files, several at a time.
func parseAll(t testing.TB, files []string) map[string]*inspect.Report {
	t.Helper()
	var (
		mu      sync.Mutex // guards reports
		reports = make(map[string]*inspect.Report, len(files))
		next    = make(chan string)
		parsers sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		parsers.Go(func() {
			for path := range next {
				r, err := parseFile(t.Context(), path, inspect.Options{})
				if err != nil {
					t.Errorf("%s: %v", path, err)
					continue
				}
				mu.Lock()
				reports[path] = r
				mu.Unlock()
			}
		})
	}
	for _, path := range files {
		next <- path
	}
	close(next)
	parsers.Wait()
	return reports
}

// tell runs a program on files, some hundred at a time, and calls line for each line that
// it prints, with the file that it is about. The program's names for the files are found
// by file.
func tell(t testing.TB, files []string, program []string, file func(line string) (string, bool), line func(path, line string)) {
	t.Helper()
	_, err := exec.LookPath(program[0])
	want(t, err == nil, program[0]+" (of the Debian package binutils)")
	for batch := range slices.Chunk(files, 400) {
		cmd := exec.CommandContext(t.Context(), program[0], append(program[1:], batch...)...)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil && !errors.As(err, new(*exec.ExitError)) { // it may dislike a file
			t.Fatal(err)
		}
		path := batch[0]
		for text := range bytes.Lines(out) {
			text := strings.TrimSuffix(string(text), "\n")
			if name, ok := file(text); ok {
				path = name
				continue
			}
			line(path, text)
		}
	}
}

func elfFileLine(line string) (string, bool) { return strings.CutPrefix(line, "File: ") }

// Every ELF file of the system needs the libraries that readelf says.
func TestELFImports(t *testing.T) {
	files := filesUnder(t, "\x7fELF", "/usr/bin", "/usr/lib")
	if len(files) < 100 {
		t.Fatalf("there are only %d ELF files", len(files))
	}
	if raceEnabled { // there is nothing to be found by it in a parse
		files = everyNth(files, len(files)/10)
	}
	theirs := make(map[string][]string)
	tell(t, files, []string{"readelf", "-dW"}, elfFileLine, func(path, line string) {
		if _, rest, ok := strings.Cut(line, "Shared library: ["); ok {
			theirs[path] = append(theirs[path], strings.TrimSuffix(rest, "]"))
		}
	})
	ours, warned := parseAll(t, files), 0
	for _, path := range files {
		r := ours[path]
		if r == nil {
			continue // told
		}
		if got := needed(r); !slices.Equal(got, theirs[path]) {
			t.Errorf("%s needs %q, readelf says %q; %q", path, got, theirs[path], r.Warnings)
		}
		if len(r.Warnings) > 0 {
			warned++
			t.Logf("%s: %q", path, r.Warnings)
		}
		if r.Kind == "" || r.Machine == "" || len(r.Structure) == 0 {
			t.Errorf("%s is a %q for %q with %d parts", path, r.Kind, r.Machine, len(r.Structure))
		}
	}
	t.Logf("%d files, %d of them with warnings", len(files), warned)
}

// The dynamic symbols of a sample are those of readelf: which are not defined, with their
// versions, and which are.
func TestELFSymbols(t *testing.T) {
	files := filesUnder(t, "\x7fELF", "/usr/bin", "/usr/lib/x86_64-linux-gnu")
	n := 150
	if raceEnabled {
		n = 30
	}
	files = everyNth(files, n)
	theirs := make(map[string]*dynamicSymbols)
	tell(t, files, []string{"readelf", "--dyn-syms", "-W"}, elfFileLine, func(path, line string) {
		if theirs[path] == nil {
			theirs[path] = &dynamicSymbols{}
		}
		theirs[path].add(line)
	})
	total := 0
	for path, r := range parseAll(t, files) {
		var imports, exports []string
		for _, l := range r.Imports {
			imports = append(imports, versioned(l.Symbols)...)
		}
		exports = versioned(r.Exports)
		their := theirs[path]
		if their == nil {
			their = &dynamicSymbols{}
		}
		slices.Sort(imports)
		slices.Sort(exports)
		slices.Sort(their.undefined)
		slices.Sort(their.defined)
		if !slices.Equal(imports, their.undefined) {
			t.Errorf("%s: %d symbols are imported, readelf has %d: %s", path, len(imports), len(their.undefined), firstDifference(imports, their.undefined))
		}
		if len(r.Warnings) > 0 { // of a bound
			if len(exports) >= len(their.defined) || len(exports) < inspect.MaxSymbols/2 {
				t.Errorf("%s: %d symbols are exported, readelf has %d; %q", path, len(exports), len(their.defined), r.Warnings)
			}
		} else if !slices.Equal(exports, their.defined) {
			t.Errorf("%s: %d symbols are exported, readelf has %d: %s", path, len(exports), len(their.defined), firstDifference(exports, their.defined))
		}
		total += len(imports) + len(exports)
	}
	t.Logf("%d files, %d symbols", len(files), total)
	if total < 1000 {
		t.Errorf("only %d symbols were compared", total)
	}
}

func everyNth(files []string, n int) []string {
	var some []string
	step := max(1, len(files)/n)
	for i := 0; i < len(files); i += step {
		some = append(some, files[i])
	}
	return some
}

// dynamicSymbols is readelf's table.
type dynamicSymbols struct {
	undefined, defined []string
	named              int // all, local ones too
}

// oddWords are bindings (GNU_UNIQUE, when the file is not marked as GNU's) that readelf
// writes with a space in them.
var oddWords = regexp.MustCompile(`<(OS|processor) specific>: \d+`)

// add takes a line such as
// "     4: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND free@GLIBC_2.2.5 (3)".
func (d *dynamicSymbols) add(line string) {
	words := strings.Fields(oddWords.ReplaceAllString(line, " ODD "))
	if len(words) < 8 || !strings.HasSuffix(words[0], ":") || words[0] == "Num:" || words[0] == "Symbol" {
		return
	}
	if _, err := strconv.Atoi(strings.TrimSuffix(words[0], ":")); err != nil {
		return
	}
	d.named++
	bind, visibility, section, name := words[4], words[5], words[6], words[7]
	name, version, _ := strings.Cut(name, "@")
	name += "@" + strings.TrimPrefix(version, "@")
	switch {
	case section == "UND":
		d.undefined = append(d.undefined, name)
	case bind != "LOCAL" && visibility != "HIDDEN" && visibility != "INTERNAL":
		d.defined = append(d.defined, name)
	}
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%q, %q", a[i], b[i])
		}
	}
	return "one begins like the other"
}

// The symbols of object files, read deep, are those of readelf: what they want, what they
// have, and all of them.
func TestELFObjects(t *testing.T) {
	want(t, isFile("/usr/lib/grub/x86_64-efi/normal.mod"), "the Debian package grub-efi-amd64-bin")
	files := everyNth(filesUnder(t, "\x7fELF", "/usr/lib/grub/x86_64-efi"), 40)
	theirs := make(map[string]*dynamicSymbols)
	tell(t, files, []string{"readelf", "-sW"}, elfFileLine, func(path, line string) {
		if theirs[path] == nil {
			theirs[path] = &dynamicSymbols{}
		}
		if !strings.Contains(line, " SECTION ") { // readelf tells the section's name
			theirs[path].add(line)
		}
	})
	objects, symbols := 0, 0
	for _, path := range files {
		r, err := parseFile(t.Context(), path, inspect.Options{Deep: true})
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != "object file" {
			continue
		}
		objects++
		symbols += len(r.Symbols)
		var imports []string
		for _, l := range r.Imports {
			imports = append(imports, versioned(l.Symbols)...)
		}
		if exports := versioned(r.Exports); !slices.Equal(imports, theirs[path].undefined) || !slices.Equal(exports, theirs[path].defined) {
			t.Errorf("%s: %q and %q, readelf says %q and %q", path, imports, exports, theirs[path].undefined, theirs[path].defined)
		}
		if len(r.Symbols) != theirs[path].named {
			t.Errorf("%s: %d symbols, readelf has %d", path, len(r.Symbols), theirs[path].named)
		}
	}
	if objects < 20 || symbols < 200 {
		t.Errorf("only %d symbols of %d files were compared", symbols, objects)
	}
}

// A file links to the same without its section headers: loaders do not look at them.
func TestELFWithoutSections(t *testing.T) {
	files := everyNth(filesUnder(t, "\x7fELF", "/usr/bin", "/usr/lib/x86_64-linux-gnu"), 200)
	compared := 0
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		with := parse(t, b, inspect.Options{Brief: true})
		if len(with.Warnings) > 0 || len(needed(with)) == 0 {
			continue
		}
		withoutSections(b)
		without := parse(t, b, inspect.Options{Brief: true})
		compared++
		if len(without.Sections) > 0 || len(without.Warnings) > 0 || without.Kind != with.Kind {
			t.Errorf("%s: a %s, %d sections, warnings %q", path, without.Kind, len(without.Sections), without.Warnings)
		}
		if !reflect.DeepEqual(without.Imports, with.Imports) {
			t.Errorf("%s imports something else without sections", path)
		}
		if !reflect.DeepEqual(without.Exports, with.Exports) {
			t.Errorf("%s exports %d symbols without sections, %d with them", path, len(without.Exports), len(with.Exports))
		}
	}
	t.Logf("%d files", compared)
	if compared < 50 {
		t.Errorf("only %d files were compared", compared)
	}
}

// withoutSections takes the place and number of the section headers out of an ELF header.
func withoutSections(b []byte) {
	if b[elf.EI_CLASS] == byte(elf.ELFCLASS32) {
		clear(b[32:36]) // e_shoff
		clear(b[46:52]) // e_shentsize, e_shnum, e_shstrndx
		return
	}
	clear(b[40:48])
	clear(b[58:64])
}
