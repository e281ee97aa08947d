package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/outwork-go/outwork/internal/spell"
)

// nearHost is what is wrong with a hop, and the host that was probably meant if ssh knows
// none of that name: one that the user's configuration of it names.
func nearHost(text, hop string) string {
	address, isSSH := strings.CutPrefix(hop, "ssh://")
	home, err := os.UserHomeDir()
	if !isSSH || err != nil || !strings.Contains(text, "Could not resolve hostname") {
		return text
	}
	name := address[strings.LastIndexByte(address, '@')+1:]
	name, _, _ = strings.Cut(name, ":")
	near := spell.Nearest(name, namedHosts(filepath.Join(home, ".ssh", "config")))
	if near == "" || near == name {
		return text
	}
	return text + ": did you mean ssh://" + strings.Replace(address, name, near, 1) + "?"
}
