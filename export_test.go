package outwork

import (
	"context"
	"syscall"

	"github.com/outwork-go/outwork/internal/starter"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

// DefaultGrace is Manager.Grace where that is zero.
const DefaultGrace = defaultGrace

// NoBarrier lets results overtake what was printed before them.
func (m *Manager) NoBarrier() { m.noBarrier = true }

// LiveHosts is how many connections to hosts are not gone.
func LiveHosts(m *Manager) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.allHosts)
}

// Beginning is how many calls of Start and Begin have no process yet.
func Beginning(m *Manager) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.beginning
}

// CauseOf is why a process has ended so.
func CauseOf(exit starter.Exit, words string, limits sandbox.Limits) lost.Cause {
	d := death{exit, []byte(words), limits}
	return d.cause()
}

// Ending is why a worker was lost that ended so.
func Ending(exit starter.Exit, link, lost, by error, forced bool) error {
	e := ending{exit: exit, err: link, lost: lost, by: by}
	return e.why(sandbox.Limits{}, forced)
}

// SignalsOf are those that a worker's process gets when the worker is killed before it has that
// process, and after it has ended.
func SignalsOf(why error) (begun, over chan syscall.Signal) {
	begun, over = make(chan syscall.Signal, 2), make(chan syscall.Signal, 2)
	w := &Worker{proc: signals(begun)}
	w.kill(why)
	w.live()
	ended := &Worker{proc: signals(over)}
	ended.live()
	ended.settle()
	ended.kill(why)
	return begun, over
}

type signals chan syscall.Signal

func (s signals) Signal(sig syscall.Signal) error { s <- sig; return nil }

func (s signals) Wait() (starter.Exit, error) { return starter.Exit{}, nil }

// Loss is e of a worker that had those limits.
func Loss(e LostError, limits sandbox.Limits) *LostError {
	e.limits = limits
	return &e
}

// StrictGrace is what a pool does for its workers.
func (w *Worker) StrictGrace() { w.strictGrace = true }

// Signal has a worker lost by a signal, as if its process had got it.
func Signal(w *Worker, sig syscall.Signal) { w.proc.Signal(sig) }

// PoolWorkers are the workers of a pool that take calls.
func PoolWorkers(p *Pool) (all []*Worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.hands {
		all = append(all, h.w)
	}
	return all
}

// StartPool starts a pool whose workers start starts.
func StartPool(ctx context.Context, m *Manager, n int, start func(context.Context) (*Worker, error)) (*Pool, error) {
	return m.pool(ctx, Target{}, n, func(ctx context.Context, _ *Target) (*Worker, error) { return start(ctx) })
}

// LiveWorkers is how many workers are not gone.
func LiveWorkers(m *Manager) int { return len(m.snapshot()) }

// Taken is how often w has been taken from p, how much it has now, and whether that is alone.
func Taken(p *Pool, w *Worker) (served, load int, alone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.hands {
		if h.w == w {
			return h.served, h.load, h.alone
		}
	}
	return 0, 0, false
}
