package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"

	"github.com/outwork-go/outwork/bench/internal/reading"
)

const (
	inspectors   = 2 // workers
	inspectCalls = 4 // under way in each
)

// inspectOutwork inspects the files here, in one worker, and in several.
func inspectOutwork(job) (readings []reading.Reading, err error) {
	files, err := elfFiles()
	if err != nil {
		return nil, err
	}
	var m outwork.Manager
	defer func() { err = errors.Join(err, m.Close()) }()
	var workers []outwork.Callee
	for range inspectors {
		w, err := m.Start(context.Background(), outwork.Target{})
		if err != nil {
			return nil, err
		}
		workers = append(workers, w)
	}
	brief := inspect.Options{Brief: true}
	in := func(w outwork.Callee) inspector {
		return func(c container.Container) (*inspect.Report, error) {
			return inspect.In(context.Background(), w, c, brief)
		}
	}
	here := func(c container.Container) (*inspect.Report, error) {
		return inspect.Parse(context.Background(), c, brief)
	}
	var many []inspector
	for _, w := range workers {
		for range inspectCalls {
			many = append(many, in(w))
		}
	}
	for _, row := range []struct {
		name string
		by   []inspector
	}{{inspectHereRow, []inspector{here}}, {inspectOneRow, []inspector{in(workers[0])}}, {inspectManyRow, many}} {
		r, err := rateOf(row.name, len(files), func() error { return inspectAll(files, row.by) })
		if err != nil {
			return nil, err
		}
		readings = append(readings, r)
	}
	return readings, nil
}

// inspector is one that inspects a file at a time.
type inspector func(container.Container) (*inspect.Report, error)

// inspectAll has the inspectors share the files.
func inspectAll(files []string, by []inspector) error {
	next := make(chan string, len(files))
	for _, path := range files {
		next <- path
	}
	close(next)
	failures := make([]error, len(by))
	var all sync.WaitGroup
	for i, inspect := range by {
		all.Go(func() {
			for path := range next {
				failures[i] = errors.Join(failures[i], inspectFile(path, inspect))
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

func inspectFile(path string, by inspector) error {
	c, err := container.FromFile(path)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := by(c)
	if err == nil && r.Format == "" {
		err = fmt.Errorf("%s is told to be no ELF file", path)
	}
	return err
}
