package outwork

import (
	"context"
	"runtime"
	"testing"
)

// What waits for a seat's first worker can use it when it is told: the pool has it by then.
func TestSeatIsTakenBeforeItIsTold(t *testing.T) {
	p, held := &Pool{n: 1, first: make(chan error)}, make(chan struct{})
	p.start = func(context.Context, *Target) (*Worker, error) {
		p.mu.Lock() // so that nobody can be added
		close(held)
		return &Worker{}, nil
	}
	p.open, p.shut = context.WithCancel(t.Context())
	defer p.shut()
	done := make(chan struct{})
	go func() { (&seat{Pool: p}).hire(); close(done) }()
	<-held
	for range 10_000 {
		select {
		case err := <-p.first:
			t.Fatalf("it is told before: %v", err)
		default:
			runtime.Gosched()
		}
	}
	p.mu.Unlock()
	if err := <-p.first; err != nil {
		t.Error(err)
	}
	<-done
	if len(p.hands) != 1 {
		t.Errorf("there are %d workers", len(p.hands))
	}
}
