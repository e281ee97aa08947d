package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/relayed"
)

// bareRelay is ssh with the program relay behind it, and this process's ends of its
// pipes. They block: it is the least that a program here can do.
type bareRelay struct {
	in, out relayed.FD
	buf     []byte
}

// relay starts one, which ends with the stage. With an argument it is what relays have
// behind them, alone.
func (s *stage) relay(ssh []string, host string, args ...string) (*bareRelay, error) {
	line := strings.Join(append([]string{"exec", relayProgramName}, args...), " ")
	cmd := exec.Command(ssh[0], append(ssh[1:len(ssh):len(ssh)], host, line)...)
	cmd.Stderr = os.Stderr
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, stdin.Close(), in.Close())
	}
	cmd.Stdin, cmd.Stdout = stdin, stdout
	err = errors.Join(cmd.Start(), stdin.Close(), stdout.Close())
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	s.closers = append(s.closers, func() error { return errors.Join(in.Close(), cmd.Wait(), out.Close()) })
	return &bareRelay{in: relayed.FD(in.Fd()), out: relayed.FD(out.Fd()), buf: make([]byte, 128<<10)}, nil
}

// calls is as many exchanges of a message.
func (r *bareRelay) calls(n int) ([]float64, error) {
	if err := relayed.WriteOrder(r.in, relayed.Echo, int64(n)); err != nil {
		return nil, err
	}
	b := bytes.Repeat([]byte{1}, relayed.MessageSize)
	took := make([]float64, n)
	for i := range took {
		began := time.Now()
		if _, err := r.in.Write(b); err != nil {
			return nil, err
		}
		if err := relayed.Take(r.out, b, relayed.MessageSize); err != nil {
			return nil, err
		}
		took[i] = time.Since(began).Seconds()
	}
	return took, nil
}

func (r *bareRelay) up(n int) ([]float64, error) {
	took, err := reading.Duration(func() error {
		err := relayed.WriteOrder(r.in, relayed.Sink, int64(n))
		if err == nil {
			err = relayed.GiveAll(r.in, r.buf, int64(n))
		}
		if err == nil {
			err = relayed.Take(r.out, r.buf, 1)
		}
		return err
	})
	return []float64{took.Seconds()}, err
}

func (r *bareRelay) down(n int) ([]float64, error) {
	took, err := reading.Duration(func() error {
		err := relayed.WriteOrder(r.in, relayed.Give, int64(n))
		if err == nil {
			err = relayed.Take(r.out, r.buf, int64(n))
		}
		return err
	})
	return []float64{took.Seconds()}, err
}

// inParallel is how long n of do take at once.
func inParallel(n int, do func(i int) error) ([]float64, error) {
	took, err := reading.Duration(func() error {
		errs := make([]error, n)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() { errs[i] = do(i) })
		}
		all.Wait()
		return errors.Join(errs...)
	})
	return []float64{took.Seconds()}, err
}
