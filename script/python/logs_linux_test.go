package python_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/script/python"
)

// records is a handler that keeps what it is given.
type records struct {
	mu   sync.Mutex
	list []slog.Record
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }

func (r *records) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, rec)
	return nil
}

// take is what has come since the last time.
func (r *records) take() []slog.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

// told is a record in a line, without its worker.
func told(r slog.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "worker" {
			fmt.Fprintf(&b, " %s=%s", a.Key, a.Value)
		}
		return true
	})
	return b.String()
}

func tellAll(list []slog.Record) (all []string) {
	for _, r := range list {
		all = append(all, told(r))
	}
	return all
}

// newLogged is a world whose log is kept as records, at level.
func newLogged(t *testing.T, h how, interpreter string, level slog.Level, set ...func(*outwork.Manager)) (*world, *records) {
	t.Helper()
	r := &records{}
	w := newWorld(t, h, interpreter, append(set, func(m *outwork.Manager) { m.Log = slog.New(r) })...)
	w.m.SetLogLevel(level)
	return w, r
}

// TestLogs: what becomes of records.
func TestLogs(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w, r := newLogged(t, h, interpreter, slog.LevelInfo, serve(tree(`
-- pkg/__init__.py --
-- pkg/talks.py --
import logging
log = logging.getLogger(__name__)
def talk():
    log.warning("from %s", "afar")
`)))
		for name, c := range map[string]struct {
			source string
			want   []string
		}{
			"levels": {
				"import logging\nfor n in 10, 20, 25, 30, 40, 50, 10**9:\n  logging.log(n, 'at %d', n)\nlogging.log(-10**30, 'low')",
				[]string{
					"INFO at 20 source=script.py:3", "INFO+2 at 25 source=script.py:3", "WARN at 30 source=script.py:3", "ERROR at 40 source=script.py:3",
					"ERROR+4 at 50 source=script.py:3", "ERROR+992 at 1000000000 source=script.py:3",
				},
			},
			"names":   {"import logging\nlogging.getLogger('a.b').info('x')", []string{"INFO x source=script.py:2 logger=a.b"}},
			"modules": {"import pkg.talks\npkg.talks.talk()", []string{"WARN from afar source=pkg/talks.py:4 logger=pkg.talks"}},
			"a logger's own level": {
				"import logging\nl = logging.getLogger('own')\nl.setLevel(10)\nl.debug('not wanted')\nl.info('wanted')",
				[]string{"INFO wanted source=script.py:5 logger=own"},
			},
			"basicConfig": {
				"import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.info('once')\nlogging.debug('never')",
				[]string{"INFO once source=script.py:3"},
			},
			"extra": {
				"import logging\nlogging.info('x', extra={'user': 'é', 'n': 5, 'o': [1]})",
				[]string{"INFO x source=script.py:2 user=é n=5 o=[1]"},
			},
			"odd extra": {
				"import logging\nclass C:\n  def __str__(self): raise KeyError\nlogging.raiseExceptions = False\nlogging.info('x', extra={'o': C()})\nlogging.info('%d', 'x')\nlogging.info('%s %s', 1)\nlogging.raiseExceptions = True\nlogging.info('y')",
				[]string{"INFO y source=script.py:9"},
			},
			"no text": {"import logging\nlogging.info(5)\nlogging.info(None)\nlogging.info('\\ud800\\0')", []string{"INFO 5 source=script.py:2", "INFO None source=script.py:3", "INFO \\ud800\ufffd source=script.py:4"}},
			"made by hand": {
				"import logging\nlogging.getLogger().handle(logging.makeLogRecord({'msg': 'x', 'levelno': 30, 'name': 5, 'pathname': None, 'lineno': 7, 'funcName': None}))",
				[]string{"WARN x source=7 logger=5"},
			},
			"from threads": {
				"import logging, threading\nt = threading.Thread(target=lambda: logging.info('there'))\nt.start()\nt.join()",
				[]string{"INFO there source=script.py:2"},
			},
			"warnings": {
				"import logging, warnings\nlogging.captureWarnings(True)\nwarnings.warn('careful')\nlogging.captureWarnings(False)",
				[]string{"WARN script.py:3: UserWarning: careful\n  warnings.warn('careful')\n"},
			},
		} {
			w.run(c.source)
			got := tellAll(r.take())
			if name == "warnings" && len(got) == 1 {
				got[0], _, _ = strings.Cut(got[0], " source=")
			}
			if name == "no text" && len(got) == 3 {
				c.want[2] = got[2] // how a NUL is shown is not ours
			}
			if name == "made by hand" && len(got) == 1 {
				got[0] = strings.Replace(got[0], "source=.:7", "source=7", 1)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		w.run("import logging\ndef f():\n  raise ValueError('why')\ntry: f()\nexcept ValueError: logging.exception('that failed')")
		want := "ERROR that failed\nTraceback (most recent call last):\n  File \"script.py\", line 4, in <module>\n    try: f()\n"
		if got := tellAll(r.take()); len(got) != 1 || !strings.HasPrefix(got[0], want) || !strings.Contains(got[0], "\nValueError: why source=script.py:5") {
			t.Errorf("%q", got)
		}
		w.run("import logging\nlogging.info('x', stack_info=True)")
		if got := tellAll(r.take()); len(got) != 1 || !strings.Contains(got[0], "INFO x\nStack (most recent call last):") || !strings.Contains(got[0], `File "script.py", line 2`) {
			t.Errorf("%q", got)
		}
		if strings.Contains(w.errs.String(), "once") {
			t.Errorf("printed: %s", w.errs)
		}
	})
}

// TestLogErrorsAreTold on standard error, as logging does, and end nothing.
func TestLogErrorsAreTold(t *testing.T) {
	ways(t, func(t *testing.T, h how) {
		w, r := newLogged(t, h, debian(t), slog.LevelInfo)
		w.run("import logging\nlogging.info('%d', 'x')\nlogging.info('after')")
		if got := tellAll(r.take()); len(got) != 1 || !strings.Contains(w.errs.String(), "--- Logging error ---") || !strings.Contains(w.errs.String(), "script.py\", line 2") {
			t.Errorf("%q, %s", got, w.errs)
		}
	})
}

// A record may be made by anybody, with numbers of any size.
func TestOddRecords(t *testing.T) {
	w, r := newLogged(t, socket, debian(t), slog.LevelInfo)
	w.run(`
import logging
def odd(**fields):
    logging.getLogger().handle(logging.makeLogRecord({"msg": "odd", "levelno": 20, "pathname": "x.py", **fields}))
odd(created=1.7e12)
odd(levelno=20.5)
odd(lineno=2**70)
odd(lineno=-2**70, created=-1e30)
`)
	if got := tellAll(r.take()); len(got) != 4 || !strings.HasPrefix(got[1], "INFO odd") {
		t.Errorf("%q, %s", got, w.errs)
	}
}

// TestLongLogs are cut.
func TestLongLogs(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w, r := newLogged(t, h, interpreter, slog.LevelInfo)
		w.run(`
import logging
for c in "x", "\u00e9", "\U0001f600", "\udc80":
    logging.info(c * (1 << 20))
logging.getLogger("n" * (1 << 20)).info("x", extra={"k%d" % i + "k" * 100000: "v" * 100000 for i in range(100)})
code = compile("import logging\ndef " + "f" * 500000 + "(): logging.info('deep')\n" + "f" * 500000 + "()", "/" * 500000, "exec")
exec(code)
`)
		list := r.take()
		if len(list) != 6 {
			t.Fatal(len(list))
		}
		for _, rec := range list {
			if n := len(told(rec)); n > 400<<10 {
				t.Errorf("%d bytes: %.100q", n, told(rec))
			}
		}
		for _, rec := range list[:4] {
			if n := len(rec.Message); n < 190<<10 || !strings.HasSuffix(rec.Message, " …") {
				t.Errorf("%d bytes: %.20q", n, rec.Message)
			}
		}
	})
}

// TestLogsPrecedeTheResult, however many they are.
func TestLogsPrecedeTheResult(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w, r := newLogged(t, h, interpreter, slog.LevelInfo)
		w.run(`
import logging, threading
def some(n):
    for i in range(n):
        logging.info("%d", i)
threads = [threading.Thread(target=some, args=(1000,)) for _ in range(2)]
for t in threads: t.start()
some(8000)
for t in threads: t.join()
`)
		if n := len(r.take()); n != 10_000 {
			t.Errorf("%d records", n)
		}
	})
}

// TestLogLevelIsFollowed while a script runs, by one that started before.
func TestLogLevelIsFollowed(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w, r := newLogged(t, h, interpreter, slog.LevelWarn)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		told := call.WithProgress(ctx, func(int64, int64, string) { w.m.SetLogLevel(slog.LevelDebug) })
		if _, err := w.try(told, `
import logging, outwork
logging.info("too low")
outwork.progress(1)
while not logging.root.isEnabledFor(logging.DEBUG): pass
logging.debug("heard")
`); err != nil {
			t.Fatal(err)
		}
		if got := tellAll(r.take()); !reflect.DeepEqual(got, []string{"DEBUG heard source=script.py:6"}) {
			t.Errorf("%q", got)
		}
	})
}

// failure is the error that a script ends with.
func failure(t *testing.T, w *world, source string) (*python.Exception, string) {
	t.Helper()
	_, err := w.try(t.Context(), source)
	remote, ok := errors.AsType[*outwork.RemoteError](err)
	e, is := errors.AsType[*python.Exception](err)
	if !ok || !is {
		t.Fatalf("%s: %T %v", source, err, err)
	}
	if remote.Stack != e.Traceback {
		t.Errorf("%s: two tracebacks: %q, %q", source, remote.Stack, e.Traceback)
	}
	return e, err.Error()
}

// TestExceptions: what is told of them.
func TestExceptions(t *testing.T) {
	const groups = "import sys\nif sys.version_info < (3, 11): raise KeyError('x')\nraise ExceptionGroup('both', [ValueError('a'), TypeError('b')])"
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		for _, c := range []struct {
			source, kind, message string
			trace                 []string
		}{
			{"raise ValueError('x')", "ValueError", "x", []string{"Traceback (most recent call last):\n  File \"script.py\", line 1, in <module>\n    raise ValueError('x')\n"}},
			{"raise KeyboardInterrupt", "KeyboardInterrupt", "", nil},
			{"raise GeneratorExit", "GeneratorExit", "", nil},
			{"import json\njson.loads('{')", "json.decoder.JSONDecodeError", "", []string{"json.loads('{')"}},
			{"class Mine(Exception): pass\nraise Mine(1, 2)", "Mine", "(1, 2)", nil},
			{
				"try: 1/0\nexcept Exception as e: raise ValueError('x') from e", "ValueError", "x",
				[]string{"ZeroDivisionError: division by zero\n\nThe above exception was the direct cause of the following exception:\n\n"},
			},
			{
				"try: 1/0\nexcept Exception: raise ValueError('x')", "ValueError", "x",
				[]string{"During handling of the above exception, another exception occurred"},
			},
			{"def f(): f()\nf()", "RecursionError", "maximum recursion depth exceeded", []string{"[Previous line repeated 9"}},
			{"x = 1\ny = = 2\n", "SyntaxError", "invalid syntax (script.py, line 2)", []string{"File \"script.py\", line 2\n    y = = 2\n        ^"}},
			{"if 1:\nx = 1", "IndentationError", "expected an indented block", []string{"line 2"}},
			{"class B(Exception):\n  def __str__(self): raise TypeError\nraise B", "B", "<its __str__ failed: TypeError>", []string{"line 3"}},
			{"class B(Exception):\n  def __str__(self): return 5\nraise B", "B", "<its __str__ failed: TypeError>", nil},
			{"raise ValueError('\\ud800é')", "ValueError", "\\ud800é", []string{"\\ud800"}},
			{"raise ValueError('é' * (10 << 20))", "ValueError", strings.Repeat("é", 1000), []string{"  [...]\n"}},
			{"class B(Exception): pass\nB.__module__ = None\nraise B('x')", "B", "x", []string{"line 3"}},
			{"class B(Exception): pass\nB.__module__ = 5\nraise B('x')", "B", "x", []string{"line 3"}},
			{"class B(Exception): pass\nB.__module__ = '\\ud800'\nraise B('x')", "\\ud800.B", "x", nil},
			{"class B(Exception): kinds = 5\nraise B('x')", "B", "x", nil},
			{"raise OSError('a', 'b')", "OSError", "[Errno a] b", nil},
			{"e = None\nfor i in range(2000):\n  try:\n    raise ValueError(i) from e\n  except ValueError as x: e = x\nraise e", "ValueError", "1999", []string{"1999"}},
			{"def f(n):\n  if n: exec('f(%d)' % (n-1))\n  else: 1/0\nf(100)", "ZeroDivisionError", "division by zero", nil},
		} {
			e, text := failure(t, w, c.source)
			if e.Type != c.kind || !strings.HasPrefix(e.Message, c.message) || !strings.Contains(text, e.Type) {
				t.Errorf("%s: %s: %.200q, %.200q", c.source, e.Type, e.Message, text)
			}
			if len(e.Traceback) > 128<<10 || len(text) > 128<<10 || strings.Contains(e.Traceback, "<outwork") {
				t.Errorf("%s: %d bytes, %d: %.200q", c.source, len(e.Traceback), len(text), e.Traceback)
			}
			for _, want := range c.trace {
				if !strings.Contains(e.Traceback, want) {
					t.Errorf("%s: want %q in\n%.3000s", c.source, want, e.Traceback)
				}
			}
		}
		e, _ := failure(t, w, groups)
		if e.Type != "KeyError" && (e.Type != "ExceptionGroup" || !strings.Contains(e.Traceback, "| ValueError: a\n") || !strings.Contains(e.Traceback, "| TypeError: b\n")) {
			t.Errorf("%s\n%s", e.Type, e.Traceback)
		}
		if _, err := w.try(t.Context(), "open('/nowhere/at/all')"); !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
		w.run("print('it lives')")
	})
}

// TestUntellable: an exception that defies being described ends no worker.
func TestUntellable(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		for _, source := range []string{
			"class M(type):\n  @property\n  def __qualname__(self): raise KeyError\n  __name__ = __module__ = __qualname__\nclass B(Exception, metaclass=M): pass\nraise B('x')",
			"class B(OSError):\n  @property\n  def errno(self): raise KeyError\nraise B('x')",
			"class B(Exception):\n  def __str__(self): raise KeyboardInterrupt\nraise B('x')",
			"class B(Exception):\n  def __str__(self): raise SystemExit(3)\nraise B('x')",
			"import sys\nclass C:\n  def __str__(self): raise KeyError\nsys.exit(C())",
			"import sys\nsys.stderr.close()\nsys.exit('text')",
			"import sys\nsys.stderr = None\nsys.exit('text')",
			"import traceback\ntraceback.TracebackException = None\nraise ValueError",
		} {
			if _, err := w.try(t.Context(), source); err == nil {
				t.Errorf("%s: no error", source)
			}
			if _, err := w.try(t.Context(), "x = 1"); err != nil {
				t.Fatalf("%s: then %v", source, err)
			}
		}
	})
}

// TestExits: of scripts and of functions.
func TestExits(t *testing.T) {
	each(t, func(t *testing.T, h how, interpreter string) {
		w := newWorld(t, h, interpreter)
		for source, want := range map[string]int{
			"sys.exit(0)": 0, "sys.exit(None)": 0, "sys.exit(False)": 0, "sys.exit(3)": 3, "sys.exit('text')": 1, "sys.exit(256+1)": 1,
			"sys.exit(True)": 1, "raise SystemExit": 0, "sys.exit(-1)": 255, "sys.exit((1, 2))": 1, "exit(4)": 4,
		} {
			_, err := w.try(t.Context(), "import sys\ndef main():\n  "+source)
			e, ok := errors.AsType[*python.Exit](err)
			if want == 0 && err != nil || want != 0 && (!ok || e.Status != want) {
				t.Errorf("%s: %v", source, err)
			}
		}
		if got := w.errs.String(); strings.Count(got, "text\n") != 1 || strings.Count(got, "(1, 2)\n") != 1 {
			t.Errorf("%q", got)
		}
		_, err := python.Import(w.Worker, "sys").Call(t.Context(), "exit", 3)
		if e, ok := errors.AsType[*python.Exit](err); !ok || e.Status != 3 {
			t.Error(err)
		}
		if _, err := w.try(t.Context(), "raise KeyboardInterrupt('mine')"); err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "KeyboardInterrupt: mine") {
			t.Error(err)
		}
		_, err = python.Import(w.Worker, "os").Call(t.Context(), "_exit", 7)
		if e, ok := errors.AsType[*outwork.LostError](err); !ok || e.ExitCode != 7 {
			t.Error(err)
		}
	})
}
