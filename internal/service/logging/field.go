package logging

import (
	"slices"
	"strings"
)

const (
	// maxField is the longest name of a field that journald takes, in bytes.
	maxField = 64

	// aside goes before names that are somebody else's, or none.
	aside = "LOG_"
)

// ours are fields, or with a "_" at the end beginnings of fields, that mean
// something to journald, systemctl or the audit, and are not for attributes.
var ours = [...]string{
	"MESSAGE", "MESSAGE_", "PRIORITY", "CODE_", "ERRNO", "SYSLOG_", "DOCUMENTATION", "TID",
	"UNIT", "USER_UNIT", "INVOCATION_ID", "USER_INVOCATION_ID", "OBJECT_", "COREDUMP_", "OUTWORK_",
}

// fieldName is the journal's name of an attribute: capital letters, digits and
// underscores, a letter first.
func fieldName(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, key)
	if name == "" || name[0] < 'A' || name[0] == '_' || reserved(name) {
		name = aside + name
	}
	return name[:min(len(name), maxField)]
}

func reserved(name string) bool {
	return slices.ContainsFunc(ours[:], func(o string) bool {
		return name == o || strings.HasSuffix(o, "_") && strings.HasPrefix(name, o)
	})
}
