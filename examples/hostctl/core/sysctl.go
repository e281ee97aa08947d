package core

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork"
)

// SysctlArgs are the arguments of sysctl.get.
type SysctlArgs struct {
	Name string `cbor:"name" doc:"the parameter" arg:"0" enum:"net.core.somaxconn,net.ipv4.ip_forward,net.ipv4.ip_local_port_range,net.ipv4.tcp_fin_timeout,vm.swappiness"`
}

// SetSysctlArgs are the arguments of sysctl.set.
type SetSysctlArgs struct {
	Name  string `cbor:"name" doc:"the parameter" arg:"0" enum:"net.core.somaxconn,net.ipv4.ip_forward,net.ipv4.ip_local_port_range,net.ipv4.tcp_fin_timeout,vm.swappiness"`
	Value string `cbor:"value" doc:"its new value; two numbers are written with a space between" arg:"1" pattern:"[0-9 ]{1,32}"`
}

// Sysctl is a parameter and its value.
type Sysctl struct {
	Name  string `cbor:"name" doc:"the parameter"`
	Value string `cbor:"value" doc:"its value now"`
}

// GetSysctl tells the value of a parameter.
var GetSysctl = outwork.Func("sysctl.get", func(_ context.Context, a SysctlArgs) (Sysctl, error) {
	p, err := parameterOf(a.Name)
	if err != nil {
		return Sysctl{}, err
	}
	return p.get(a.Name)
})

// SetSysctl sets a parameter, and returns it as it is then.
var SetSysctl = outwork.Func("sysctl.set", func(_ context.Context, a SetSysctlArgs) (Sysctl, error) {
	p, err := parameterOf(a.Name)
	if err != nil {
		return Sysctl{}, err
	}
	if err := p.set(a.Value); err != nil {
		return Sysctl{}, fmt.Errorf("%s: %w", a.Name, err)
	}
	return p.get(a.Name)
})

// parameter is a kernel parameter that may be set: so many numbers, each in a
// range.
type parameter struct {
	path     string
	numbers  int
	min, max uint64
}

// parameters are all that there are for clients. No path is ever made from what
// a client says.
var parameters = map[string]parameter{
	"net.core.somaxconn":           {"/proc/sys/net/core/somaxconn", 1, 128, 65535},
	"net.ipv4.ip_forward":          {"/proc/sys/net/ipv4/ip_forward", 1, 0, 1},
	"net.ipv4.ip_local_port_range": {"/proc/sys/net/ipv4/ip_local_port_range", 2, 1024, 65535},
	"net.ipv4.tcp_fin_timeout":     {"/proc/sys/net/ipv4/tcp_fin_timeout", 1, 5, 120},
	"vm.swappiness":                {"/proc/sys/vm/swappiness", 1, 0, 200},
}

func parameterOf(name string) (parameter, error) {
	p, ok := parameters[name]
	if !ok {
		return p, fmt.Errorf("%q is none of the parameters that this service handles", name)
	}
	return p, nil
}

func (p parameter) get(name string) (Sysctl, error) {
	text, err := os.ReadFile(p.path)
	if err != nil {
		return Sysctl{}, err
	}
	return Sysctl{Name: name, Value: strings.Join(strings.Fields(string(text)), " ")}, nil
}

// set writes what was parsed, and not what was said.
func (p parameter) set(value string) error {
	numbers, err := p.parse(value)
	if err != nil {
		return err
	}
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.FormatUint(n, 10)
	}
	f, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strings.Join(words, " ") + "\n")
	return err
}

func (p parameter) parse(value string) ([]uint64, error) {
	words := strings.Fields(value)
	if len(words) != p.numbers {
		return nil, fmt.Errorf("its value is %s, not %d", count(p.numbers), len(words))
	}
	numbers := make([]uint64, len(words))
	for i, word := range words {
		n, err := strconv.ParseUint(word, 10, 64)
		if err != nil || n < p.min || n > p.max {
			return nil, fmt.Errorf("the value %q is not a number from %d to %d", word, p.min, p.max)
		}
		if i > 0 && n < numbers[i-1] {
			return nil, fmt.Errorf("the range from %d to %d is empty", numbers[i-1], n)
		}
		numbers[i] = n
	}
	return numbers, nil
}

func count(numbers int) string {
	if numbers == 1 {
		return "1 number"
	}
	return strconv.Itoa(numbers) + " numbers"
}
