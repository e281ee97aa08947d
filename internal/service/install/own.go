package install

import (
	"slices"
	"strings"
)

// place is where the system has a directory for each service, and how a unit
// asks for one there: systemd makes it, and opens it, when the service starts.
type place struct {
	dir, key string
	mode     string
}

// places are those of what a service may write. A directory in /run holds what
// others find by name, and must not vanish while the socket in it goes on.
var places = []place{
	{"/var/lib/", "StateDirectory", "0700"},
	{"/var/cache/", "CacheDirectory", "0700"},
	{"/run/", "RuntimeDirectory", "0755"},
}

// logs is that of records.
var logs = place{"/var/log/", "LogsDirectory", "0750"}

// ownLogs reports whether the directory of the records is the service's own. Else
// what is installed neither makes it nor changes it, and removes from it the records
// alone.
func (p *plan) ownLogs() bool { return logs.in(p.logs(), p.Name, p.Daemon) != "" }

// in is the service's own directory in the place, of which name is one or lies
// in it, or "". One that belongs to another is not the unit's to make, which
// would give it this owner and this mode.
func (pl place) in(name string, owners ...string) string {
	below, ok := strings.CutPrefix(name, pl.dir)
	own, _, _ := strings.Cut(below, "/")
	if ok && slices.Contains(owners, own) {
		return own
	}
	return ""
}

// owned writes the service's own directories, those of its needs.
func (p *plan) owned(u *unit) {
	for _, pl := range places {
		var names []string
		for _, w := range p.Needs.Writes {
			if own := pl.in(w, p.Name, p.Daemon); own != "" {
				names = union(names, own)
			}
		}
		if len(names) == 0 {
			continue
		}
		u.why("Its own in " + strings.TrimSuffix(pl.dir, "/") + ", made when it starts.")
		u.set(pl.key, names...)
		u.set(pl.key+"Mode", pl.mode)
		if pl.key == "RuntimeDirectory" {
			u.set(pl.key+"Preserve", "yes")
		}
	}
}

// foreign are the paths to write that are not in directories of the service's own.
func (p *plan) foreign() []string {
	return slices.DeleteFunc(slices.Clone(p.Needs.Writes), func(w string) bool {
		return slices.ContainsFunc(places, func(pl place) bool { return pl.in(w, p.Name, p.Daemon) != "" })
	})
}
