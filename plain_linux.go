package outwork

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/internal/transport"
)

func init() {
	hook.StartPlain = func(ctx context.Context, m, t any, relay func(r, w *os.File) (*os.File, *os.File)) (any, error) {
		target := t.(Target)
		return m.(*Manager).start(ctx, &target, func(w *Worker, ctx context.Context, t *Target) (mux.Transport, error) {
			return w.execPlain(ctx, t, relay)
		})
	}
}

// execPlain has the starter start an interpreter that is fed over its standard input
// and answers over its standard output, as one does where no agent runs.
func (w *Worker) execPlain(ctx context.Context, t *Target, relay func(r, w *os.File) (*os.File, *os.File)) (mux.Transport, error) {
	if !mainCalled.Load() {
		return nil, errForgotMain
	}
	cmd, err := t.command(w.name)
	if err != nil {
		return nil, err
	}
	boot, err := t.interpret(&cmd, w.name, true)
	if err != nil {
		return nil, err
	}
	s, err := w.m.readyStarter(ctx)
	if err != nil {
		return nil, err
	}
	w.plain, w.tap, w.words = true, w.m.sink.Worker(w.name), &output.Tail{}
	r, wr, err := w.startPlain(ctx, s, &cmd)
	if err != nil {
		return nil, w.m.startError(err)
	}
	w.proc = &kept{w: w, command: w.proc}
	if relay != nil {
		r, wr = relay(r, wr)
	}
	ours, err := transport.NewPipes(r, wr)
	if err != nil {
		w.proc.(*kept).command.Signal(unix.SIGKILL)
		w.proc.Wait()
		return nil, errors.Join(err, w.capture.Close(ctx))
	}
	// What it cannot take its end will tell.
	_ = transport.SendAll(ours, [][]byte{boot}, nil)
	return ours, nil
}

// startPlain starts cmd, and returns the manager's ends of its streams.
func (w *Worker) startPlain(ctx context.Context, s *starter.Starter, cmd *starter.Command) (r, wr *os.File, err error) {
	r, wr, stdin, stdout, err := transport.Stdio()
	if err != nil {
		return nil, nil, err
	}
	defer stdin.Close()
	defer stdout.Close()
	cmd.Stdin = stdin
	if err := w.execCaptured(ctx, s, cmd, stdout); err != nil {
		r.Close()
		wr.Close()
		return nil, nil, err
	}
	return r, wr, nil
}
