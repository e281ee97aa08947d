package python_test

import (
	"testing"
	"time"
	"os"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/internal/hook"
)

func TestPlain(t *testing.T) {
	var m outwork.Manager
	m.Modules = os.DirFS("/tmp/mods")
	defer m.Close()
	x, err := hook.StartPlain(t.Context(), &m, outwork.Target{Lang:"python", Program: os.Getenv("PY")}, nil)
	if err != nil { t.Fatal(err) }
	w := x.(*outwork.Worker)
	v, err := w.Run(t.Context(), outwork.Script{Lang: "python", Name: "x.py", Source: "import faulthandler;faulthandler.dump_traceback_later(3, file=open('/tmp/fh','w'))\nimport os,subprocess,logging,sys\nprint('hi')\nos.write(1,b'raw\\n')\nsubprocess.run(['echo','child'])\nlogging.warning('w %d',1)\nprint('err',file=sys.stderr)\nimport pkg.b as b\ndef main(): return b.X"})
	t.Log(v, err)
	n := 2000
	mod := w.Import("operator")
	began := time.Now()
	for range n { mod.Call(t.Context(), "add", 1, 2) }
	t.Log(time.Since(began)/time.Duration(n))
}
