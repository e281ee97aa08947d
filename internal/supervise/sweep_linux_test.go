package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestStraysDieWithTheirLeader(t *testing.T) {
	s := open(t)
	for _, kind := range []string{"setsid", "daemon", "nest"} {
		t.Run(kind, func(t *testing.T) {
			c, out := play(t, s, "breed", kind)
			procs := introduced(t, out, map[string]int{"setsid": 2, "daemon": 2, "nest": 4}[kind])
			kill(t, c, syscall.SIGKILL)
			exitOfChild(t, c)
			for _, name := range procs {
				mustEnd(t, name...)
			}
		})
	}
}

// A daemon outlives its parent, but only as long as its leader; and one whose
// leader cannot be told lives until Close.
func TestStraysOfTheLivingStay(t *testing.T) {
	s := open(t)
	_, out := play(t, s, "breed", "daemon", "unmarked")
	kept := introduced(t, out, 3)
	dying, out := play(t, s, "breed", "daemon", "unmarked")
	swept := introduced(t, out, 3)
	kill(t, dying, syscall.SIGTERM)
	exitOfChild(t, dying)
	mustEnd(t, swept["setsid"]...)
	if s.sweep(s.orphaned) {
		t.Error("a process was undecided")
	}
	mustLive(t, slices.Concat(kept["breed"], kept["setsid"], kept["unmarked"], swept["unmarked"])...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, slices.Concat(kept["breed"], kept["setsid"], kept["unmarked"], swept["unmarked"])...)
}

// Whatever a list of children said, strangers and the living are not judged.
func TestSweepJudgesOnlyStrays(t *testing.T) {
	s := open(t)
	c, out := play(t, s, "breed", "group")
	introduced(t, out, 2)
	judge := func(pid int) verdict {
		t.Errorf("process %d was judged", pid)
		return spare
	}
	for _, pid := range []int{1, os.Getpid(), os.Getppid(), c.Pid(), 1 << 30} {
		s.sweepOne(pid, judge)
	}
}

func TestOrphaned(t *testing.T) {
	s := &Supervisor{token: "TOK", live: map[uint64]struct{}{7: {}}, proc: procfs{root: t.TempDir(), self: 1}}
	tests := []struct {
		environ string
		want    verdict
	}{
		{"", undecided},
		{"HOME=/\x00", spare},
		{"OUTWORK_ID=TOK-7\x00", spare},
		{"OUTWORK_ID=TOK-8\x00", condemn},
		{"HOME=/\x00OUTWORK_ID=TOK-8", condemn},
		{"OUTWORK_ID=A-1/TOK-8/B-7\x00", condemn},
		{"OUTWORK_ID=A-8\x00", spare},
		{"OUTWORK_ID=XTOK-8\x00", spare},
		{"OUTWORK_ID=TOK-\x00", spare},
		{"OUTWORK_ID=TOK-8x\x00", spare},
		{"OUTWORK_ID=TOK--8\x00", spare},
		{"XOUTWORK_ID=TOK-8\x00", spare},
		{"A=OUTWORK_ID=TOK-8\x00", spare},
		{"OUTWORK_ID=\x00OUTWORK_ID=TOK-8\x00", condemn},
		{strings.Repeat("A", maxEnviron) + "\x00OUTWORK_ID=TOK-8\x00", spare},
	}
	for i, test := range tests {
		writeProc(t, s.proc, i+1, "environ", test.environ)
		if got := s.orphaned(i + 1); got != test.want {
			t.Errorf("%.60q: got %d, want %d", test.environ, got, test.want)
		}
	}
	if got := s.orphaned(1000); got != spare {
		t.Errorf("a process that is gone: got %d, want %d", got, spare)
	}
}

func writeProc(t *testing.T, p procfs, pid int, name, text string) {
	t.Helper()
	path := filepath.Join(p.root, fmt.Sprint(pid), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestParseStat(t *testing.T) {
	tests := []struct {
		line string
		want procStat
		ok   bool
	}{
		{"12 (cat) R 7 12 7 0", procStat{'R', 7}, true},
		{"12 (a) Z 1 (b) c) S 7 12", procStat{'S', 7}, true},
		{"12 (\n) Z 0 0", procStat{'Z', 0}, true},
		{"12 (cat) R 7", procStat{}, false},
		{"12 (cat) R x 7", procStat{}, false},
		{"12 (cat) RR 7 7", procStat{}, false},
		{"12 (cat", procStat{}, false},
		{"", procStat{}, false},
	}
	for _, test := range tests {
		got, err := parseStat([]byte(test.line))
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%q: got %v, %v", test.line, got, err)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("12 (a) Z 1 (b) c) S 7 12"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if st, err := parseStat(line); err == nil && st.state == 0 {
			t.Errorf("%q: no state", line)
		}
	})
}

func FuzzMarked(f *testing.F) {
	f.Add([]byte("A=1\x00OUTWORK_ID=X-1/TOK-8\x00"))
	f.Fuzz(func(t *testing.T, environ []byte) {
		n, ok := marked(environ, "TOK")
		if ok && !strings.Contains(string(environ), "TOK-") {
			t.Errorf("%q: found %d", environ, n)
		}
	})
}

// Kernels list children in one of two ways; a made-up /proc has both.
func TestChildren(t *testing.T) {
	p := procfs{root: t.TempDir(), self: 50}
	for pid, ppid := range map[int]int{50: 1, 51: 50, 52: 51, 53: 50, 1: 0} {
		writeProc(t, p, pid, "stat", fmt.Sprintf("%d (x) S %d 1 1", pid, ppid))
	}
	writeProc(t, p, 60, "stat", "garbage")
	if err := os.Mkdir(filepath.Join(p.root, "sys"), 0o700); err != nil {
		t.Fatal(err)
	}
	check := func(want ...int) {
		t.Helper()
		got, err := p.children()
		slices.Sort(got)
		if !slices.Equal(got, want) || err != nil {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
	check(51, 53)
	writeProc(t, p, 50, "task/50/children", "71 72 ")
	writeProc(t, p, 50, "task/54/children", "")
	writeProc(t, p, 50, "task/55/children", "73")
	check(71, 72, 73)
	if _, err := (procfs{root: p.root + "/none", self: 50}).children(); err == nil {
		t.Error("no /proc, and no error")
	}
}
