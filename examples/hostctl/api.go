package main

import (
	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/examples/hostctl/core"
	"github.com/outwork-go/outwork/service"
)

// operators are who may change things.
var operators = service.Group("hostctl")

var hostctl = service.Service{
	Name: "hostctl",
	Doc: "Change what needs root on this host. " +
		"The members of the group hostctl may, and nobody needs to become root for it.",
	API: []service.Export{
		{
			Function: core.GetHostname, Allow: service.Anyone(),
			Doc: "Tell the host name, and the one that /etc/hostname sets at boot.",
		},
		{
			Function: core.SetHostname, Allow: operators, Mutates: true,
			Doc: "Set the host name, now and for the next boot.",
		},
		{
			Function: core.GetSysctl, Allow: service.Anyone(),
			Doc: "Tell the value of a kernel parameter.",
		},
		{
			Function: core.SetSysctl, Allow: service.Polkit("org.outwork.hostctl.sysctl"), Mutates: true,
			Doc: "Set a kernel parameter until the next boot.",
		},
		{
			Function: core.Listen, Allow: operators, Mutates: true,
			Doc: "Listen on a privileged TCP port, and hand out the socket.",
		},
		{
			Function: core.ReadFile, Allow: operators, Mutates: true,
			Doc: "Open a file that only root may read, and hand it out.",
		},
		{
			Function: core.Tail, Allow: operators,
			Doc: "Tell the last lines of the system's log.",
		},
		{
			Function: core.CreateDirectory, Allow: operators, Mutates: true,
			Asks: []outwork.AnyFunction{core.Umask},
			Doc:  "Create a directory that belongs to you. Its mode is 0777 less your umask.",
		},
	},
	Needs: service.Needs{
		Capabilities: []string{"CAP_NET_BIND_SERVICE", "CAP_CHOWN"},
		Families:     []string{"AF_INET", "AF_INET6"},
		Writes:       []string{"/etc", "/srv", "/opt"}, // a file is replaced by renaming another, so its directory changes
		Hostname:     true,
		Sysctl:       true,
		Processes:    true,
	},
}
