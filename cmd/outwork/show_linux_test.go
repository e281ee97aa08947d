package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/ptytest"
	"github.com/outwork-go/outwork/script/python"
)

// shown has a script show something on a terminal, and waits until it is there.
func shown(t *testing.T, args ...string) *ptytest.Terminal {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte(strings.Repeat("0123456789abcdef", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TERM", "xterm-256color")
	p := ptytest.Open(t, 80, 24)
	p.Start(command(t, append([]string{"run", "--grant", "terminal", "--share", "data=" + data}, args...)...))
	p.Wait("the view", func(s *ptytest.Screen) bool { return s.Alternate && strings.Contains(s.Text(), "0123456789abcdef") })
	return p
}

func TestExampleShows(t *testing.T) {
	newExamples(t, python.Lang) // or there is nothing to test
	p := shown(t, "../../examples/hex.py", "data", "0x10")
	p.Type("\r")
	p.WaitText("1 bytes at 0x10: 30")
}

func TestStarlarkShows(t *testing.T) {
	p := shown(t, "-c", "def main(): return show(shared('data').slice(0x20), title = 'a title', offset = 3)")
	p.WaitText("a title")
	p.Type("\r")
	p.WaitText(`{"length":1,"offset":3,"picked":true}`)
}

// TestPrintsWait: what is printed while something is shown comes behind that.
func TestPrintsWait(t *testing.T) {
	newExamples(t, python.Lang) // or there is nothing to test
	p := shown(t, "--lang", "python", "-c", `
import outwork, sys, threading
c = outwork.shared("data")
def chatter():
    print("printed meanwhile")
    sys.stderr.write("told meanwhile\n")
t = threading.Timer(0, chatter)
t.start()
print("picked %r" % outwork.show(c).picked)
t.join()
`)
	p.Type("q")
	p.WaitText("picked False")
	p.WaitText("printed meanwhile")
	p.WaitText("told meanwhile")
	p.Look(func(s *ptytest.Screen) {
		if s.Alternate {
			t.Error("the view is still there")
		}
	})
}

func TestShowsWhatIsNotShared(t *testing.T) {
	p := shown(t, "-c", "def main(): return show(container(shared('data').read(0, 32)), 'my own').length")
	p.WaitText("my own")
	p.Type("\r")
	p.Wait("the length", func(s *ptytest.Screen) bool { return strings.TrimSpace(s.Line(0)) == "1" })
}

// TestShowsNothingOdd: what cannot be shown is an error, and no view begins.
func TestShowsNothingOdd(t *testing.T) {
	newExamples(t, python.Lang) // or there is nothing to test
	p := shown(t, "--lang", "python", "-c", `
import outwork
c = outwork.shared("data")
said = []
for f in (lambda: outwork.show(c.slice(0, 0)), lambda: outwork.show(c, offset=1 << 40), lambda: outwork.show(b"x")):
    try:
        f()
    except Exception as e:
        said.append("%s: %s" % (type(e).__name__, e))
outwork.show(c)
print("\n".join(said))
`)
	p.Type("q")
	p.WaitText("ValueError: show: there is nothing in the container")
	p.WaitText("ValueError: show: 0 bytes at offset 1099511627776 are past the end")
	p.WaitText("TypeError: show: that is no container but a bytes")
}

// TestShowHasStructures: a program is shown with the fields of its headers, from scripts
// as by the verb.
func TestShowHasStructures(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	p := ptytest.Open(t, 80, 24)
	p.Start(command(t, "run", "--grant", "terminal", "--share", "self=/proc/self/exe", "-c", "def main(): return show(shared('self'), offset = 0x12).length"))
	p.WaitText("e_machine")
	p.Type("t")
	p.WaitText("Elf64_Ehdr")
	p.Type("q")
}
