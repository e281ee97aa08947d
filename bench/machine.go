package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// introduction begins a report of what was measured at a place.
func introduction(place string) string {
	return "# Benchmarks\n\n" +
		"`make bench` makes this file. `go -C bench run . -only NAME -write ../BENCHMARKS.md` measures the tables of one\n" +
		"name again and leaves the others as they are.\n\n" + place + "\n" +
		"A figure is the median of the rounds, with their range behind it. The contenders take turns within a round, so\n" +
		"that a change of the machine's mood meets them all. *Pinned* has all processes on one processor, where\n" +
		"latencies are reproducible; *free* leaves them to the scheduler. \"" + subjectHeader + "\" is outwork's figure as a\n" +
		"multiple of the row's. Read ratios.\n"
}

// thisPlace is what figures depend on: the machine, without its name, and versions.
func thisPlace() string {
	return fmt.Sprintf("- Machine: %s, %d processors, %.1f GiB of memory, %s\n- Versions: %s\n",
		processor(), runtime.NumCPU(), memory(), kernel(), strings.Join(versions(), ", "))
}

// processor is the model, and whether it is a virtual machine's.
func processor() string {
	model, virtual := runtime.GOARCH, ""
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return model
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(name) {
		case "model name":
			model = strings.TrimSpace(value)
		case "flags":
			if strings.Contains(value+" ", " hypervisor ") {
				virtual = " (virtual)"
			}
		}
	}
	return model + virtual
}

// memory is that of the machine, in GiB.
func memory() float64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return float64(info.Totalram) * float64(info.Unit) / (1 << 30)
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return runtime.GOOS
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// loadAverage is that of the last minute.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(b), " ")
	return load
}

// versions are Go's and the contenders': of modules, and of programs on this machine.
func versions() []string {
	all := []string{runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH}
	all = append(all, moduleVersions()...)
	return append(all,
		programVersion("Python", pythonCommand("--version")),
		programVersion("Mitogen", pythonCommand("-c", "import mitogen; print('.'.join(map(str, mitogen.__version__)))")),
		programVersion("OpenSSH", exec.Command("ssh", "-V")),
		programVersion("dbus-daemon", exec.Command("dbus-daemon", "--version")),
		programVersion("sudo", exec.Command("sudo", "--version")),
		programVersion("readelf", exec.Command("readelf", "--version")),
	)
}

// peerModules are the modules among them.
var peerModules = map[string]string{
	"github.com/BobuSumisu/aho-corasick": "BobuSumisu/aho-corasick",
	"github.com/containerd/ttrpc":        "ttrpc",
	"github.com/coregx/ahocorasick":      "coregx/ahocorasick",
	"github.com/godbus/dbus/v5":          "godbus",
	"github.com/hashicorp/go-plugin":     "go-plugin",
	"google.golang.org/grpc":             "grpc",
}

func moduleVersions() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	var all []string
	for _, m := range info.Deps {
		if name := peerModules[m.Path]; name != "" {
			all = append(all, name+" "+m.Version)
		}
	}
	return all
}

// versionText is the first that looks like a version in what a program says.
var versionText = regexp.MustCompile(`\d+\.\d+[.\w]*`)

func programVersion(name string, cmd *exec.Cmd) string {
	out, err := cmd.CombinedOutput()
	version := versionText.Find(bytes.SplitN(out, []byte("\n"), 2)[0])
	if err != nil || version == nil {
		return "no " + name
	}
	return name + " " + string(version)
}
