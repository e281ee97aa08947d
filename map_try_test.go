package outwork

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A timer that goes off a little too early for the mark, as where the thread lost its processor between
// the two, goes off again: the input has no other limit.
func TestAttemptExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inputs := []*input[int]{{a: 1}, {a: 2}}
		l := &loop[int, int]{ctx: t.Context()}
		l.o.Timeout = time.Second
		at := &attempt[int, int]{m: l, batch: inputs, told: []bool{true, false}}
		ctx, cancel := at.limited()
		defer cancel()
		began := time.Now()
		at.mu.Lock()
		at.mark = began.Add(time.Millisecond)
		at.mu.Unlock()
		<-ctx.Done()
		if took := time.Since(began); took != time.Second+time.Millisecond || at.late != inputs[1] {
			t.Errorf("it expired after %v, late is %+v", took, at.late)
		}
		if cause := context.Cause(ctx); cause != context.DeadlineExceeded {
			t.Errorf("its cause is %v", cause)
		}
	})
}
