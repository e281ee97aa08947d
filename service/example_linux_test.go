package service_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/service"
)

type (
	HostnameArgs struct {
		Name string `cbor:"name" doc:"the new host name" pattern:"[a-z0-9-]{1,63}" arg:"0"`
	}
	HostnameReply struct {
		Old string `cbor:"old" doc:"the name before"`
	}
)

var SetHostname = outwork.Func("example.hostname.set", func(ctx context.Context, a HostnameArgs) (HostnameReply, error) {
	caller := service.Caller(ctx) // what the kernel said when it connected
	return HostnameReply{}, fmt.Errorf("uid %d would set %q", caller.UID, a.Name)
})

// The whole program: the daemon, its command, and what is installed for them.
func ExampleMain() {
	service.Main(service.Service{
		Name: "hostctl",
		Doc:  "Change what needs root on this host.",
		API: []service.Export{
			{Function: SetHostname, Doc: "Set the host name.", Allow: service.Group("hostctl"), Mutates: true},
		},
	})
}

// A client in Go, and the errors that it may want to tell apart.
func Example_client() {
	ctx := context.Background()
	conn, err := client.Dial(ctx, "unix:///run/hostctl.sock") // makes sure that it is root's
	if err != nil {
		fmt.Println("no daemon:", err)
		return
	}
	defer conn.Close()
	_, err = SetHostname.Call(ctx, conn, HostnameArgs{Name: "web1"})
	if denied, ok := errors.AsType[*service.DeniedError](err); ok {
		fmt.Println("it would take", denied.Missing)
	} else if errors.Is(err, fs.ErrPermission) {
		fmt.Println("the function itself may not:", err)
	}
}

// Rules combine.
func ExampleAnyOf() {
	fmt.Println(service.AnyOf(
		service.Group("wheel"),
		service.AllOf(service.Group("hostctl"), service.Polkit("org.example.hostctl.reboot")),
	))
	// Output: any of (group wheel, all of (group hostctl, polkit action org.example.hostctl.reboot))
}
