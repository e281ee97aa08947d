package starlark

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
)

// example runs an example with c shared as data, and returns what it printed.
func example(t testing.TB, name string, c container.Container, args ...string) (string, error) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	h, out := sharing(c)
	_, err = Run(t.Context(), h, Script{Name: name, Source: source, Args: args}, Limits{Steps: 100_000_000})
	return out.String(), err
}

// sharing is a host that shares c as data.
func sharing(c container.Container) (Host, *bytes.Buffer) {
	var out bytes.Buffer
	return Host{
		Stdout: &out,
		Shared: func(_ context.Context, name string) (container.Container, error) {
			if name != "data" {
				return nil, fmt.Errorf("no container is named %q", name)
			}
			return c, nil
		},
	}, &out
}

func importLines(names []string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "imported module: %s\n", n)
	}
	return b.String()
}

// TestImportsOfThisMachine holds imports.star against debug/elf, which goes by
// the section headers where the script goes by the segments.
func TestImportsOfThisMachine(t *testing.T) {
	const enough = 50 // of each directory
	all, dynamic := 0, 0
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib/*-linux-gnu"} {
		paths, _ := filepath.Glob(dir + "/*")
		tried := 0
		for _, path := range paths {
			want, err := elfImports(path)
			if err != nil || tried >= enough {
				continue
			}
			c, err := container.FromFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := example(t, "imports.star", c)
			if err != nil || got != importLines(want) {
				t.Errorf("%s: got %v\n%s\nwant\n%s", path, err, got, importLines(want))
			}
			tried++
			if len(want) > 0 {
				dynamic++
			}
		}
		all += tried
	}
	t.Logf("%d files, %d of them dynamic", all, dynamic)
	if all == 0 && os.Getenv("CI") != "" {
		t.Fatal("no ELF file on this machine")
	}
}

func elfImports(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ImportedLibraries()
}

func TestImportsOfCraftedFiles(t *testing.T) {
	names := []string{"libc.so.6", "libm.so.6"}
	files := map[string][]byte{}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, wide := range []bool{false, true} {
			files[fmt.Sprintf("ELF %v wide=%v", order, wide)] = craftELF(order.(writeOrder), wide, names)
		}
	}
	for name, file := range files {
		if got, err := example(t, "imports.star", memory(file)); err != nil || got != importLines(names) {
			t.Errorf("%s: got %v\n%s", name, err, got)
		}
	}
	for _, p := range []peFile{{}, {wide: true}, {delayed: true}, {wide: true, delayed: true}, {delayed: true, absolute: true}} {
		want := []string{"KERNEL32.dll", "user32.dll"}
		if p.delayed {
			want = append(want, "late.dll")
		}
		if got, err := example(t, "imports.star", memory(p.craft())); err != nil || got != importLines(want) {
			t.Errorf("%+v: got %v\n%s", p, err, got)
		}
	}
}

func TestImportsOfStaticELF(t *testing.T) {
	file := craftELF(binary.LittleEndian, true, nil)
	binary.LittleEndian.PutUint16(file[56:], 1) // the segment to load alone
	if got, err := example(t, "imports.star", memory(file)); got != "" || err != nil {
		t.Errorf("got %q, %v; want nothing", got, err)
	}
}

func TestImportsOfOthers(t *testing.T) {
	whole := craftELF(binary.LittleEndian, true, []string{"libc.so.6"})
	pe := peFile{delayed: true}.craft()
	noName := bytes.Replace(pe, []byte("KERNEL32.dll"), make([]byte, 12), 1)
	for name, file := range map[string]string{
		"empty": "", "text": "hello\n", "script": "#!/bin/sh\n", "short": "\x7fELF", "short MZ": "MZ",
		"class": "\x7fELF\x03\x01" + strings.Repeat("\x00", 100),
		"DOS":   "MZ" + strings.Repeat("\x00", 100),
		"cut":   string(whole[:200]), "cut PE": string(pe[:300]), "no name": string(noName),
	} {
		got, err := example(t, "imports.star", memory(file))
		if err == nil || err.Error() != "couldn't load file" || got != "error: couldn't load file\n" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

// FuzzImports wants of any file that its imports or the one error come out,
// and no other error.
func FuzzImports(f *testing.F) {
	f.Add(craftELF(binary.LittleEndian, true, []string{"libc.so.6"}))
	f.Add(craftELF(binary.BigEndian, false, []string{"libc.so.6"}))
	f.Add(peFile{delayed: true}.craft())
	f.Add(peFile{wide: true}.craft())
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := example(t, "imports.star", memory(file)); err != nil && err.Error() != "couldn't load file" {
			t.Error(err.(*Error).Traceback)
		}
	})
}

func TestSearch(t *testing.T) {
	data := memory(strings.Repeat("\xff", 10<<20) + "\xaa\xbb\xcc\xdd")
	pattern := regexp.MustCompile(`^match at offset 10485760\nremote search \(ms\): \d+\.\d+(e-\d+)?\n$`)
	for _, args := range [][]string{nil, {"data"}} {
		if got, err := example(t, "search.star", data, args...); err != nil || !pattern.MatchString(got) {
			t.Errorf("%q: got %q, %v", args, got, err)
		}
	}
}
