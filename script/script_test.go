package script_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/outworktest"
	"github.com/outwork-go/outwork/script"
)

func TestMain(m *testing.M) {
	outwork.Main()
	os.Exit(m.Run())
}

// trouble is an error with a traceback.
type trouble struct{}

func (trouble) Error() string     { return "it fails" }
func (trouble) Traceback() string { return "in line 1" }

// test is a language whose scripts are one word.
const test = "test"

func init() { script.Register(test, runTest) }

func runTest(ctx context.Context, s outwork.Script) (any, error) {
	word, of, _ := strings.Cut(s.Source, " ")
	switch word {
	case "list":
		return []any{s.Name, strings.Join(s.Args, " "), s.Steps}, nil
	case "channel":
		return make(chan int), nil
	case "import":
		m, err := script.Import(ctx, "starlark", of)
		return []any{m.Name, m.Path, m.Source, m.Missing}, err
	}
	return nil, trouble{}
}

// started are one worker in this process and one of its own.
func started(t *testing.T, m *outwork.Manager) map[string]*outwork.Worker {
	w, err := m.Start(t.Context(), outwork.Target{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return map[string]*outwork.Worker{"here": outworktest.Start(t, m, outwork.Target{}), "process": w}
}

func TestRegister(t *testing.T) {
	for where, w := range started(t, &outwork.Manager{}) {
		v, err := w.Run(t.Context(), outwork.Script{Lang: test, Name: "n", Source: "list", Args: []string{"a", "b"}, Steps: 3})
		if err != nil || v.String() != `["n","a b",3]` {
			t.Errorf("%s: %v, %v", where, v, err)
		}
		_, err = w.Run(t.Context(), outwork.Script{Lang: test, Source: "fail"})
		if e, ok := errors.AsType[*outwork.RemoteError](err); !ok || e.Stack != "in line 1" || !strings.Contains(e.Error(), "it fails") {
			t.Errorf("%s: %#v", where, err)
		}
		if _, err = w.Run(t.Context(), outwork.Script{Lang: test, Source: "channel"}); err == nil || !strings.Contains(err.Error(), "cannot cross") {
			t.Errorf("%s: a channel as the result: %v", where, err)
		}
		if _, err = w.Run(t.Context(), outwork.Script{Lang: "Test", Name: "n"}); err == nil || !strings.Contains(err.Error(), `no guest for the language "Test": it runs letter, template, test`) {
			t.Errorf("%s: another language: %v", where, err)
		}
	}
}

// Both places are those of the guests.
func TestRegisterTwice(t *testing.T) {
	defer func() {
		if text := fmt.Sprint(recover()); strings.Count(text, "script_test.go:") != 2 {
			t.Errorf("a language that is taken: %s", text)
		}
	}()
	script.Register(test, runTest)
}

func TestImport(t *testing.T) {
	m := &outwork.Manager{Modules: fstest.MapFS{"lib/x.star": {Data: []byte("x = 1")}}}
	for where, w := range started(t, m) {
		for name, want := range map[string]string{
			"lib/x.star": `["lib/x.star","lib/x.star","eCA9IDE=",false]`,
			"lib/y.star": `["lib/y.star","",null,true]`,
		} {
			for range 2 { // what is asked for once is the same again
				if v, err := w.Run(t.Context(), outwork.Script{Lang: test, Source: "import " + name}); err != nil || v.String() != want {
					t.Errorf("%s: %v, %v; want %s", where, v, err, want)
				}
			}
		}
		if _, err := w.Run(t.Context(), outwork.Script{Lang: test, Source: "import ../etc/passwd"}); err == nil {
			t.Errorf("%s: a module outside the roots", where)
		}
	}
}

func TestImportOutside(t *testing.T) {
	if _, err := script.Import(t.Context(), "starlark", "x"); err == nil || !strings.Contains(err.Error(), `module "x": the context is not that of a function in a worker`) {
		t.Errorf("Import outside a worker: %v", err)
	}
}
