package python_test

import (
	"bytes"
	"os"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/record"
)

// besideHop is a hop to an agent on this machine.
type besideHop struct{}

func (besideHop) String() string { return "beside://" }

func (besideHop) Direct() {}

func (besideHop) Command(string) []string {
	return []string{"env", "OUTWORK_ROLE=agent", "/proc/" + strconv.Itoa(os.Getpid()) + "/exe", "[agent]"}
}

// TestAgentKeeps: what an agent has seen its manager answer to one interpreter, modules
// and parts of the runtime, the next ones get from it; and a reload what is new.
func TestAgentKeeps(t *testing.T) {
	for _, interpreter := range interpreters(t) {
		t.Run(interpreter, func(t *testing.T) { testAgentKeeps(t, interpreter) })
	}
}

func testAgentKeeps(t *testing.T, interpreter string) {
	var crossed buffer
	modules := fstest.MapFS{"far_away.py": {Data: []byte("X = 1")}}
	m := outwork.Manager{
		Record: &crossed, Modules: modules,
		Hops: map[string]func(string) (host.Hop, error){"beside": func(string) (host.Hop, error) { return besideHop{}, nil }},
	}
	defer m.Close()
	run := func(w *outwork.Worker, source string, want int64) {
		t.Helper()
		v, err := w.Run(t.Context(), outwork.Script{Lang: "python", Name: "s.py", Source: source})
		if err != nil || v.Any() != want {
			t.Errorf("got %v, %v", v, err)
		}
	}
	const source = "import importlib, outwork\nm = importlib.import_module('far' + '_away')\noutwork.result(m.X) # "
	for i, name := range []string{"ann", "bob"} {
		w, err := m.Start(t.Context(), outwork.Target{Host: "beside://", Lang: "python", Program: interpreter, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		// No script is like another: else its imports would be sent along.
		run(w, source+name, 1)
		if n := modulesAsked(t, &crossed, name); (n == 0) != (i == 1) {
			t.Errorf("%s asked for %d modules", name, n)
		}
		if i == 1 {
			modules["far_away.py"] = &fstest.MapFile{Data: []byte("X = 22")}
			run(w, "import importlib, outwork, far_away\noutwork.result(importlib.reload(far_away).X)", 22)
		}
	}
}

// modulesAsked is how many GET_MODULEs of a worker have come to the manager.
func modulesAsked(t *testing.T, crossed *buffer, worker string) (n int) {
	t.Helper()
	text := crossed.String()
	for f, err := range record.Read(bytes.NewReader([]byte(text))) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Worker == worker && !f.Sent && f.Header.Kind == frame.Open && f.Header.Handle == frame.GetModule {
			n++
		}
	}
	return n
}
