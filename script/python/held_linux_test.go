package python_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/script/python"
)

// heldWays are the kinds of link that a confined worker has.
var heldWays = []how{socket, atHost}

// held starts a confined worker.
func (w *world) held(h how, target outwork.Target) *outwork.Worker {
	w.t.Helper()
	target.Lang = python.Lang
	return w.start(h, target)
}

func script(source string) outwork.Script {
	return outwork.Script{Lang: python.Lang, Name: "held.py", Source: source}
}

// works is what a strictly confined script does all the same.
const works = `
import asyncio, collections, concurrent.futures, datetime, decimal, hashlib, json, logging, os, random, re, sqlite3, struct, sys, threading, time, zlib
import outwork


def threads():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda n: n * n, range(20)))[3] == 9


def coroutines():
    async def f():
        await asyncio.sleep(0.001)
        return await asyncio.gather(*(asyncio.sleep(0.001, n) for n in range(9)))

    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(f()) == list(range(9))
    loop.close()


def database():
    db = sqlite3.connect(":memory:")
    db.execute("create table t (n)")
    db.executemany("insert into t values (?)", [(1,), (2,)])
    assert db.execute("select sum(n) from t").fetchone() == (3,)


def traces():
    import traceback

    try:
        1 / 0
    except ZeroDivisionError:
        assert "1 / 0" in traceback.format_exc()


def clocks():
    before = time.monotonic()
    time.sleep(0.002)
    assert time.monotonic() > before and datetime.datetime.now().astimezone().year > 2000


def chance():
    assert random.SystemRandom().random() < 1 and len(os.urandom(9)) == 9


def own_library():
    assert "import" in open(json.__file__).read()


def shared():
    c = outwork.shared("data")
    assert c.size == 1 << 20 and c.find(b"needle") == 4711 and c.sha256() == hashlib.sha256(c.read()).digest()


def environment():
    assert not [k for k in os.environ if k.startswith("OUTWORK_C")], "it sees what only outwork must"


def main():
    print("printed by", os.getpid())
    logging.warning("logged")
    for f in (threads, coroutines, database, traces, clocks, chance, own_library, shared, environment):
        f()
    return "done"
`

// TestStrictWorks: a strictly confined interpreter of any version does what needs no files.
func TestStrictWorks(t *testing.T) {
	asUser(t)
	for i, p := range interpreters(t) {
		for _, h := range heldWays[:max(1, len(heldWays)-i)] { // an agent does the same with each
			t.Run(string(h)+" "+p, func(t *testing.T) {
				w := manage(t)
				data := make([]byte, 1<<20)
				copy(data[4711:], "needle")
				if err := w.m.Share("data", container.FromBytes(data)); err != nil {
					t.Fatal(err)
				}
				w.Worker = w.held(h, outwork.Target{Program: p, Name: "strict", Sandbox: sandbox.Config{Level: sandbox.Strict}})
				if v := w.run(works); v != "done" {
					t.Error(v)
				}
				if !strings.Contains(w.out.String(), "printed by 1") || !strings.Contains(w.log.String(), "logged") {
					t.Errorf("%q, %q", w.out, w.log)
				}
				c := w.Confinement()
				if c.Level != sandbox.Strict || len(c.Missing) > 0 || !slices.Contains(c.Active, "seccomp") {
					t.Errorf("%+v", c)
				}
			})
		}
	}
}

// TestNobodySaysHeld: that an interpreter is confined its environment cannot say.
func TestNobodySaysHeld(t *testing.T) {
	w := manage(t)
	for _, h := range heldWays {
		p := w.held(h, outwork.Target{Program: debian(t), Env: []string{"OUTWORK_CONFINED=strict\n+seccomp", "OUTWORK_CONFINE={}"}})
		if c := p.Confinement(); c.Level != sandbox.None || len(c.Active) > 0 {
			t.Errorf("%s: %+v", h, c)
		}
	}
}

// BenchmarkConfinedStart is a start to the first result, by level.
func BenchmarkConfinedStart(b *testing.B) {
	for _, level := range []string{sandbox.None, sandbox.Contained, sandbox.Strict} {
		b.Run(level, func(b *testing.B) {
			var m outwork.Manager
			defer m.Close()
			for b.Loop() {
				w, err := m.Start(b.Context(), outwork.Target{Lang: python.Lang, Program: "/usr/bin/python3", Sandbox: sandbox.Config{Level: level}})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.Run(b.Context(), script("1")); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				w.Close()
				b.StartTimer()
			}
		})
	}
}
