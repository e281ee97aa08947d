package polkit

import (
	"fmt"
	"io"
	"os"

	"github.com/godbus/dbus/v5"
)

const agentPath = "/org/outwork/Agent"

// agent is an authentication agent of the client's own process. It tells on
// stdout what polkit wants of it, and comes to the end of an authentication when it
// is cancelled, or a byte is on stdin.
type agent struct{ end chan struct{} }

// BeginAuthentication is called when the user is to authenticate.
func (a *agent) BeginAuthentication(action, message, icon string, details map[string]string, cookie string, _ []subject) *dbus.Error {
	fmt.Println("begin", action, message, cookie)
	<-a.end
	return nil
}

// CancelAuthentication is called when that is withdrawn.
func (a *agent) CancelAuthentication(cookie string) *dbus.Error {
	fmt.Println("cancel", cookie)
	a.end <- struct{}{}
	return nil
}

// Write comes to the end of one authentication.
func (a *agent) Write(b []byte) (int, error) {
	a.end <- struct{}{}
	return len(b), nil
}

// serveAgent registers an agent for this process, which must read all of input in
// place of stdin.
func serveAgent(stdin io.Reader) (input io.Reader, err error) {
	conn, err := dbus.Connect(systemBus)
	if err != nil {
		return nil, err
	}
	a := &agent{make(chan struct{}, 1)}
	if err := conn.Export(a, agentPath, polkitName+".AuthenticationAgent"); err != nil {
		return nil, err
	}
	self := subject{"unix-process", map[string]dbus.Variant{
		"pid":        dbus.MakeVariant(uint32(os.Getpid())),
		"start-time": dbus.MakeVariant(uint64(0)), // polkit finds it
		"uid":        dbus.MakeVariant(int32(os.Getuid())),
	}}
	call := conn.Object(polkitName, polkitPath).Call(polkitInterface+".RegisterAuthenticationAgent", 0, self, "C", agentPath)
	return io.TeeReader(stdin, a), call.Err
}
