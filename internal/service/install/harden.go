package install

// A guard is a protection of the unit: why it is there, and what it is.
type guard struct {
	why, key, value string
}

// always are the protections that no need opens.
var always = []guard{
	{"Nothing that it starts gains privileges by setuid or file capabilities.", "NoNewPrivileges", "yes"},
	{"No capability is handed on to what it starts as another user.", "AmbientCapabilities", ""},
	{"It has a /tmp of its own, and mounts of its own.", "PrivateTmp", "yes"},
	{"", "PrivateMounts", "yes"},
	{"Clock, control groups, kernel modules and the kernel's log are not its to touch.", "ProtectClock", "yes"},
	{"", "ProtectControlGroups", "yes"},
	{"", "ProtectKernelModules", "yes"},
	{"", "ProtectKernelLogs", "yes"},
	{"What an exploit would want next: another ABI, namespaces, realtime scheduling,\nsetuid files, other services' keys.", "LockPersonality", "yes"},
	{"", "SystemCallArchitectures", "native"},
	{"", "RestrictNamespaces", "yes"},
	{"", "RestrictRealtime", "yes"},
	{"", "RestrictSUIDSGID", "yes"},
	{"", "KeyringMode", "private"},
	{"Its files are its own unless it says otherwise.", "UMask", "0077"},
}

// harden writes the protections, less what the needs open. Besides its own
// directories it may write paths.
func (n *Needs) harden(u *unit, paths []string) {
	for _, g := range always {
		u.either(n.Sandboxes && g.key == "RestrictNamespaces", g,
			"RestrictNamespaces= is off: its workers are confined in namespaces of their own.")
	}
	n.privileges(u)
	n.files(u, paths)
	n.sockets(u)
	n.host(u)
	n.calls(u)
}

func (g guard) write(u *unit) {
	if g.why != "" {
		u.why(g.why)
	}
	u.set(g.key, g.value)
}

// either writes the protection unless it is open, and then why it is missing.
func (u *unit) either(open bool, g guard, missing string) {
	if open {
		u.why(missing)
		return
	}
	g.write(u)
}

func (n *Needs) privileges(u *unit) {
	if c := n.capabilities(); len(c) > 0 {
		u.why("Of root's capabilities it keeps these alone.")
		u.set("CapabilityBoundingSet", c...)
		return
	}
	u.why("It keeps none of root's capabilities.")
	u.set("CapabilityBoundingSet")
}

func (n *Needs) files(u *unit, paths []string) {
	u.why("The file system is read-only, but for its own directories" + also(len(paths) > 0,
		" and these paths.\nOne that is not there when it starts stays closed (that is the -): make it before") + ".")
	u.set("ProtectSystem", "strict")
	for _, w := range paths {
		u.set("ReadWritePaths", "-"+w)
	}
	if n.homes() {
		u.why("It reads home directories, so they are read-only and not hidden.")
		u.set("ProtectHome", "read-only")
	} else {
		guard{"Home directories are hidden.", "ProtectHome", "yes"}.write(u)
	}
	u.either(n.Devices,
		guard{"No devices but /dev/null and its like.", "PrivateDevices", "yes"},
		"PrivateDevices= is off: it uses devices.")
	if !n.Devices {
		u.set("DevicePolicy", "closed")
	}
}

func (n *Needs) sockets(u *unit) {
	u.why("Sockets of these families alone.")
	u.set("RestrictAddressFamilies", union(n.Families, "AF_UNIX")...)
	if n.network() {
		u.why("PrivateNetwork= and IPAddressDeny= are off: it works in the host's network,\nand filters would stay with the sockets that it hands out.")
		return
	}
	u.why("There is no network for it.")
	u.set("PrivateNetwork", "yes")
	u.set("IPAddressDeny", "any")
}

func (n *Needs) host(u *unit) {
	u.either(n.Hostname,
		guard{"It cannot change the host's name.", "ProtectHostname", "yes"},
		"ProtectHostname= is off: it sets the host's name.")
	u.either(n.Sysctl,
		guard{"It cannot change kernel parameters, and sees of /proc the processes alone.", "ProtectKernelTunables", "yes"},
		"ProtectKernelTunables= and ProcSubset= are off: it handles kernel parameters.")
	if !n.Sysctl {
		u.set("ProcSubset", "pid")
	}
	if n.Processes {
		u.why("What it starts without CAP_SYS_PTRACE sees no other processes.")
		u.set("ProtectProc", "invisible")
		return
	}
	u.why("ProtectProc= is off: records tell of a caller what everybody may see of it.")
}

func (n *Needs) calls(u *unit) {
	u.either(n.Executables,
		guard{"Memory is writable or executable, never both.", "MemoryDenyWriteExecute", "yes"},
		"MemoryDenyWriteExecute= is off: it makes memory executable.")
	u.why("System calls of ordinary services, without those that only privileges allow" + also(len(n.syscalls()) > 0, ",\nand with these") + ".\nAny other fails, as one without permission.")
	u.set("SystemCallFilter", "@system-service")
	u.set("SystemCallFilter", "~@privileged", "@resources")
	if s := n.syscalls(); len(s) > 0 {
		u.set("SystemCallFilter", s...)
	}
	u.set("SystemCallErrorNumber", "EPERM")
}

func also(yes bool, words string) string {
	if yes {
		return words
	}
	return ""
}
