package tcp

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/gate"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/tcp"
)

// door is of tcp.Door.
type door struct {
	*gate.Gate
	host string // that agents dial; "": it is chosen
}

// Back is of tcp.Provider.
func (provider) Back(back string, c tcp.Listening) (tcp.Door, error) {
	host, port, err := split(back)
	if err != nil {
		return nil, err
	}
	key, err := channel.NewIdentity()
	if err != nil {
		return nil, err
	}
	ln, err := listen(host, port)
	if err != nil {
		return nil, err
	}
	return &door{gate.Listen(ln, config(channel.Config{Identity: key}, c)), host}, nil
}

// split is the host that agents are to dial, "" for any, and the port.
func split(back string) (host, port string, err error) {
	if back == Auto {
		return "", "0", nil
	}
	if host, port, err = net.SplitHostPort(back); err != nil {
		return "", "", errors.New(`it is none of "auto", "HOST:PORT" and ":PORT"`)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 && host == "" {
		return "", "", fmt.Errorf("%q is no port", port)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	return host, port, nil
}

// listen listens at host, or everywhere when that is not an address of this machine:
// then something in between leads to it.
func listen(host, port string) (net.Listener, error) {
	if net.ParseIP(host) != nil {
		if ln, err := net.Listen("tcp", net.JoinHostPort(host, port)); err == nil || port == "0" {
			return ln, err
		}
	}
	return net.Listen("tcp", ":"+port)
}

// Expect is of tcp.Door.
func (d *door) Expect(name string, stream *resume.Conn) (i tcp.Invitation, forget func(), err error) {
	key, err := channel.NewIdentity()
	if err != nil {
		return i, nil, err
	}
	var session gate.Session
	rand.Read(session[:]) // never fails
	pin, seed := d.Pin(), key.Seed()
	i = tcp.Invitation{Pin: pin[:], Key: seed[:], Session: session[:]}
	i.Addresses, i.Port = d.addresses()
	d.Gate.Expect(session, key.Pin(), name, stream)
	return i, func() { d.Forget(session) }, nil
}

// addresses are what agents are to dial, and the port that they are to dial first where
// their ssh connection comes from.
func (d *door) addresses() (all []string, port int) {
	number := d.Addr().(*net.TCPAddr).Port
	if d.host != "" {
		return []string{net.JoinHostPort(d.host, strconv.Itoa(number))}, 0
	}
	for _, ip := range own() {
		all = append(all, net.JoinHostPort(ip, strconv.Itoa(number)))
	}
	return all, number
}

// most bounds the addresses that an agent is to dial.
const most = 16

// own are this machine's addresses, loopback last: it leads somewhere else on most hosts.
func own() (all []string) {
	addrs, _ := net.InterfaceAddrs()
	var loopback []string
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		switch {
		case !ok || n.IP.IsLinkLocalUnicast():
		case n.IP.IsLoopback():
			loopback = append(loopback, n.IP.String())
		case len(all) < most-2:
			all = append(all, n.IP.String())
		}
	}
	return append(all, loopback...)
}

// Dial is of tcp.Provider.
func (provider) Dial(addresses []string, i tcp.Invitation) (tcp.Dialler, error) {
	c, err := invited(i.Pin, i.Key)
	if err != nil {
		return nil, err
	}
	d := &gate.Dialler{Addresses: addresses, Channel: c}
	if len(i.Session) != len(d.Session) {
		return nil, fmt.Errorf("a session of %d bytes", len(i.Session))
	}
	copy(d.Session[:], i.Session)
	return d, nil
}

// invited is what an Invitation says, as a channel takes it.
func invited(pin, key []byte) (c channel.Config, err error) {
	var seed [channel.SeedSize]byte
	if len(pin) != len(c.Pin) || len(key) != len(seed) {
		return c, fmt.Errorf("a pin of %d bytes and a key of %d", len(pin), len(key))
	}
	copy(c.Pin[:], pin)
	copy(seed[:], key)
	c.Identity, err = channel.IdentityOf(seed)
	return c, err
}
