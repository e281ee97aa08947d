package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/sandbox"
	"github.com/outwork-go/outwork/tcp"
)

// joinedLoad calls workers on hosts that join: a process on each machine dials the manager.
type joinedLoad struct{}

func (joinedLoad) name() string          { return "joined" }
func (joinedLoad) length() time.Duration { return 15 * time.Second }

// joinerPath is this program in a machine.
const joinerPath = "/usr/local/bin/chaos-joiner"

// joining is what a process that joins is told on its standard input.
type joining struct {
	Address, Token, Name string
	Redial               time.Duration
}

// runJoin is that process. Its exit status is 0 when the manager has closed, and 3 when it was
// lost, or not found.
func runJoin() int {
	var j joining
	if err := json.NewDecoder(os.Stdin).Decode(&j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Unsetenv(roleVariable)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := tcp.Join(ctx, tcp.JoinConfig{
		Address: j.Address, Token: j.Token, Name: j.Name, Redial: j.Redial, Log: slog.New(slog.DiscardHandler),
	})
	if _, ok := errors.AsType[*tcp.JoinError](err); ok {
		return 3
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (l joinedLoad) round(ctx context.Context, e *env) error {
	into := newSink(e.rand, false)
	m := &outwork.Manager{Stdout: into, Stderr: into, Log: slog.New(into), Grace: time.Second, Redial: redial}
	defer m.Close()
	listener, err := tcp.Listen(ctx, m, ":0")
	if err != nil {
		if unsent(err) {
			return nil
		}
		return err
	}
	token, err := listener.Token(tcp.Pass{Uses: -1})
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(listener.Addr())
	if err != nil {
		return err
	}
	var joiners sync.WaitGroup
	joinCtx, leave := context.WithCancel(context.Background())
	defer leave()
	var seats []*seat
	for _, machine := range e.Machines {
		address := netip.MustParseAddr(machine.Addr).Prev().String()
		joiners.Go(func() {
			l.keepJoined(joinCtx, e, machine, joining{net.JoinHostPort(address, port), token, machine.Host, redial})
		})
		host := "join://" + machine.Host
		seats = append(seats,
			&seat{m: m, target: outwork.Target{Host: host}},
			&seat{m: m, marked: true, target: outwork.Target{Host: host, Sandbox: sandbox.Config{Level: sandbox.Strict}}},
		)
	}
	if e.calm { // all must be there
		for range e.Machines {
			within, cancel := context.WithTimeout(context.Background(), patience)
			_, err := listener.Accept(within)
			cancel()
			if err != nil {
				return fmt.Errorf("hosts join: %w", err)
			}
		}
	}
	err = e.crowd(ctx, m, 3, func(ctx context.Context, r *rand.Rand) {
		s := seats[r.IntN(len(seats))]
		w, err := s.worker(ctx, e, r)
		if err != nil {
			return
		}
		anyCall(ctx, e, r, s, w, into)
	})
	leave()
	joiners.Wait()
	readMachines(e)
	return err
}

// keepJoined has a process join on a machine, again and again, until ctx ends; then it waits for the last
// one, which the manager's end has ended, or the time in which it was to dial again.
func (joinedLoad) keepJoined(ctx context.Context, e *env, m machineConfig, j joining) {
	in, err := json.Marshal(j)
	if err != nil {
		panic(err) // strings
	}
	for ctx.Err() == nil {
		cmd := exec.Command("nsenter", "-t", strconv.Itoa(m.PID), "-m", "-u", "-i", "-n", "-p", joinerPath)
		cmd.Env = []string{roleVariable + "=join", "HOME=/root", "PATH=/usr/bin:/bin"}
		cmd.Stdin = strings.NewReader(string(in))
		if out, err := cmd.CombinedOutput(); err != nil {
			if n, ok := errors.AsType[*exec.ExitError](err); ok && n.ExitCode() != 3 && n.ExitCode() >= 0 && n.ExitCode() < 128 {
				e.tell(fmt.Sprintf("who joins at machine %s ends with %v: %s", m.Host, err, out))
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}
