package starlark

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"golang.org/x/sys/unix"
)

// hostFacts tells what can be known without starting anything.
func hostFacts(r *run, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(name, args, kwargs); err != nil {
		return nil, err
	}
	var u unix.Utsname
	_ = unix.Uname(&u) // it fails for bad addresses alone
	release := r.osRelease()
	home, _ := os.UserHomeDir()
	folder, _ := os.Getwd()
	python, _ := exec.LookPath("python3")
	return starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
		"os":                   starlark.String(runtime.GOOS),
		"arch":                 starlark.String(runtime.GOARCH),
		"hostname":             starlark.String(unix.ByteSliceToString(u.Nodename[:])),
		"kernel":               starlark.String(unix.ByteSliceToString(u.Release[:])),
		"machine":              starlark.String(unix.ByteSliceToString(u.Machine[:])),
		"distribution":         known(release["PRETTY_NAME"]),
		"distribution_id":      known(release["ID"]),
		"distribution_version": known(release["VERSION_ID"]),
		"user":                 known(r.userName(os.Geteuid())),
		"uid":                  starlark.MakeInt(os.Geteuid()),
		"gid":                  starlark.MakeInt(os.Getegid()),
		"home":                 known(home),
		"cwd":                  known(folder),
		"cpus":                 starlark.MakeInt(runtime.NumCPU()),
		"memory":               totalMemory(),
		"python3":              known(python),
	}), nil
}

// known is s, or None for nothing.
func known(s string) starlark.Value {
	if s == "" {
		return starlark.None
	}
	return starlark.String(s)
}

// totalMemory is the machine's, in bytes.
func totalMemory() starlark.Value {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return starlark.None
	}
	return starlark.MakeUint64(uint64(s.Totalram) * uint64(s.Unit))
}

// osRelease is what os-release(5) says; nothing where there is none.
func (r *run) osRelease() map[string]string {
	values := map[string]string{}
	for line := range r.lines("/etc/os-release", "/usr/lib/os-release") {
		key, value, ok := strings.Cut(line, "=")
		if ok && key[:min(1, len(key))] != "#" {
			values[key] = strings.Trim(value, `"'`)
		}
	}
	return values
}

// userName looks into /etc/passwd. The C library would ask the directory
// services too, which a static program cannot and which may take long.
func (r *run) userName(uid int) string {
	id := strconv.Itoa(uid)
	for line := range r.lines("/etc/passwd") {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == id {
			return f[0]
		}
	}
	return ""
}

// lines are those of the first of the files that can be read.
func (r *run) lines(paths ...string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, p := range paths {
			f, _, err := openRegular(p)
			if err != nil {
				continue
			}
			defer f.Close()
			s := bufio.NewScanner(looking{r, f})
			for s.Scan() && yield(s.Text()) {
			}
			return
		}
	}
}
