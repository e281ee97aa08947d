package daemon

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const alice, bob = 12001, 12002

func TestTurnsAreHandedOnInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := newTurns(1)
		if err := ts.take(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				if err := ts.take(context.Background(), alice); err != nil {
					t.Error(err)
				}
				order = append(order, i) // one at a time: that is the point
				ts.leave(alice)
			})
			synctest.Wait()
		}
		ts.leave(alice)
		wg.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("turns came in the order %v", order)
			}
		}
		if len(ts.users) != 0 {
			t.Errorf("%d users are remembered without a call", len(ts.users))
		}
	})
}

func TestTurnsOfOneUserAreNotAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := newTurns(2)
		began := time.Now()
		for range 2 {
			if err := ts.take(t.Context(), alice); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := ts.take(t.Context(), bob); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			if err := ts.take(t.Context(), 0); err != nil {
				t.Fatal("root:", err)
			}
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("they waited %v", waited)
		}
		if err := ts.take(t.Context(), alice); !errors.Is(err, errBusy) {
			t.Errorf("the third call got %v, want errBusy", err)
		}
		if waited := time.Since(began); waited != patience {
			t.Errorf("it was refused after %v, want %v", waited, patience)
		}
	})
}

// A call that gives up keeps no place, and takes none from who is behind it.
func TestTurnGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := newTurns(1)
		if err := ts.take(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error), make(chan error)
		go func() { first <- ts.take(ctx, alice) }()
		synctest.Wait()
		go func() { second <- ts.take(context.Background(), alice) }()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("it got %v", err)
		}
		ts.leave(alice)
		if err := <-second; err != nil {
			t.Errorf("who was behind it got %v", err)
		}
		ts.leave(alice)
		if len(ts.users) != 0 || ts.waiting != 0 {
			t.Errorf("%d users and %d waiting calls are left", len(ts.users), ts.waiting)
		}
	})
}
