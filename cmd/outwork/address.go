package main

import (
	"net"
	"os"
	"strconv"

	"github.com/spf13/cobra"
)

// oneAddress is for verbs that take an address and nothing else.
func oneAddress(cmd *cobra.Command, args []string) error {
	return oneArgument("there is no address: write one, as in %s "+cmd.Annotations[addressExample])(cmd, args)
}

// addressExample is the annotation that has an address for the errors of a verb.
const addressExample = "address"

// checkAddress refuses what is not HOST:PORT. least is the least port.
func checkAddress(cmd *cobra.Command, address string, least uint64) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		if _, e := strconv.ParseUint(address, 10, 16); e == nil && least == 0 {
			return usage("%s: there is no port: did you mean :%[1]s?", address)
		}
		if _, _, e := net.SplitHostPort(address + ":7000"); e == nil {
			return usage("%s: there is no port: did you mean %[1]s:7000?", address)
		}
		return usage("%s: an address is HOST:PORT, as in %s; an IPv6 address stands in brackets", address, cmd.Annotations[addressExample])
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < least {
		return usage("%s: the port %q is not a number from 1 to 65535", address, port)
	}
	return nil
}

// reachable is an address at which others may reach a listener, as far as is known here.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host != "" && (ip == nil || !ip.IsUnspecified()) {
		return address
	}
	if host, err = os.Hostname(); err != nil {
		host = "HOST"
	}
	return net.JoinHostPort(host, port)
}
