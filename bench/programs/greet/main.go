// Command greet is the smallest program with hashicorp/go-plugin, and is its own plugin:
// docs/coming-from.md shows it beside one with outwork.
package main

import (
	"fmt"
	"log"
	"net/rpc"
	"os"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// greeter is what is to be done elsewhere.
type greeter struct{}

func (greeter) greet(name string) (string, error) { return "Hello, " + name, nil }

// server is greeter as net/rpc wants it.
type server struct{ greeter }

// Greet is called in the plugin.
func (s *server) Greet(name string, reply *string) (err error) {
	*reply, err = s.greet(name)
	return err
}

// stub is greeter on the side that calls.
type stub struct{ client *rpc.Client }

func (s *stub) greet(name string) (reply string, err error) {
	err = s.client.Call("Plugin.Greet", name, &reply)
	return reply, err
}

// greeterPlugin makes both.
type greeterPlugin struct{}

func (greeterPlugin) Server(*plugin.MuxBroker) (any, error) { return &server{}, nil }

func (greeterPlugin) Client(_ *plugin.MuxBroker, c *rpc.Client) (any, error) { return &stub{c}, nil }

var (
	handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "GREET", MagicCookieValue: "hello"}
	plugins   = plugin.PluginSet{"greeter": greeterPlugin{}}
)

func main() {
	if len(os.Args) > 1 {
		plugin.Serve(&plugin.ServeConfig{HandshakeConfig: handshake, Plugins: plugins})
		return
	}
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake,
		Plugins:         plugins,
		Cmd:             exec.Command("/proc/self/exe", "serve"),
		Logger:          hclog.NewNullLogger(),
	})
	defer client.Kill()
	conn, err := client.Client()
	if err != nil {
		log.Fatal(err)
	}
	raw, err := conn.Dispense("greeter")
	if err != nil {
		log.Fatal(err)
	}
	text, err := raw.(*stub).greet("World")
	fmt.Println(text, err)
}
