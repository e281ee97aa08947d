package polkit

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/godbus/dbus/v5"
)

const agentPath = "/org/outwork/Agent"

// agent is an authentication agent of the client's own process. It tells on
// stdout what polkit wants of it, and comes to the end of an authentication when
// that is cancelled, or of any when a byte is on stdin.
//
// One that answers for an authentication while polkit cancels another may lock
// polkitd 122 up for ever (see RATIONALE.md).
type agent struct {
	end       chan struct{}
	mu        sync.Mutex
	cancelled map[string]chan struct{} // by cookie
}

// BeginAuthentication is called when the user is to authenticate.
func (a *agent) BeginAuthentication(action, message, icon string, details map[string]string, cookie string, _ []subject) *dbus.Error {
	cancelled := make(chan struct{})
	a.mu.Lock()
	a.cancelled[cookie] = cancelled
	a.mu.Unlock()
	fmt.Println("begin", action, message, cookie)
	select {
	case <-a.end:
	case <-cancelled:
	}
	return nil
}

// CancelAuthentication is called when that is withdrawn.
func (a *agent) CancelAuthentication(cookie string) *dbus.Error {
	fmt.Println("cancel", cookie)
	a.mu.Lock()
	defer a.mu.Unlock()
	if cancelled, ok := a.cancelled[cookie]; ok {
		delete(a.cancelled, cookie)
		close(cancelled)
	}
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
	a := &agent{end: make(chan struct{}, 1), cancelled: make(map[string]chan struct{})}
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
