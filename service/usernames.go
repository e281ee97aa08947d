package service

import (
	"bufio"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

const (
	passwdFile = "/etc/passwd"
	maxPasswd  = 1 << 20 // bytes of it that are looked at
)

// completeUser offers the users that this host knows by itself. Those of a
// directory service may be without number, and are not asked for.
func completeUser(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	f, err := os.Open(passwdFile)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer f.Close()
	return userNames(io.LimitReader(f, maxPasswd), begun), cobra.ShellCompDirectiveNoFileComp
}

// userNames are the names in a passwd file that begin so.
func userNames(passwd io.Reader, begun string) (names []string) {
	lines := bufio.NewScanner(passwd)
	for lines.Scan() {
		name, _, ok := strings.Cut(lines.Text(), ":")
		if ok && name != "" && !strings.ContainsAny(name[:1], "#+-") && strings.HasPrefix(name, begun) {
			names = append(names, name)
		}
	}
	return names
}
