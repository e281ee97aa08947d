package boot

import (
	"errors"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/host"
)

// containerHop is the inside of what docker or podman runs.
type containerHop struct{ program, name string }

func parseContainer(program string) func(string, HopOptions) (host.Hop, error) {
	return func(rest string, _ HopOptions) (host.Hop, error) {
		name, err := word("container", rest)
		return &containerHop{program, name}, err
	}
}

// String is of host.Hop.
func (h *containerHop) String() string { return h.program + "://" + coded(h.name) }

// Command is of host.Hop.
func (h *containerHop) Command(shell string) []string {
	return []string{h.program, "exec", "-i", h.name, "/bin/sh", "-c", shell}
}

// Explain is of host.Explainer.
func (h *containerHop) Explain(code int, lines []string) (host.Stage, string) {
	if code == 126 || code == 127 {
		return host.Shell, "there is no /bin/sh in it: " + lastOf(lines)
	}
	return host.Connect, lastOf(lines)
}

// kubectlHop is the inside of a container of a pod.
type kubectlHop struct{ namespace, pod, container string } // "": as configured

func parseKubectl(rest string, _ HopOptions) (host.Hop, error) {
	h := &kubectlHop{}
	into := [][]*string{1: {&h.pod}, 2: {&h.namespace, &h.pod}, 3: {&h.namespace, &h.pod, &h.container}}
	parts := strings.Split(rest, "/")
	if len(parts) >= len(into) {
		return nil, errors.New("it is kubectl://[namespace/]pod, or kubectl://namespace/pod/container")
	}
	for i, field := range into[len(parts)] {
		var err error
		if *field, err = word("name", parts[i]); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// String is of host.Hop.
func (h *kubectlHop) String() string {
	s := coded(h.pod)
	if h.namespace != "" {
		s = coded(h.namespace) + "/" + s
	}
	if h.container != "" {
		s += "/" + coded(h.container)
	}
	return "kubectl://" + s
}

// Command is of host.Hop.
func (h *kubectlHop) Command(shell string) []string {
	args := []string{"kubectl", "exec", "-i"}
	if h.namespace != "" {
		args = append(args, "-n", h.namespace)
	}
	if h.container != "" {
		args = append(args, "-c", h.container)
	}
	return append(args, h.pod, "--", "/bin/sh", "-c", shell)
}

// Explain is of host.Explainer.
func (h *kubectlHop) Explain(code int, lines []string) (host.Stage, string) {
	if code == 126 || code == 127 {
		return host.Shell, "there is no /bin/sh in it: " + lastOf(lines)
	}
	return host.Connect, lastOf(lines)
}

// nsenterHop is where a process of the same host is: all of its namespaces.
type nsenterHop struct{ pid int }

func parseNsenter(rest string, _ HopOptions) (host.Hop, error) {
	pid, err := number("process", rest, 1<<22)
	return &nsenterHop{pid}, err
}

// String is of host.Hop.
func (h *nsenterHop) String() string { return "nsenter://" + strconv.Itoa(h.pid) }

// Command is of host.Hop.
func (h *nsenterHop) Command(shell string) []string {
	return []string{"nsenter", "-t", strconv.Itoa(h.pid), "-a", "--", "/bin/sh", "-c", shell}
}

// Explain is of host.Explainer.
func (h *nsenterHop) Explain(code int, lines []string) (host.Stage, string) {
	if code == 126 || code == 127 {
		return host.Shell, "there is no /bin/sh in it: " + lastOf(lines)
	}
	return host.Connect, lastOf(lines)
}
