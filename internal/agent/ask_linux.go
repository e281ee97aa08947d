package agent

import (
	"context"
	"errors"
	"sync"

	"github.com/outwork-go/outwork/internal/askpass"
	"github.com/outwork-go/outwork/internal/link"
)

// asking puts the questions of a command to the manager, one after another.
type asking struct {
	p      *link.Relayed
	server *askpass.Server
	turn   chan struct{} // has an element while a question is open

	mu     sync.Mutex       // guards what follows
	id     uint32           // of the last question
	answer chan *answerArgs // of the open one; nil: none is
}

// questions lets a command ask, or not: it returns its environment.
func (s *server) questions(p *link.Relayed, env []string) (*asking, []string, error) {
	if !p.Ask {
		return nil, askpass.Refuse(env), nil
	}
	a := &asking{p: p, turn: make(chan struct{}, 1)}
	var err error
	if a.server, err = askpass.New(a.ask); err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking[p.ID()] = a
	return a, a.server.Environ(env), nil
}

// close ends what is asked. It is for the time before the end of the process is told.
func (s *server) close(a *asking) {
	if a == nil {
		return
	}
	a.server.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.asking, a.p.ID())
}

// answers is of a manager. One that comes too late is no error.
func (s *server) answers(_ context.Context, args *answerArgs) (*struct{}, error) {
	s.mu.Lock()
	a := s.asking[args.Process]
	s.mu.Unlock()
	if a != nil {
		a.take(args)
	}
	return &struct{}{}, nil
}

func (a *asking) take(args *answerArgs) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answer != nil && args.Question == a.id {
		a.answer <- args
		a.answer = nil // there is no second
	}
}

var errNoAnswer = errors.New("nobody answers")

// ask is of askpass.Ask.
func (a *asking) ask(ctx context.Context, q askpass.Question) (string, error) {
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-a.turn }()
	id, answer := a.open()
	if id > link.MaxQuestions {
		return "", errNoAnswer // the manager would end the link
	}
	if err := a.p.Asks(link.RelayQuestion{ID: id, Kind: kindOf(q), Text: q.Text}); err != nil {
		return "", err
	}
	defer a.over(id)
	select {
	case args := <-answer:
		if !args.Given {
			return "", errNoAnswer
		}
		return args.Answer, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func kindOf(q askpass.Question) uint8 {
	switch {
	case q.Notice:
		return link.QuestionNotice
	case q.Secret:
		return link.QuestionSecret
	}
	return link.QuestionShown
}

func (a *asking) open() (uint32, chan *answerArgs) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.id++
	a.answer = make(chan *answerArgs, 1)
	return a.id, a.answer
}

func (a *asking) over(id uint32) {
	a.mu.Lock()
	a.answer = nil
	a.mu.Unlock()
	a.p.Asks(link.RelayQuestion{ID: id, Kind: link.QuestionOver}) // or the manager has gone
}
