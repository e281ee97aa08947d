package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/script/python"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

// inFlight is how many calls are under way in each worker when there are many.
const inFlight = 16

// functionsModule holds, below pythonPrograms, what all contenders call.
const functionsModule = "functions"

var outworkNothing = outwork.Func("bench.nothing", func(context.Context, nothing) (nothing, error) {
	return nothing{}, nil
})

// trivial is a script that ends with a result.
var trivial = outwork.Script{Lang: pythonName, Name: "bench.py", Source: "def main():\n    return 1\n"}

// pythonManager is one whose starter runs, as it does after a first worker.
func pythonManager() (*outwork.Manager, error) {
	m := &outwork.Manager{Modules: os.DirFS(pythonPrograms)}
	w, err := startInterpreter(m)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func startInterpreter(m *outwork.Manager) (*outwork.Worker, error) {
	return m.Start(context.Background(), outwork.Target{Lang: pythonName, Program: pythonPath()})
}

// startLate starts one over plain pipes on which all is late by half a round trip.
func startLate(m *outwork.Manager, roundTrip time.Duration) (*outwork.Worker, error) {
	t := outwork.Target{Lang: pythonName, Program: pythonPath()}
	w, err := hook.StartPlain(context.Background(), m, t, lateBy(roundTrip/2))
	if err != nil {
		return nil, err
	}
	return w.(*outwork.Worker), nil
}

// startPython has bare interpreters and workers take turns.
func startPython(j job) (readings []reading.Reading, err error) {
	m, err := pythonManager()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	start := func() (*outwork.Worker, error) { return startInterpreter(m) }
	zygote, err := start()
	if err != nil {
		return nil, err
	}
	if err := callInstalled(zygote); err != nil {
		return nil, err
	}
	fork := func() (*outwork.Worker, error) { return zygote.Fork(context.Background(), "") }
	took := make(map[string][]time.Duration)
	for range j.Starts {
		for _, start := range []struct {
			row   string
			start func() (time.Duration, error)
		}{
			{isolatedRow, func() (time.Duration, error) { return bareInterpreter("-I", "-c", "pass") }},
			{outworkRow, func() (time.Duration, error) { return firstResult(start, runTrivial) }},
			{passRow, func() (time.Duration, error) { return bareInterpreter("-c", "pass") }},
			{functionRow, func() (time.Duration, error) { return firstResult(start, callInstalled) }},
			{zygoteRow, func() (time.Duration, error) { return firstResult(fork, callInstalled) }},
			{servedRow, func() (time.Duration, error) { return firstResult(start, callNothing) }},
		} {
			d, err := start.start()
			if err != nil {
				return nil, err
			}
			took[start.row] = append(took[start.row], d)
		}
	}
	for _, row := range []string{isolatedRow, passRow, outworkRow, functionRow, servedRow, zygoteRow} {
		readings = append(readings, reading.Reading{
			Row: row, Metric: "first result", Value: reading.Millis(stat.Median(took[row])),
		})
	}
	return readings, nil
}

func bareInterpreter(args ...string) (time.Duration, error) {
	return reading.Duration(pythonCommand(args...).Run)
}

func firstResult(start func() (*outwork.Worker, error), do func(*outwork.Worker) error) (time.Duration, error) {
	began := time.Now()
	w, err := start()
	if err != nil {
		return 0, err
	}
	err = do(w)
	return time.Since(began), errors.Join(err, w.Close())
}

func callNothing(w *outwork.Worker) error {
	_, err := python.Import(w, functionsModule).Call(context.Background(), "nothing")
	return err
}

// callInstalled calls a function of the standard library.
func callInstalled(w *outwork.Worker) error {
	_, err := python.Import(w, "operator").Call(context.Background(), "add", 1, 1)
	return err
}

func runTrivial(w *outwork.Worker) error {
	_, err := w.Run(context.Background(), trivial)
	return err
}

func callPython(j job) (readings []reading.Reading, err error) {
	m, err := pythonManager()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	w, err := startInterpreter(m)
	if err != nil {
		return nil, err
	}
	for _, do := range []struct {
		row  string
		call func(*outwork.Worker) error
	}{{outworkRow, callNothing}, {scriptRow, runTrivial}} {
		var took []time.Duration
		calls := func() error {
			d, err := reading.Duration(func() error { return do.call(w) })
			took = append(took, d)
			return err
		}
		if _, err := countWithin(j.Budget/warmUpShare, calls); err != nil {
			return nil, err
		}
		took = took[:0]
		if _, err := countWithin(j.Budget, calls); err != nil {
			return nil, err
		}
		readings = append(readings, reading.Reading{Row: do.row, Metric: "p50", Value: reading.Micros(stat.Median(took))})
	}
	return readings, nil
}

// importPython makes the first call of a package that the manager has not seen yet.
func importPython(j job) (readings []reading.Reading, err error) {
	if j, err = preparePython(j); err != nil {
		return nil, err
	}
	m := &outwork.Manager{Modules: os.DirFS(chainDirectory(j))}
	defer func() { err = errors.Join(err, m.Close()) }()
	w, err := startLate(m, importRoundTrip)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	if err := callInstalled(w); err != nil {
		return nil, err
	}
	began := time.Now()
	v, err := python.Import(w, chainUser).Call(ctx, chainValue)
	took := time.Since(began)
	if err == nil && v.Any() != int64(chainModules-1) {
		err = fmt.Errorf("the package's value is %v", v)
	}
	return []reading.Reading{{Row: outworkRow, Metric: "first call", Value: reading.Millis(took)}}, err
}

// searchPython searches fresh containers, each several times.
func searchPython(job) (readings []reading.Reading, err error) {
	m, err := pythonManager()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	w, err := startInterpreter(m)
	if err != nil {
		return nil, err
	}
	return searchIn(m, w, outworkRow)
}

func searchIn(m *outwork.Manager, w *outwork.Worker, row string) ([]reading.Reading, error) {
	var first, again []float64
	for i := range searchFresh {
		c := container.FromBytes(haystack())
		name := fmt.Sprintf("haystack %d", i)
		if err := m.Share(name, c); err != nil {
			return nil, err
		}
		took, err := millisOf(context.Background(), w, "search", name, 1+searchRepeat)
		if err != nil {
			return nil, err
		}
		first, again = append(first, took[0]), append(again, took[1:]...)
	}
	return []reading.Reading{
		{Row: row, Metric: "first time", Value: stat.Median(first)},
		{Row: row, Metric: "again", Value: stat.Median(again)},
	}, nil
}

// searchPythonPlain is a search that the manager makes for the worker.
func searchPythonPlain(job) (readings []reading.Reading, err error) {
	m := &outwork.Manager{Modules: os.DirFS(pythonPrograms)}
	defer func() { err = errors.Join(err, m.Close()) }()
	w, err := startLate(m, searchRoundTrip)
	if err != nil {
		return nil, err
	}
	if readings, err = searchIn(m, w, plainRow); err != nil {
		return nil, err
	}
	ctx := call.WithGrants(context.Background(), outworkNothing)
	asked, err := millisOf(ctx, w, "ask", searchRepeat)
	if err != nil {
		return nil, err
	}
	local, err := millisOf(ctx, w, "search_local", searchRepeat)
	return append(readings, reading.Reading{
		Row: plainFindRow, Metric: "again", Value: stat.Median(asked) + stat.Median(local),
	}), err
}

// millisOf calls a function whose result is a list of milliseconds.
func millisOf(ctx context.Context, w *outwork.Worker, function string, args ...any) ([]float64, error) {
	v, err := python.Import(w, functionsModule).Call(ctx, function, args...)
	if err != nil {
		return nil, err
	}
	list, _ := v.Any().([]any)
	var took []float64
	for _, item := range list {
		f, ok := item.(float64)
		if !ok {
			return nil, fmt.Errorf("%s has returned %v", function, v)
		}
		took = append(took, f)
	}
	return took, nil
}

// lineCounter counts lines that are written to it.
type lineCounter struct{ lines atomic.Int64 }

func (c *lineCounter) Write(p []byte) (int, error) {
	c.lines.Add(int64(bytes.Count(p, []byte("\n"))))
	return len(p), nil
}

// printPython has a worker print, over a socket and over plain pipes.
func printPython(j job) ([]reading.Reading, error) {
	var readings []reading.Reading
	for _, c := range []struct {
		row   string
		start func(*outwork.Manager) (*outwork.Worker, error)
	}{
		{outworkRow, startInterpreter},
		{plainRow, func(m *outwork.Manager) (*outwork.Worker, error) {
			w, err := hook.StartPlain(context.Background(), m, outwork.Target{Lang: pythonName, Program: pythonPath()}, nil)
			if err != nil {
				return nil, err
			}
			return w.(*outwork.Worker), nil
		}},
	} {
		rs, err := printLines(c.row, j.Lines, c.start)
		if err != nil {
			return nil, err
		}
		readings = append(readings, rs...)
	}
	return readings, nil
}

func printLines(row string, n int, start func(*outwork.Manager) (*outwork.Worker, error)) (readings []reading.Reading, err error) {
	var out lineCounter
	m := &outwork.Manager{Modules: os.DirFS(pythonPrograms), Stdout: &out, Stderr: io.Discard}
	defer func() { err = errors.Join(err, m.Close()) }()
	w, err := start(m)
	if err != nil {
		return nil, err
	}
	if err := callNothing(w); err != nil {
		return nil, err
	}
	took, err := reading.Duration(func() error {
		_, err := python.Import(w, functionsModule).Call(context.Background(), "print_lines", n)
		return err
	})
	// A result never overtakes what was printed before it.
	arrived := float64(out.lines.Load())
	return []reading.Reading{
		{Row: row, Metric: "rate", Value: arrived / took.Seconds() / 1000},
		{Row: row, Metric: "lost", Value: float64(n) - arrived},
	}, err
}

// readPython has two workers read files, a call each.
func readPython(j job) (readings []reading.Reading, err error) {
	if j, err = preparePython(j); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filesDirectory(j))
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(entries))
	for i, e := range entries {
		paths[i] = filepath.Join(filesDirectory(j), e.Name())
	}
	m, err := pythonManager()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	var workers []*outwork.Worker
	for range 2 {
		w, err := startInterpreter(m)
		if err != nil {
			return nil, err
		}
		workers = append(workers, w)
	}
	if _, err := readAll(workers, paths[:min(100, len(paths))]); err != nil {
		return nil, err
	}
	took, err := readAll(workers, paths)
	rate := float64(len(paths)) / took.Seconds() / 1000
	return []reading.Reading{{Row: outworkRow, Metric: "rate", Value: rate}}, err
}

// readAll reads the files, as many at a time as may be under way in all workers.
func readAll(workers []*outwork.Worker, paths []string) (time.Duration, error) {
	var (
		next   atomic.Int64
		atWork sync.WaitGroup
		errs   = make([]error, len(workers)*inFlight)
	)
	began := time.Now()
	for i := range errs {
		f := python.Import(workers[i%len(workers)], functionsModule)
		atWork.Go(func() {
			for errs[i] == nil {
				n := int(next.Add(1)) - 1
				if n >= len(paths) {
					return
				}
				errs[i] = readOne(f, paths[n])
			}
		})
	}
	atWork.Wait()
	return time.Since(began), errors.Join(errs...)
}

func readOne(f *python.Module, path string) error {
	v, err := f.Call(context.Background(), "measure", path)
	if err == nil && !strings.Contains(v.String(), fmt.Sprint(fileBytes)) {
		err = fmt.Errorf("%s: read %v", path, v)
	}
	return err
}
