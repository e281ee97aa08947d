package service

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/service/command"
	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/install"
)

func (p *program) installVerb() *cobra.Command {
	o := install.Options{Needs: install.Needs(p.needs), Arch: runtime.GOARCH}
	var program bool
	c := &cobra.Command{
		Use:   "install-files DIR",
		Short: "Write the units, man pages, completions and the like that an installation has",
		Long: "Writes below DIR what an installation has: the hardened systemd units, the groups, the directories, the polkit actions, man pages, completions, " +
			"log rotation and an example of a policy file. DIR is / to install on this host, or the root of a package. " +
			"What is there and was not written by install-files is not overwritten.",
		Example: "  " + p.Name + " install-files --program / && systemctl daemon-reload && systemctl enable --now " + p.Daemon,
		Args:    cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if program {
				path, err := os.Executable()
				if err != nil {
					return err
				}
				o.Binary = path
			}
			return p.installFiles(cmd, args[0], o)
		},
	}
	f := c.Flags()
	f.BoolVar(&program, "program", false, "install this program too, with its link "+p.Daemon)
	f.StringVar(&o.Binary, "binary", "", "install this `file` as the program, with its link "+p.Daemon)
	f.StringVar(&o.Prefix, "prefix", install.DefaultPrefix, "the `directory` of all but configuration")
	f.Var((*systemdVersion)(&o.Systemd), "systemd", "the `version` of systemd that the units are for; 0 is the oldest that they can be for")
	f.BoolVar(&o.Package, "package", false, "write nfpm.yaml and scripts too, for a package made by nfpm")
	f.StringVar(&o.Arch, "arch", o.Arch, "the package's `architecture`, as Go names it")
	f.StringVar(&o.Maintainer, "maintainer", "", "the package's maintainer, as `\"NAME <ADDRESS>\"`")
	c.MarkFlagsMutuallyExclusive("program", "binary")
	return c
}

func (p *program) installFiles(cmd *cobra.Command, dir string, o install.Options) error {
	var err error
	o.Man = command.ManPages(p.Service, cmd.Root().Commands()...)
	if o.Completions, err = completions(cmd.Root()); err != nil {
		return err
	}
	report, err := install.Install(dir, p.Service, o)
	for _, path := range report.Wrote {
		fmt.Fprintln(cmd.OutOrStdout(), path)
	}
	for _, path := range report.Kept {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: kept: it has been changed\n", path)
	}
	if err != nil {
		return shell.Failf(shell.Failed, "%v", err)
	}
	if report.Version == install.NoVersion {
		fmt.Fprintf(cmd.ErrOrStderr(), "the package's version is %s, as this build has none that a package can have: build from a commit, or set Service.Version\n", report.Version)
	}
	return nil
}

// systemdVersion is the flag of a version of systemd.
type systemdVersion int

// maxSystemd is the highest version that is taken for one.
const maxSystemd = 9999

func (v *systemdVersion) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n > maxSystemd {
		return errors.New("must be a version number, as 252")
	}
	*v = systemdVersion(n)
	return nil
}

func (v *systemdVersion) String() string { return strconv.Itoa(int(*v)) }

// Type is what help calls the value.
func (v *systemdVersion) Type() string { return "version" }

// completions are the shells' scripts.
func completions(root *cobra.Command) (map[string][]byte, error) {
	var bash, zsh, fish bytes.Buffer
	if err := root.GenBashCompletionV2(&bash, true); err != nil {
		return nil, err
	}
	if err := root.GenZshCompletion(&zsh); err != nil {
		return nil, err
	}
	if err := root.GenFishCompletion(&fish, true); err != nil {
		return nil, err
	}
	return map[string][]byte{"bash": bash.Bytes(), "zsh": zsh.Bytes(), "fish": fish.Bytes()}, nil
}
