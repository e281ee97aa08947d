// Hostctl changes what needs root on this host, for who is in the group hostctl.
// As hostd, or with the word daemon, it is the daemon; otherwise the command.
package main

import "github.com/outwork-go/outwork/service"

func main() { service.Main(hostctl) }
