package tcp

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/tcp"
)

func TestSplit(t *testing.T) {
	for back, want := range map[string][2]string{
		"auto": {"", "0"}, ":7000": {"", "7000"}, "manager:7000": {"manager", "7000"}, "[::1]:7000": {"::1", "7000"},
		"0.0.0.0:7000": {"", "7000"}, "[::]:7000": {"", "7000"}, "127.0.0.1:0": {"127.0.0.1", "0"},
	} {
		host, port, err := split(back)
		if host != want[0] || port != want[1] || err != nil {
			t.Errorf("%q: %q, %q, %v", back, host, port, err)
		}
	}
	for _, back := range []string{"", "manager", ":", ":0", "0.0.0.0:x", "manager:http", "manager:65536", "[::1", "a:b:c"} {
		if host, port, err := split(back); err == nil {
			t.Errorf("%q: %q, %q", back, host, port)
		}
	}
}

// An address of this machine is listened at; another one leads here from elsewhere.
func TestListen(t *testing.T) {
	for host, loopback := range map[string]bool{"127.0.0.1": true, "192.0.2.77": false, "manager.invalid": false, "": false} {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(free.Addr().String())
		free.Close()
		ln, err := listen(host, port)
		if err != nil {
			t.Errorf("%q: %v", host, err)
			continue
		}
		if at := ln.Addr().(*net.TCPAddr).IP; at.IsLoopback() != loopback {
			t.Errorf("%q: it listens at %v", host, at)
		}
		ln.Close()
	}
}

// What an agent is told leads to where it is listened.
func TestDoor(t *testing.T) {
	for back, named := range map[string]string{"auto": "", "127.0.0.1:0": "127.0.0.1"} {
		d, err := provider{}.Back(back, tcp.Listening{Redial: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		i, forget, err := d.Expect("ssh://h", resume.New(resume.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		port := d.(*door).Addr().(*net.TCPAddr).Port
		if (i.Port == port) != (named == "") || len(i.Pin) != 32 || len(i.Key) != 32 || len(i.Session) != 16 {
			t.Errorf("%q: %+v", back, i)
		}
		hosts := own()
		if named != "" {
			hosts = []string{named}
		}
		if len(i.Addresses) != len(hosts) || len(hosts) == 0 {
			t.Errorf("%q: addresses %q for %q", back, i.Addresses, hosts)
		}
		for n, address := range i.Addresses {
			if host, _, err := net.SplitHostPort(address); host != hosts[n] || err != nil {
				t.Errorf("%q: address %q for %q", back, address, hosts[n])
			}
		}
		forget()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if all := own(); !slices.Contains(all, "127.0.0.1") || len(all) > most {
		t.Errorf("own addresses: %q", all)
	}
}

func TestIdentity(t *testing.T) {
	text, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	a, err := parseIdentity(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := parseIdentity(append([]byte("a comment\n"), text...))
	if err != nil || a.Pin() != b.Pin() {
		t.Errorf("the same text is another key: %v", err)
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "no PEM": []byte("hello"), "another block": bytes.ReplaceAll(text, []byte("PRIVATE"), []byte("PUBLIC")),
		"cut": append(text[:60:60], text[80:]...),
	} {
		if _, err := parseIdentity(bad); err == nil || !strings.Contains(err.Error(), "identity") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeys(t *testing.T) {
	long := []byte("0123456789abcdef")
	text, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]ListenConfig{
		"both": {Secret: long, Identity: text}, "a short secret": {Secret: long[:15]}, "no key": {Identity: []byte("x")},
	} {
		if _, err := c.keys(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for name, c := range map[string]JoinConfig{"nothing": {}, "both": {Token: "x", Secret: long}, "a short secret": {Secret: long[:15]}} {
		if _, err := c.dialler(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// An agent that was told nonsense does not dial.
func TestInvited(t *testing.T) {
	short, long := make([]byte, 16), make([]byte, 32)
	for name, i := range map[string]tcp.Invitation{
		"nothing":         {},
		"a short session": {Pin: long, Key: long, Session: short[:15]}, "a long session": {Pin: long, Key: long, Session: long},
		"a short pin": {Pin: short, Key: long, Session: short}, "a short key": {Pin: long, Key: short, Session: short},
	} {
		if _, err := (provider{}).Dial(nil, i); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := (provider{}).Dial(nil, tcp.Invitation{Pin: long, Key: long, Session: short}); err != nil {
		t.Error(err)
	}
}
