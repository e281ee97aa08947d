package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

type searchArgs struct{ Name string }

type searchReply struct{ At, Nanoseconds int64 }

var outworkSearch = outwork.Func("bench.search", func(ctx context.Context, a searchArgs) (searchReply, error) {
	c, err := outwork.Shared(ctx, a.Name)
	if err != nil {
		return searchReply{}, err
	}
	at, took, err := findIn(c)
	return searchReply{At: at, Nanoseconds: took.Nanoseconds()}, err
})

func findIn(c container.Container) (int64, time.Duration, error) {
	began := time.Now()
	at, err := c.Find(needle, 0)
	return at, time.Since(began), err
}

// searched is how long searches took, by row and metric.
type searched map[[2]string][]float64

func (s searched) add(row, metric string, d time.Duration) {
	key := [2]string{row, metric}
	s[key] = append(s[key], reading.Millis(d))
}

func (s searched) readings() []reading.Reading {
	var readings []reading.Reading
	for _, row := range []string{localRow, remoteRow, remoteOnlyRow} {
		for _, metric := range []string{"first time", "again"} {
			if took := s[[2]string{row, metric}]; len(took) > 0 {
				readings = append(readings, reading.Reading{Row: row, Metric: metric, Value: stat.Median(took)})
			}
		}
	}
	return readings
}

// searchOutwork searches fresh containers here and in a worker, in turn.
func searchOutwork(job) (readings []reading.Reading, err error) {
	o, err := startOutworker(new(outwork.Manager))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	took := make(searched)
	for i := range searchFresh {
		c := container.FromBytes(haystack())
		name := fmt.Sprintf("haystack %d", i)
		if err := o.manager.Share(name, c); err != nil {
			return nil, err
		}
		for n := range 1 + searchRepeat {
			metric := "again"
			if n == 0 {
				metric = "first time"
			}
			if err := o.searchBoth(took, metric, name, c); err != nil {
				return nil, err
			}
		}
		if err := c.Close(); err != nil {
			return nil, err
		}
	}
	return took.readings(), nil
}

func (o *outworker) searchBoth(took searched, metric, name string, c container.Container) error {
	began := time.Now()
	reply, err := outworkSearch.Call(context.Background(), o.worker, searchArgs{Name: name})
	if err != nil {
		return err
	}
	took.add(remoteRow, metric, time.Since(began))
	took.add(remoteOnlyRow, metric, time.Duration(reply.Nanoseconds))
	at, local, err := findIn(c)
	if err != nil {
		return err
	}
	took.add(localRow, metric, local)
	return errors.Join(checkFound(reply.At), checkFound(at))
}
