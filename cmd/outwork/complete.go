package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// completeScript offers scripts for the first argument, and any file for the
// script's own.
func completeScript(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 || cmd.Flags().Changed("code") || cmd.Flags().Changed("lang") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var extensions []cobra.Completion
	for _, g := range guests() {
		extensions = append(extensions, strings.TrimPrefix(g.extension, "."))
	}
	return extensions, cobra.ShellCompDirectiveFilterFileExt
}

// completeFolder offers folders.
func completeFolder(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeShare offers files: shells complete what follows the equals sign.
func completeShare(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}
