package mux

import (
	"testing"

	"github.com/outwork-go/outwork/internal/frame"
)

// A reader that takes a known size gives its sender the room at once: no more
// than the largest window, nor than the link's budget.
func TestWiden(t *testing.T) {
	for _, test := range []struct{ grown, size, window int64 }{
		{0, Window / 2, Window},
		{0, 1 << 20, 1 << 20},
		{0, 1 << 30, MaxWindow},
		{GrowthBudget - Window, 1 << 20, Window},
	} {
		s := NewState(WorkerSide, 1)
		if _, _, err := s.Receive(frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.Bulk}, nil, false, nil); err != nil {
			t.Fatal(err)
		}
		st := s.streams[1]
		s.grown = test.grown
		before := st.allowed
		s.widen(st, test.size)
		if st.window != test.window || st.allowed != before+test.window-Window || s.grown != test.grown+test.window-Window {
			t.Errorf("%+v: a window of %d, %d allowed, %d grown", test, st.window, st.allowed, s.grown)
		}
		if s.Pending() != (test.window > Window) {
			t.Errorf("%+v: the credit is queued: %v", test, s.Pending())
		}
	}
}
