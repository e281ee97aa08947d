package outwork

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/agent"
	"github.com/outwork-go/outwork/internal/askpass"
	"github.com/outwork-go/outwork/internal/boot"
	"github.com/outwork-go/outwork/internal/confine"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/starter"
)

// mainCalled tells a program that calls Main from one that forgot to.
var mainCalled atomic.Bool

// Main makes workers of this program possible: call it first thing in main, and
// in TestMain of packages whose tests start workers. In a process that was
// started as a worker it serves its manager and never returns, in one that ssh has
// started to ask a password it asks its manager; in any other it returns at once.
//
// In a worker slog.Default, and with it package log, sends its records to the
// manager; standard input is empty.
func Main() {
	mainCalled.Store(true)
	role := os.Getenv(starter.RoleVariable)
	os.Unsetenv(starter.RoleVariable)
	var err error
	switch {
	case role != "":
		err = play(role)
	case askpass.Wanted():
		err = inquire()
	default:
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "outwork: %v\n", err)
		if role == starter.RoleAgent {
			os.Exit(boot.AgentFailed)
		}
		os.Exit(1)
	}
	os.Exit(0)
}

// inquire is all that a process does that ssh has started to ask something.
func inquire() error {
	if err := checkSecure(); err != nil {
		return err
	}
	err := askpass.Run()
	if errors.Is(err, askpass.ErrRefused) {
		os.Exit(1) // without a word: it would be the last that ssh printed
	}
	return err
}

// play is all that a started process does.
func play(role string) error {
	if err := checkStarted(role); err != nil {
		return fmt.Errorf("%s=%s: %w", starter.RoleVariable, role, err)
	}
	nameProcess()
	switch role {
	case starter.RoleStarter:
		return starter.Serve()
	case starter.RoleStage:
		return fmt.Errorf("confine this worker: %w", confine.Stage())
	case starter.RoleWorker, starter.RoleFar:
		return work(role == starter.RoleFar)
	case starter.RoleAgent:
		_ = boot.Touch() // what is not used for long is pruned; where nothing is kept, nothing is touched
		return agent.Serve(agentHello(), link.Silence)
	}
	return fmt.Errorf("%s=%s is no role that this version knows", starter.RoleVariable, role)
}

// agentHello is what an agent tells its manager.
func agentHello() link.Hello {
	return link.Hello{Name: "agent", Build: buildID(), Languages: languages(), Confinement: "none", PID: os.Getpid()}
}

// errForgotMain is what a program gets that starts a worker without having
// called Main.
var errForgotMain = errors.New("outwork.Main was not called: call it first thing in main, or in TestMain; " +
	"a worker is this program started again, and would run main itself otherwise")

// work serves the manager until it has had enough. noFiles says that no file descriptors
// cross to it.
func work(noFiles bool) error {
	holds, err := confine.Enter() // before anything that the manager sends is read
	if err != nil {
		return fmt.Errorf("confine this worker: %w", err)
	}
	t, err := workerTransport()
	if err != nil {
		return err
	}
	var shutdown sync.Once
	asked := make(chan struct{})
	level := new(slog.LevelVar)
	var l *link.Link
	made := make(chan struct{})
	here := func() *link.Link {
		<-made
		return l
	}
	// Before the link: the first call may come before New returns.
	slog.SetDefault(slog.New(&forwarder{link: here, level: level}))
	cfg := workerConfig(level, func() { shutdown.Do(func() { close(asked) }) })
	cfg.NoFiles, cfg.Hello.Confinement = noFiles, holds.String()
	l = link.New(t, cfg)
	close(made)
	confine.Reap(func() { finish(l, asked) })
	if v := violation(l.Err()); v != nil {
		return fmt.Errorf("the manager broke the protocol: %w", v)
	}
	return nil
}

// finish returns when the link has ended, or when the manager has asked for an
// end and all calls have been answered.
func finish(l *link.Link, asked <-chan struct{}) {
	select {
	case <-l.Done():
	case <-asked:
		l.Idle(context.Background())
		l.Flushed()
	}
}

// workerConfig is a worker's side of a link.
func workerConfig(level *slog.LevelVar, shutdown func()) link.Config {
	return link.Config{
		Side: mux.WorkerSide, Serving: true, Functions: &functions, Errors: &crossing,
		Hello:    link.Hello{Build: buildID(), Languages: languages(), Confinement: "none", PID: os.Getpid()},
		Level:    level.Set,
		Shutdown: shutdown,
	}
}

// buildID tells builds of a program apart, for people.
func buildID() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return info.Main.Path + "@" + s.Value
		}
	}
	return info.Main.Path + "@" + info.Main.Version
}
