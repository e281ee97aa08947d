package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/godbus/dbus/v5"
)

// godbusPeer is a service on a bus of its own that is set up like the system's:
// both ends are godbus, and a dbus-daemon is between them.
var godbusPeer = peer{name: godbusName, does: guarded, open: openGodbus, serve: serveGodbus}

const (
	godbusName      = "godbus, through dbus-daemon"
	godbusService   = "org.example.Bench"
	godbusInterface = "org.example.Bench"
	godbusPath      = dbus.ObjectPath("/org/example/Bench")
)

type godbusSession struct {
	conn   *dbus.Conn
	object dbus.BusObject
	server *server
	bus    *bus
}

func openGodbus(x exchange) (_ session, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := new(godbusSession)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.bus, err = startBus(dir, godbusService); err != nil {
		return nil, err
	}
	if s.server, err = startOnBus(s.bus.address, x); err != nil {
		return nil, err
	}
	if s.conn, err = dbus.Connect(s.bus.address); err != nil {
		return nil, err
	}
	s.object = s.conn.Object(godbusService, godbusPath)
	return s, nil
}

// startOnBus starts the server, tells it the bus's address, and waits until it
// owns its name there.
func startOnBus(address string, x exchange) (*server, error) {
	conn, s, err := startWithConn(godbusName, x)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var ready [1]byte
	_, err = fmt.Fprintln(conn, address)
	if err == nil {
		_, err = io.ReadFull(conn, ready[:])
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func serveGodbus(exchange) error {
	starter, err := inheritedConn()
	if err != nil {
		return err
	}
	defer starter.Close()
	conn, err := ownOnBus(starter)
	if err != nil {
		return err
	}
	if _, err := starter.Write([]byte{1}); err != nil {
		return err
	}
	<-conn.Context().Done()
	return nil
}

// ownOnBus connects to the bus that starter names, and serves there.
func ownOnBus(starter net.Conn) (*dbus.Conn, error) {
	address, err := bufio.NewReader(starter).ReadString('\n')
	if err != nil {
		return nil, err
	}
	conn, err := dbus.Connect(strings.TrimSpace(address))
	if err != nil {
		return nil, err
	}
	if err := conn.Export(godbusEcho{}, godbusPath, godbusInterface); err != nil {
		return nil, err
	}
	reply, err := conn.RequestName(godbusService, dbus.NameFlagDoNotQueue)
	if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
		err = fmt.Errorf("the bus answered the wish for a name with %d", reply)
	}
	return conn, err
}

// godbusEcho is the object that is exported.
type godbusEcho struct{}

func (godbusEcho) Echo(text string) (string, *dbus.Error) { return text, nil }

func (s *godbusSession) echo(p []byte) error {
	var text string
	if err := s.object.Call(godbusInterface+".Echo", 0, string(p)).Store(&text); err != nil {
		return err
	}
	return checkEcho(p, len(text))
}

// close closes what has been opened.
func (s *godbusSession) close() (err error) {
	if s.conn != nil {
		err = s.conn.Close()
	}
	if s.server != nil {
		err = errors.Join(err, s.server.stop())
	}
	if s.bus != nil {
		err = errors.Join(err, s.bus.stop())
	}
	return err
}
