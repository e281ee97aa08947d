package python_test

import (
	"fmt"
	"strings"
	"testing"
)

// The child of a script's own fork has the worker's link too. It must not speak there: it ends with
// the script, which is answered by the parent.
func TestScriptForks(t *testing.T) {
	const source = `
import logging, os, sys
def main(how):
    pid = os.fork()
    if pid:
        return how, os.WEXITSTATUS(os.waitpid(pid, 0)[1])
    print("the child prints")
    logging.warning("the child logs")
    if how == "exit":
        sys.exit()
    if how == "raise":
        raise ValueError("of the child")
    if how == "ask":
        import outwork
        outwork.shared("nothing")
    return "child"
`
	for _, p := range interpreters(t) {
		t.Run(p, func(t *testing.T) {
			w := newWorld(t, socket, p)
			for how, want := range map[string]string{"return": "0", "exit": "0", "raise": "1", "ask": "1"} {
				if got := fmt.Sprint(w.run(source, how)); got != "["+how+" "+want+"]" {
					t.Errorf("%s: got %s", how, got)
				}
				if got := w.run("def main(): return 7"); got != int64(7) {
					t.Errorf("after %s: got %v", how, got)
				}
			}
			w.Close()
			for text, times := range map[string]int{"the child logs": 4, "ValueError: of the child": 1, "no manager to ask": 1} {
				if n := strings.Count(w.errs.String(), text); n != times {
					t.Errorf("%q was printed %d times, not %d:\n%s", text, n, times, w.errs)
				}
			}
			if n := strings.Count(w.out.String(), "the child prints"); n != 4 {
				t.Errorf("the children printed %d times", n)
			}
		})
	}
}

// What a fork at the top level does behind the fork, it does in both.
func TestMultiprocessing(t *testing.T) {
	w := newWorld(t, socket, debian(t))
	got := w.run(`
import multiprocessing
def square(n, results):
    results.put(n * n)
def main():
    fork = multiprocessing.get_context("fork")
    results = fork.Queue()
    all = [fork.Process(target=square, args=(n, results)) for n in range(4)]
    for p in all:
        p.start()
    squares = sorted(results.get() for _ in all)
    for p in all:
        p.join()
    return squares, [p.exitcode for p in all]
`)
	if got := fmt.Sprint(got); got != "[[0 1 4 9] [0 0 0 0]]" {
		t.Errorf("got %v", got)
	}
}
