package polkit

import (
	"net/url"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// systemBus is where the bus of the system is when nothing else is said.
const systemBus = "unix:path=/run/dbus/system_bus_socket"

// busSocket is the name of the socket of a bus: of the first unix socket that an
// address tells.
func busSocket(address string) (string, error) {
	if address == "" {
		address = ownAddress()
	}
	for one := range strings.SplitSeq(address, ";") {
		if name := socketName(one); name != "" {
			return name, nil
		}
	}
	return "", notAvailable(nil, "the address of the bus, %q, has no unix:path= and no unix:abstract=", address)
}

func ownAddress() string {
	if address := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); address != "" && !elevated() {
		return address
	}
	return systemBus
}

// socketName is the name of the socket of one address, "" if it has none.
func socketName(address string) string {
	keys, ok := strings.CutPrefix(address, "unix:")
	if !ok {
		return ""
	}
	for pair := range strings.SplitSeq(keys, ",") {
		key, value, _ := strings.Cut(pair, "=")
		name, err := url.PathUnescape(value)
		switch {
		case err != nil || name == "" || strings.ContainsRune(name, 0):
		case key == "path":
			return name
		case key == "abstract":
			return "@" + name
		}
	}
	return ""
}

// atSecureTag is AT_SECURE of getauxval(3).
const atSecureTag = 23

// elevated reports whether this process has rights that who started it has not,
// and so an environment that is not to be believed.
func elevated() bool {
	auxv, err := unix.Auxv()
	if err != nil {
		return unix.Getuid() != unix.Geteuid() || unix.Getgid() != unix.Getegid()
	}
	for _, a := range auxv {
		if a[0] == atSecureTag {
			return a[1] != 0
		}
	}
	return false
}
