package polkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/outwork-go/outwork/internal/ident"
)

// bus is one connection to a bus.
type bus struct {
	conn   *dbus.Conn
	socket *net.UnixConn // that of conn, for its deadlines
	polkit dbus.BusObject

	questions atomic.Uint64 // numbers the questions
	version   atomic.Int64  // of polkitd; 0: not asked yet
}

// dial connects to the bus at address, or to that of the system.
func dial(ctx context.Context, address string) (*bus, error) {
	name, err := busSocket(address)
	if err != nil {
		return nil, err
	}
	short, cancel := context.WithTimeout(ctx, busTime)
	defer cancel()
	b, err := connect(short, name)
	switch {
	case err == nil:
		return b, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, notAvailable(err, "the bus at %s: %v: install and start dbus, and polkitd (in some systems the package polkit)", name, err)
}

func connect(ctx context.Context, name string) (*bus, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", name)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err // without the name, which is told anyway
		}
		return nil, err
	}
	socket := c.(*net.UnixConn)
	b, err := greet(ctx, socket)
	if err != nil {
		socket.Close()
	}
	return b, err
}

// greet makes a connection of a socket. The socket is the caller's if it fails.
func greet(ctx context.Context, socket *net.UnixConn) (*bus, error) {
	if err := trusted(socket); err != nil {
		return nil, err
	}
	// What godbus does before a connection can be used has no context.
	stop := context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn, err := dbus.DialUnix(socket)
	if err != nil {
		return nil, err
	}
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	if err == nil {
		err = conn.Hello()
	}
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &bus{conn: conn, socket: socket, polkit: conn.Object(polkitName, polkitPath)}, nil
}

// trusted refuses a bus of another user: it could say yes to all.
func trusted(socket *net.UnixConn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var uid uint32
	if outer := raw.Control(func(fd uintptr) { uid, err = ident.UID(int(fd)) }); outer != nil {
		return outer
	}
	if err == nil && uid != 0 && uid != uint32(os.Geteuid()) {
		err = fmt.Errorf("it belongs to %s, and must be root's", ident.User(uid))
	}
	return err
}

func (b *bus) connected() bool { return b.conn.Connected() }

func (b *bus) close() { b.conn.Close() }

// call calls a method of polkit. One that does not even leave in time breaks the
// connection.
func (b *bus) call(ctx context.Context, method string, args ...any) *dbus.Call {
	b.socket.SetWriteDeadline(time.Now().Add(busTime))
	return b.polkit.CallWithContext(ctx, method, 0, args...)
}

// backend is the version of polkitd. action is what it will be asked for.
func (b *bus) backend(ctx context.Context, action string) (int64, error) {
	if v := b.version.Load(); v != 0 {
		return v, nil
	}
	var text string
	call := b.call(ctx, "org.freedesktop.DBus.Properties.Get", polkitInterface, "BackendVersion")
	if call.Err != nil {
		return 0, b.explain(call.Err, action)
	}
	if err := call.Store(&text); err != nil {
		return 0, fmt.Errorf("polkit's version cannot be read: %w", err)
	}
	major, _, _ := strings.Cut(text, ".")
	v, err := strconv.ParseInt(major, 10, 32)
	if err != nil || v < 1 {
		v = 1 // "0.105", as versions were before 121
	}
	b.version.Store(v)
	return v, nil
}

// errLost is the error of a question whose bus or polkitd was lost.
var errLost = errors.New("connection lost")

// explain makes of an error of the bus one for people.
func (b *bus) explain(err error, action string) error {
	said, ok := errors.AsType[dbus.Error](err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case !ok:
		b.close()
		return notAvailable(errors.Join(errLost, err), "the connection to the bus was lost: %v", err)
	}
	switch said.Name {
	case "org.freedesktop.DBus.Error.NoReply":
		b.version.Store(0) // the next polkitd may be another
		return notAvailable(errors.Join(errLost, err), "polkitd ended while it was asked")
	case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.Spawn.ExecFailed", "org.freedesktop.DBus.Error.Spawn.ChildExited":
		return notAvailable(err, "polkitd does not run: install polkitd (in some systems the package polkit)")
	case polkitName + ".Error.NotAuthorized":
		return fmt.Errorf("polkit answers only root about other users' processes, and this is uid %d: %w", os.Geteuid(), said)
	}
	return wrong(said, action)
}
