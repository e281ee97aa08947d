package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/frame"
)

func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the versions of the command, its protocol and Go",
		Example: "  outwork version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.WriteString(versionText())
			return err
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

func versionText() string {
	version, build := "(unknown)", "(unknown)"
	if info, ok := debug.ReadBuildInfo(); ok {
		version, build = info.Main.Version, buildOf(info)
	}
	return fmt.Sprintf("outwork %s\nprotocol %d\nbuild %s\n%s %s/%s\n",
		version, frame.Version, build, runtime.Version(), runtime.GOOS, runtime.GOARCH)
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
