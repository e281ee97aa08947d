package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// describeMachine writes what the figures depend on.
func describeMachine(w io.Writer, s settings) {
	fmt.Fprintf(w, "# Benchmarks\n\n")
	fmt.Fprintf(w, "- Machine: %s, %d processors, %s\n", processor(), runtime.NumCPU(), kernel())
	fmt.Fprintf(w, "- %s %s/%s; %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, peerVersions())
	fmt.Fprintf(w, "- Load before: %s\n", loadAverage())
	fmt.Fprintf(w, "- Median (range) of %d rounds of %v each. \"outwork÷\" is outwork's figure as a multiple of the row's.\n",
		s.Rounds, s.Budget)
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return runtime.GOOS
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

func peerVersions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "versions unknown"
	}
	names := map[string]string{
		"github.com/containerd/ttrpc":    "ttrpc",
		"github.com/godbus/dbus/v5":      "godbus",
		"github.com/hashicorp/go-plugin": "go-plugin",
		"google.golang.org/grpc":         "grpc",
	}
	var versions []string
	for _, m := range info.Deps {
		if name := names[m.Path]; name != "" {
			versions = append(versions, name+" "+m.Version)
		}
	}
	return strings.Join(versions, ", ")
}
