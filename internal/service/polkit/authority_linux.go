package polkit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/service/policy"
)

// Authority is the polkit of a bus. It may be used concurrently.
type Authority struct {
	address string
	askTime time.Duration

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	dialing chan struct{} // held by who connects; guards the making of bus

	mu      sync.Mutex
	bus     *bus           // nil before the first question, and after a loss
	asking  map[uint32]int // questions under way, by uid
	total   int            // of all uids
	waiting sync.WaitGroup // the questions under way
}

// New makes an Authority. It connects when it is first asked. The caller closes
// it.
func New(c Config) *Authority {
	a := &Authority{
		address: c.Address, askTime: c.AskTime,
		dialing: make(chan struct{}, 1), asking: make(map[uint32]int),
	}
	if a.askTime == 0 {
		a.askTime = AskTime
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// Close ends the questions under way, with an error, and the connection.
func (a *Authority) Close() error {
	a.mu.Lock()
	a.cancel()
	a.mu.Unlock()
	a.waiting.Wait()
	a.drop(a.bus)
	return nil
}

// Ask asks polkit about the process of q.Subject.Peer, which may be asked to
// authenticate. When ctx ends, so does the question at polkit. An error is no
// answer: it is a *NotAvailableError without a bus or polkitd, ErrBusy, ErrGone,
// ErrClosed, the context's, or what polkit found wrong with the question.
//
// The details are only told when this process is root: polkit takes them from
// nobody else.
func (a *Authority) Ask(ctx context.Context, q policy.Question) (policy.Answer, error) {
	if err := a.enter(q.Subject.UID); err != nil {
		return policy.Answer{}, err
	}
	defer a.leave(q.Subject.UID)
	asked, err := newQuestion(q)
	if err != nil {
		return policy.Answer{}, err
	}
	defer asked.close()
	answer, err := a.inTime(ctx, asked)
	switch {
	case err != nil:
		return policy.Answer{}, err
	case answer.Yes && !asked.peer.Alive():
		return policy.Answer{}, ErrGone
	}
	return answer, nil
}

// inTime asks until the first of ctx, askTime and Close.
func (a *Authority) inTime(ctx context.Context, asked *question) (policy.Answer, error) {
	short, cancel := context.WithTimeout(ctx, a.askTime)
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()
	answer, err := a.ask(short, asked)
	switch {
	case err == nil || ctx.Err() != nil:
		return answer, err
	case a.ctx.Err() != nil:
		return answer, ErrClosed
	case short.Err() != nil:
		return answer, fmt.Errorf("polkit gave no answer within %v: %w", a.askTime, err)
	}
	return answer, err
}

// enter counts a question, or refuses it.
func (a *Authority) enter(uid uint32) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx.Err() != nil {
		return ErrClosed
	}
	if a.total == MaxQuestions || a.asking[uid] == MaxQuestionsPerUser {
		return ErrBusy
	}
	a.total++
	a.asking[uid]++
	a.waiting.Add(1)
	return nil
}

func (a *Authority) leave(uid uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if a.asking[uid]--; a.asking[uid] == 0 {
		delete(a.asking, uid)
	}
	a.waiting.Done()
}

// ask asks once, and once more when the bus or polkitd was lost meanwhile: they
// may have been started anew.
func (a *Authority) ask(ctx context.Context, asked *question) (policy.Answer, error) {
	answer, err := a.once(ctx, asked)
	if errors.Is(err, errLost) && ctx.Err() == nil {
		answer, err = a.once(ctx, asked)
	}
	return answer, err
}

func (a *Authority) once(ctx context.Context, asked *question) (policy.Answer, error) {
	b, err := a.connected(ctx)
	if err != nil {
		return policy.Answer{}, err
	}
	answer, err := b.check(ctx, asked)
	if err != nil && !b.connected() {
		a.drop(b)
	}
	return answer, err
}

// connected is the connection to the bus, made if there is none.
func (a *Authority) connected(ctx context.Context) (*bus, error) {
	select {
	case a.dialing <- struct{}{}:
		defer func() { <-a.dialing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a.mu.Lock()
	known := a.bus
	a.mu.Unlock()
	if known != nil && known.connected() {
		return known, nil
	}
	a.drop(known)
	b, err := dial(ctx, a.address)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.bus = b
	a.mu.Unlock()
	return b, nil
}

// drop closes a connection that is of no more use.
func (a *Authority) drop(b *bus) {
	if b == nil {
		return
	}
	b.close()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bus == b {
		a.bus = nil
	}
}
