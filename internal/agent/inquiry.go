package agent

import (
	"context"
	"sync"

	"github.com/outwork-go/outwork/internal/askpass"
	"github.com/outwork-go/outwork/internal/link"
)

type answerArgs struct {
	Process, Question uint32
	Answer            string
	Given             bool // else nobody answers
}

// newAnswer is the function that answers a question; fn is nil on the side that calls.
func newAnswer(fn func(context.Context, *answerArgs) (*struct{}, error)) *link.Function {
	return link.Own("agent.answer", where, fn)
}

// inquiry is what a command at an agent asks: one question after another.
type inquiry struct {
	h     *Host
	ask   askpass.Ask
	begun chan struct{} // closed when id is known
	id    uint32        // the process's

	mu      sync.Mutex          // guards what follows
	cancel  context.CancelFunc  // of the question that a goroutine works on, or nil
	waiting *link.RelayQuestion // for it to return
	ended   bool
	work    sync.WaitGroup
}

// take is called by the link's reader. However fast an agent asks, one question is
// worked on, and one waits.
func (i *inquiry) take(q link.RelayQuestion) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting = nil
	if i.cancel != nil {
		i.cancel()
	}
	if i.ended || q.Kind == link.QuestionOver {
		return
	}
	if i.waiting = &q; i.cancel == nil {
		i.cancel = func() {}
		i.work.Go(func() {
			for i.next() {
			}
		})
	}
}

// next works on the question that waits; false if none does.
func (i *inquiry) next() bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	i.mu.Lock()
	q := i.waiting
	i.waiting, i.cancel = nil, cancel
	if q == nil || i.ended {
		i.cancel = nil
		i.mu.Unlock()
		return false
	}
	i.mu.Unlock()
	i.put(ctx, *q)
	return true
}

// put asks a question, and sends the answer while it is open.
func (i *inquiry) put(ctx context.Context, q link.RelayQuestion) {
	answer, err := i.ask(ctx, askpass.Question{
		Text: q.Text, Secret: q.Kind == link.QuestionSecret, Notice: q.Kind == link.QuestionNotice,
	})
	if q.Kind == link.QuestionNotice {
		return
	}
	select {
	case <-i.begun:
	case <-ctx.Done():
		return
	}
	if err != nil {
		answer = ""
	}
	i.h.l.Call(ctx, i.h.reply, &answerArgs{i.id, q.ID, answer, err == nil}, nil) // or it is lost, or over
}

// end gives up what is asked, and returns when nobody works on it any more.
func (i *inquiry) end() {
	i.mu.Lock()
	i.ended = true
	if i.cancel != nil {
		i.cancel()
	}
	i.mu.Unlock()
	i.work.Wait()
}
