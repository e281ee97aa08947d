package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// settleCompletion gives the verb that cobra makes this command's words.
func settleCompletion(root *cobra.Command) {
	verb, _, err := root.Find([]string{"completion"})
	if err != nil || verb == root {
		return
	}
	verb.GroupID = groupSelf
	verb.Short = "Print a script that has a shell complete this command"
	verb.Long = `Completion prints a script for a shell. With it the shell completes verbs, flags and
their values: hosts of your ssh configuration and those that have joined, the functions
of a service and their fields, files where a file is wanted.`
	verb.Example = `  source <(outwork completion bash)
  outwork completion bash >/etc/bash_completion.d/outwork
  outwork completion zsh >"${fpath[1]}/_outwork"
  outwork completion fish >~/.config/fish/completions/outwork.fish`
	for _, shell := range verb.Commands() {
		name := shell.Name()
		shell.Use = name + " [flags]"
		shell.Short = "Print the script for " + name
		shell.Long = strings.ToUpper(name[:1]) + name[1:] + ` prints the script for that shell: ` + loadedBy[name] + "\n\n" + printedHelp
		shell.Example = "  outwork completion " + name
		shell.Args = noArguments
		shell.ValidArgsFunction = cobra.NoFileCompletions
		if f := shell.Flags().Lookup("no-descriptions"); f != nil {
			f.Usage = "offer words without what they mean"
		}
	}
}

// loadedBy is what has a shell read its script.
var loadedBy = map[string]string{
	"bash":       "source <(outwork completion bash) has this\nshell read it, and as /etc/bash_completion.d/outwork every new one does, if the package\nbash-completion is installed.",
	"zsh":        "as _outwork in a folder of $fpath every\nnew shell reads it, after compinit.",
	"fish":       "outwork completion fish | source has this\nshell read it, and as ~/.config/fish/completions/outwork.fish every new one does.",
	"powershell": "outwork completion powershell |\nOut-String | Invoke-Expression has this shell read it; put that line into $PROFILE for\nevery new one.",
}
