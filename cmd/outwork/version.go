package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/frame"
)

func (a *app) versionVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version [flags]",
		Short: "Print the versions of the command, its protocol and Go",
		Long: `Version prints which outwork this is, the version of the protocol that it speaks, the
commit that it was built from, and the version of Go and the platform that it was built
for.

` + printedHelp,
		Example: `  outwork version
  outwork version --json`,
		Args:              noArguments,
		RunE:              func(*cobra.Command, []string) error { return a.printVersion() },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&a.json, "json", false, "print a JSON object, for programs")
	return cmd
}

// printVersion is the verb.
func (a *app) printVersion() error {
	version, build := "(unknown)", "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		version, build = info.Main.Version, buildOf(info)
	}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	if a.json {
		return a.printJSON(map[string]any{"version": version, "protocol": frame.Version, "build": build, "go": runtime.Version(), "platform": platform})
	}
	return a.write(fmt.Appendf(nil, "outwork %s\nprotocol %d\nbuild %s\n%s %s\n", version, frame.Version, build, runtime.Version(), platform))
}

// buildOf is the commit that was built.
func buildOf(info *debug.BuildInfo) string {
	build, changed := "(unknown)", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			build = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", with changes"
		}
	}
	return build + changed
}
