package sshtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	_ "embed"
)

//go:embed container.sh
var containerScript string

// podmanConfig and podmanStorage keep podman within the machine.
const (
	podmanConfig = "[engine]\nruntime = \"crun\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n"

	podmanStorage = "[storage]\ndriver = \"vfs\"\nrunroot = \"/run/containers/run\"\ngraphroot = \"/run/containers/storage\"\n"
)

// Container is a running container that has busybox and nothing else, inside a machine.
type Container struct {
	Name    string
	Machine *Machine // whose deploy cannot use it, but root can: podman exec

	// DockerHost is what to set DOCKER_HOST and CONTAINER_HOST to, so that docker exec
	// and podman --remote exec reach it from here.
	DockerHost string
}

// NewContainer starts a container in a machine made for it. Both go with the test.
func NewContainer(t testing.TB) *Container {
	t.Helper()
	check(t, need("podman", "crun", "/bin/busybox"))
	m := NewMachine(t, Options{Files: map[string]string{
		"/etc/containers/containers.conf": podmanConfig,
		"/etc/containers/storage.conf":    podmanStorage,
		"/run/sshtest/container.sh":       containerScript,
	}})
	c := &Container{Name: m.Host + "-box", Machine: m}
	m.Run(t, "sh /run/sshtest/container.sh "+c.Name)
	check(t, c.listen())
	return c
}

// listen gives podman a socket on which it is docker's daemon. It is there before
// podman is, so that nobody needs to wait for that.
func (c *Container) listen() error {
	path := c.Machine.Path("/run/docker.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("socket of podman: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	file, err := listener.File()
	listener.Close()
	if err != nil {
		return fmt.Errorf("socket of podman: %w", err)
	}
	defer file.Close()
	cmd := c.Machine.Command(context.Background(),
		"LISTEN_PID=$$ LISTEN_FDS=1 exec podman system service --time 0")
	cmd.ExtraFiles = []*os.File{file}
	c.DockerHost = "unix://" + path
	return c.Machine.background(cmd)
}

// Exec returns the command line "exec -i" of a client, such as docker or podman --remote,
// with a command for the container.
func (c *Container) Exec(ctx context.Context, client []string, command ...string) *exec.Cmd {
	args := append(client[1:len(client):len(client)], "exec", "-i", c.Name)
	cmd := exec.CommandContext(ctx, client[0], append(args, command...)...)
	cmd.Env = c.Env()
	return cmd
}

// Env is the environment of this process with DockerHost in it.
func (c *Container) Env() []string {
	env := []string{"DOCKER_HOST=" + c.DockerHost, "CONTAINER_HOST=" + c.DockerHost}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DOCKER_HOST=") && !strings.HasPrefix(v, "CONTAINER_HOST=") {
			env = append(env, v)
		}
	}
	return env
}
