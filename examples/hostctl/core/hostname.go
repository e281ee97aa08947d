package core

import (
	"context"

	"github.com/outwork-go/outwork"
)

// HostnameArgs are the arguments of hostname.set.
type HostnameArgs struct {
	Name string `cbor:"name" doc:"the new host name" arg:"0" pattern:"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"`
}

// Hostname is the host's name.
type Hostname struct {
	Name string `cbor:"name" doc:"the host name as it is now"`
	Boot string `cbor:"boot" doc:"the one that is set at boot"`
}

// GetHostname tells the host's name.
var GetHostname = outwork.Func("hostname.get", func(context.Context, Nothing) (Hostname, error) {
	return hostname()
})

// SetHostname sets the host's name, and returns it as it is then. When it fails,
// both names are as they were.
var SetHostname = outwork.Func("hostname.set", func(_ context.Context, a HostnameArgs) (Hostname, error) {
	if err := setHostname(a.Name); err != nil {
		return Hostname{}, err
	}
	return hostname()
})
