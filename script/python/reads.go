package python

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Reads is of guest.Interpreter. It goes by where things usually are: to ask an interpreter takes
// longer than to start a worker.
func (interpreter) Reads(path string, env []string) (program string, reads []string, err error) {
	if program, err = behindShim(path, env); err != nil {
		return "", nil, err
	}
	real, err := filepath.EvalSymlinks(program)
	if err != nil {
		return "", nil, err
	}
	// In its view there are no links: it would look for its library where it was named. In a virtual
	// environment it is to do so.
	if dir := filepath.Dir(program); !exists(dir+"/pyvenv.cfg") && !exists(filepath.Dir(dir)+"/pyvenv.cfg") {
		program = real
	}
	reads = []string{program, real}
	for _, pattern := range slices.Concat(besides(program), besides(real), machine()) {
		reads = append(reads, matching(pattern)...)
	}
	slices.Sort(reads)
	return program, slices.Compact(reads), nil
}

// matching are the files and folders of which the name, the last part, is as the pattern says.
func matching(pattern string) (found []string) {
	dir, name := filepath.Split(pattern)
	if !strings.Contains(name, "*") {
		if exists(pattern) {
			found = append(found, pattern)
		}
		return found
	}
	list, _ := os.ReadDir(dir) // where there is none there is nothing
	for _, entry := range list {
		if ok, _ := filepath.Match(name, entry.Name()); ok {
			found = append(found, dir+entry.Name())
		}
	}
	return found
}

// besides are patterns of what belongs to a program PREFIX/bin/python3: to an installation, or
// to a virtual environment.
func besides(program string) []string {
	prefix := filepath.Dir(filepath.Dir(program))
	if store, ok := inStore(program); ok {
		return []string{store}
	}
	all := []string{
		prefix + "/pyvenv.cfg",
		prefix + "/lib/python3*", prefix + "/lib64/python3*",
		prefix + "/lib/libpython3*", prefix + "/lib64/libpython3*",
	}
	switch {
	case prefix == "/usr":
		all = append(all, "/usr/local/lib/python3*") // what Debian's has installed beside its own
	case exists(prefix + "/conda-meta"):
		all = append(all, prefix+"/lib") // it brings all of its libraries
	}
	return all
}

// inStore is a folder in which each thing has a folder of its own, and finds others by their
// full paths.
func inStore(program string) (store string, ok bool) {
	for _, store := range []string{"/nix/store", "/gnu/store"} {
		if strings.HasPrefix(program, store+"/") {
			return store, true
		}
	}
	return "", false
}

// machine are patterns of the machine's own libraries, and of what finds them. Where those of one
// architecture have a folder of their own, what else is in /usr/lib is none of a script's business.
func machine() []string {
	all := []string{"/etc/ld.so.cache", "/etc/ld-musl-*.path", "/usr/lib/locale/C.*", "/lib64", "/usr/lib64"}
	own := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	switch {
	case own != "" && exists("/usr/lib/"+own):
		return append(all, "/lib/"+own, "/usr/lib/"+own, "/lib/ld-linux-aarch64.so.1")
	case exists("/usr/lib64/libc.so.6"):
		return all
	}
	return append(all, "/lib", "/usr/lib")
}

// elf begins a program that the kernel itself can run.
const elf = "\x7fELF"

// behindShim is the interpreter that a shim of pyenv's would run: a script of the shell, which
// needs half of the machine to do so. Any other script is refused.
func behindShim(path string, env []string) (program string, err error) {
	head, err := beginning(path)
	if err != nil || string(head) == elf {
		return path, err
	}
	dir, name := filepath.Split(path)
	root := filepath.Dir(filepath.Clean(dir))
	if filepath.Base(dir) != "shims" || !exists(root+"/versions") {
		return "", fmt.Errorf("%s is a script, and what it starts cannot be known: name the interpreter itself, as %s -c 'import sys; print(sys.executable)' tells it", path, name)
	}
	version := value(env, "PYENV_VERSION")
	if version == "" {
		b, _ := os.ReadFile(root + "/version") // without one it is the machine's own
		version = string(bytes.TrimSpace(b))
	}
	for v := range strings.FieldsFuncSeq(version, func(r rune) bool { return r == ':' || r == '\n' }) {
		program = filepath.Join(root, "versions", v, "bin", name)
		if v != ".." && exists(program) {
			return program, nil
		}
	}
	return "", fmt.Errorf("%s is a shim of pyenv's, and there is no %s in its version %q: name the interpreter itself", path, name, version)
}

func beginning(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, len(elf))
	_, err = io.ReadFull(f, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil // too short to be one
	}
	return head, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
