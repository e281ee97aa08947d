package agent

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/starter"
)

// ran is what a process prints that an agent starts, and how it ended.
func (r *reached) ran(s *link.Spawn) (printed string, exit starter.Exit, err error) {
	r.t.Helper()
	var mu sync.Mutex
	var out strings.Builder
	p, err := r.host.Start(r.t.Context(), s, func(_ int, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		out.Write(b)
	})
	if err != nil {
		r.t.Fatal(err)
	}
	exit, err = p.Wait()
	p.Transport().Close()
	mu.Lock()
	defer mu.Unlock()
	return out.String(), exit, err
}

// A confinement that cannot be is an error of that start, and of nothing else.
func TestConfinementThatCannotBe(t *testing.T) {
	r := reach(t, patience, patience)
	strict := `{"level":"strict","limits":{}}`
	for want, s := range map[string]link.Spawn{
		"the confinement asked for: ":                 {Confine: []byte("{")},
		"the confinement asked for: json: unknown":    {Confine: []byte(`{"level":"strict","more":1}`)},
		"the confinement asked for: there is more":    {Confine: []byte(strict + strict)},
		"no such level of confinement: \"lax\"":       {Confine: []byte(`{"level":"lax","limits":{}}`)},
		"the confinement grants \"x\", which is no":   {Confine: []byte(`{"level":"strict","ro":["x"],"limits":{}}`)},
		"a memory limit of 1 bytes: a worker needs":   {Confine: []byte(`{"limits":{"memory":1}}`)},
		"a command of a hop cannot be confined":       {Confine: []byte(strict), Kind: link.SpawnCommand, Program: "/bin/true"},
		"the confinement has grants but no level: wi": {Confine: []byte(`{"network":true,"limits":{"files":100}}`)},
	} {
		s.Args, s.Env = []string{"x"}, []string{}
		_, _, err := r.ran(&s)
		if _, ok := errors.AsType[*StartError](err); !ok || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", s.Confine, err)
		}
	}
	if err := r.host.Err(); err != nil {
		t.Error(err)
	}
	printed, exit, err := r.ran(&link.Spawn{Program: "/bin/sh", Args: []string{"sh", "-c", "echo here; exit 3"}, Env: []string{}})
	if printed != "here\n" || exit.Code != 3 || err != nil {
		t.Errorf("then: %q, %v, %v", printed, exit, err)
	}
}

// What a worker is held by crosses to the agent, which sees to its part, and takes nobody's word
// that it was done. The worker is who it was started as, whatever its environment says.
func TestConfinementCrosses(t *testing.T) {
	r := reach(t, patience, patience)
	p := confine.Policy{
		Level: confine.Strict, ReadOnly: []string{"/usr"}, Limits: confine.Limits{Memory: 64 << 20},
		Given: confine.Given{UID: 1, Missing: []string{"forged"}, Namespaces: []string{"forged"}, Outside: []uint64{1}},
	}
	show := "echo \"$" + confine.PolicyVariable + "\"; echo $" + starter.RoleVariable + "; readlink /proc/self/ns/pid; exit 3"
	printed, exit, err := r.ran(&link.Spawn{
		Program: "/bin/sh", Args: []string{"sh", "-c", show}, Confine: p.Encode(),
		Env: []string{starter.RoleVariable + "=agent", confine.PolicyVariable + "=forged"},
	})
	if err != nil || exit.Code != 3 {
		t.Fatalf("%q, %v, %v", printed, exit, err)
	}
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	var got confine.Policy
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil || len(lines) != 3 {
		t.Fatalf("it printed %q, %v", printed, err)
	}
	g := got.Given
	if got.Level != p.Level || got.Limits != p.Limits || got.ReadOnly[0] != "/usr" || len(g.Missing) > 0 || g.UID == 1 || len(g.Namespaces) < 6 {
		t.Errorf("it was given %+v", got)
	}
	if own, err := os.Readlink("/proc/self/ns/pid"); lines[2] == own || err != nil {
		t.Errorf("it is in this process's %s, %v", own, err)
	}
	if lines[1] != starter.RoleFar {
		t.Errorf("it was started as %q", lines[1])
	}
	if (exit.PeakMemory > 0) != (len(g.Cgroups) > 0) || exit.OutOfMemory {
		t.Errorf("in the groups %q it ended with %+v", g.Cgroups, exit)
	}
}

// An interpreter is started by a stage.
func TestConfinedInterpreter(t *testing.T) {
	for _, c := range []struct {
		s    link.Spawn
		exec bool
	}{
		{link.Spawn{Kind: link.SpawnInterpreter}, false},
		{link.Spawn{Kind: link.SpawnInterpreter, Confine: []byte(`{"level":"strict","limits":{}}`)}, true},
		{link.Spawn{Kind: link.SpawnWorker, Confine: []byte(`{"level":"strict","limits":{}}`)}, false},
	} {
		p, err := policy(&c.s)
		if err != nil || (p != nil && p.Exec != nil) != c.exec {
			t.Errorf("%+v: %+v, %v", c.s, p, err)
		}
	}
}
