package install

import (
	"fmt"
	"path"
	"strings"
	"time"
)

const (
	// watchdog is how long the daemon may be silent before systemd restarts it.
	watchdog = 30 * time.Second

	// restartDelay keeps a daemon that fails at once from being restarted in a
	// busy loop.
	restartDelay = time.Second

	// stopTime is when a stop ends all the same: a while after the daemon itself
	// waits for calls no longer.
	stopTime = 45 * time.Second

	// notifyReload is the first systemd that has Type=notify-reload.
	notifyReload = 253
)

// unit is a file in systemd's format, as it grows.
type unit struct{ strings.Builder }

func (u *unit) section(name string) {
	if u.Len() > 0 {
		u.WriteByte('\n')
	}
	fmt.Fprintf(u, "[%s]\n", name)
}

// why is the comment above the next settings.
func (u *unit) why(comment string) {
	for line := range strings.Lines(comment) {
		fmt.Fprintf(u, "# %s\n", strings.TrimSuffix(line, "\n"))
	}
}

// set writes key with each of values; a key without values is reset.
func (u *unit) set(key string, values ...string) {
	fmt.Fprintf(u, "%s=%s\n", key, strings.Join(values, " "))
}

// text is a unit's value of free text: '%' would be expanded, and a backslash
// at the end goes on in the next line.
func text(s string) string {
	return strings.TrimRight(strings.ReplaceAll(s, "%", "%%"), `\`)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

// units are the service and its socket.
func (p *plan) units() []File {
	dir := p.below("lib/systemd/system")
	return []File{
		{Path: path.Join(dir, p.Daemon+".service"), Data: []byte(p.serviceUnit()), Mode: 0o644},
		{Path: path.Join(dir, p.Daemon+".socket"), Data: []byte(p.socketUnit()), Mode: 0o644},
	}
}

func (p *plan) socketUnit() string {
	var u unit
	u.section("Unit")
	u.set("Description", "socket of "+text(p.Name))
	u.set("Documentation", "man:"+p.Name+"(1)")

	u.section("Socket")
	u.set("ListenStream", p.Socket.Path)
	u.why("Who may connect; what they may call is the daemon's to decide.")
	u.set("SocketMode", fmt.Sprintf("%04o", p.Socket.Mode.Perm()))
	if p.Socket.Group != "" {
		u.set("SocketGroup", p.Socket.Group)
	}
	u.why("No socket that nobody listens at stays behind.")
	u.set("RemoveOnStop", "yes")

	u.section("Install")
	u.set("WantedBy", "sockets.target")
	return u.String()
}

func (p *plan) serviceUnit() string {
	var u unit
	u.section("Unit")
	u.set("Description", text(p.summary()))
	u.set("Documentation", "man:"+p.Name+"(1)")
	u.why("The socket is made first, so that no client is turned away at boot.")
	u.set("Requires", p.Daemon+".socket")
	u.set("After", p.Daemon+".socket")

	u.section("Service")
	p.lifecycle(&u)
	p.directories(&u)
	p.Needs.harden(&u, p.foreign())

	u.section("Install")
	u.set("WantedBy", "multi-user.target")
	u.set("Also", p.Daemon+".socket")
	return u.String()
}

// lifecycle is how the daemon starts, tells that it lives, reloads and stops.
func (p *plan) lifecycle(u *unit) {
	u.set("ExecStart", path.Join(p.Prefix, "sbin", p.Daemon))
	if p.Systemd >= notifyReload {
		u.why("It says when it is ready; a reload reads the policy anew, and says so.")
		u.set("Type", "notify-reload")
	} else {
		u.why("It says when it is ready.")
		u.set("Type", "notify")
		u.why("A reload reads the policy anew.")
		u.set("ExecReload", "/bin/kill -HUP $MAINPID")
	}
	u.why("One that says nothing for so long is hung, and is restarted.")
	u.set("WatchdogSec", seconds(watchdog))
	u.set("Restart", "on-failure")
	u.set("RestartSec", seconds(restartDelay))
	u.why("A stop lets the calls finish that run.")
	u.set("TimeoutStopSec", seconds(stopTime))
	u.why("More open files than all clients together can make it hold.")
	u.set("LimitNOFILE", "524288")
	u.why("Records are limited by the daemon: the journal is to drop none.")
	u.set("LogRateLimitIntervalSec", "0")
}

// directories are those that systemd makes for the daemon.
func (p *plan) directories(u *unit) {
	if p.ownLogs() {
		u.why("Its records: " + p.AuditFile + ".")
		u.set(logs.key, strings.TrimPrefix(p.logs(), logs.dir))
		u.set(logs.key+"Mode", logs.mode)
	} else {
		u.why("Its records: " + p.AuditFile + ". The directory is there before it starts, or stays closed\n(that is the -).")
		u.set("ReadWritePaths", "-"+p.logs())
	}
	p.owned(u)
	u.why("Its policy: " + p.PolicyDir + ".")
	if dir, ok := strings.CutPrefix(p.PolicyDir, "/etc/"); ok {
		u.set("ConfigurationDirectory", dir)
		u.set("ConfigurationDirectoryMode", "0755")
	}
}

// logs is the directory of the records.
func (p *plan) logs() string { return path.Dir(p.AuditFile) }
