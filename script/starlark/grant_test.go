package starlark

import (
	"runtime"
	"testing"
)

func TestNotGranted(t *testing.T) {
	h := newHost(nil, map[string]string{"m.star": "def f(): return host.facts()\n"})
	for source, line := range map[string]string{
		"x = 1\nx = host.facts()\nhost.open('y')\n": `File "x.star", line 2`,
		"def main(): return host\n":                 `File "x.star", line 1`,
		"load('m.star', 'f')\n":                     `File "mods/m.star", line 1`,
	} {
		e := h.fails(t, source)
		wantText(t, e.Traceback, line)
		wantText(t, e.Traceback, "Error: ")
		wantText(t, e.Msg, "host: not granted; run with --grant host")
	}
	if e := h.fails(t, "host.open('y')\nnowhere\n"); e.Msg != "x.star:2:1: undefined: nowhere" {
		t.Errorf("got %q", e.Msg)
	}
	if v, err := h.run(t, "def main():\n    host = 3\n    return host\n"); v != int64(3) || err != nil {
		t.Errorf("a name of the script's own: got %v, %v", v, err)
	}
}

func TestGrantsThatThereAreNot(t *testing.T) {
	h := newHost(nil, nil)
	h.Grants = []string{"hots"}
	if e := h.fails(t, "print(1)"); e.Msg != `there is no grant "hots": the only one is host` || h.out.Len() > 0 {
		t.Errorf("got %q, printed %q", e.Msg, &h.out)
	}
	if runtime.GOOS == "linux" {
		return
	}
	h.Grants = []string{GrantHost}
	wantText(t, h.fails(t, "print(1)").Msg, "on Linux alone")
}
