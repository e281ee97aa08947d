package polkit

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestBusSocket(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/else")
	for address, want := range map[string]string{
		"":                                   "/else",
		systemBus:                            "/run/dbus/system_bus_socket",
		"unix:path=/a%20b,guid=12":           "/a b",
		"unix:guid=12,abstract=x":            "@x",
		"tcp:host=x;unix:path=/b":            "/b",
		"unix:path=/a;unix:path=/b":          "/a",
		"unix:path=%zz;unix:path=%00;unix:":  "",
		"unix:runtime=yes":                   "",
		"autolaunch:":                        "",
		strings.Repeat("unix:path=;", 10000): "",
	} {
		got, err := busSocket(address)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%.50s: got %q, %v", address, got, err)
		}
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "")
	if got, err := busSocket(""); got != "/run/dbus/system_bus_socket" || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestDetailsAreBounded(t *testing.T) {
	details := map[string]string{"polkit.message": "x", "a\x00": "b\u202ec\xff\nd", strings.Repeat("n", 100): strings.Repeat("ä", 1000)}
	short := bounded(details)
	if len(short) != 2 || short["a?"] != "b?c??d" {
		t.Errorf("got %q", short)
	}
	for name, value := range short {
		if len(name) > MaxDetailName || len(value) > MaxDetailValue || !utf8.ValidString(value) {
			t.Errorf("%d bytes called %q", len(value), name)
		}
	}
	for i := range 100 {
		details[strings.Repeat("x", i)] = ""
	}
	if n := len(bounded(details)); n != MaxDetails {
		t.Errorf("%d details", n)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\nb", 2)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 3 + most&0xff
		if got := clean(s, most); len(got) > most || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r\x1b") {
			t.Errorf("got %q of %q", got, s)
		}
	})
}
