package mux

import (
	"fmt"
	"slices"
)

// check is what must hold of a State between any two calls. unread is the credit
// that readers of BULK streams owe, where the test knows.
func (s *State) check(unread map[uint32]int64) error {
	own, peers, shares, grown := 0, 0, int64(0), int64(0)
	for id, st := range s.streams {
		if s.opened(id) {
			own++
		} else {
			peers++
		}
		shares += st.share()
		grown += st.window - int64(s.limits.Window)
		if err := s.checkStream(st, unread); err != nil {
			return fmt.Errorf("stream %d: %w", id, err)
		}
	}
	ends, pongs := 0, 0
	for _, seg := range s.urgent {
		ends += seg.ends
		pongs += seg.pongs
	}
	for _, st := range s.ending {
		if st.gone {
			peers++
		}
	}
	switch {
	case own != s.own || peers != s.peers:
		return fmt.Errorf("counts %d and %d streams, has %d and %d", s.own, s.peers, own, peers)
	case peers > s.peerMax:
		return fmt.Errorf("%d streams of the peer, %d allowed", peers, s.peerMax)
	case shares != s.long.used+s.answers.used || s.long.used > s.long.most || s.answers.used > s.answers.most:
		return fmt.Errorf("counts shares of %d and %d, has %d", s.long.used, s.answers.used, shares)
	case grown != s.grown || grown > GrowthBudget:
		return fmt.Errorf("counts a growth of %d, has %d", s.grown, grown)
	case ends != len(s.ending) || pongs != s.pongs || pongs > s.limits.Pongs:
		return fmt.Errorf("%d ends of %d and %d pongs of %d are queued", len(s.ending), ends, s.pongs, pongs)
	}
	for _, st := range slices.Concat(s.long.wait, s.answers.wait) {
		if st.long == nil || st.long.waits == nil || s.streams[st.ID] != st {
			return fmt.Errorf("stream %d waits for a share and is gone", st.ID)
		}
	}
	for _, st := range s.ready {
		if !st.isReady {
			return fmt.Errorf("stream %d is ready and does not know", st.ID)
		}
	}
	return nil
}

func (s *State) checkStream(st *Stream, unread map[uint32]int64) error {
	switch {
	case st.gone || !st.recvOpen && !st.sendOpen && len(st.queue) == 0:
		return fmt.Errorf("is over and was not forgotten")
	case st.credit < 0 || st.credit > maxCredit:
		return fmt.Errorf("has a credit of %d", st.credit)
	case st.allowed < 0 || st.window > MaxWindow || st.allowed > st.window:
		return fmt.Errorf("allows %d of %d bytes", st.allowed, st.window)
	case len(st.part) > MaxMessage || len(st.part) > 0 && !st.partial:
		return fmt.Errorf("holds %d bytes of a message", len(st.part))
	case !st.isReady && len(st.queue) > 0 && st.sendable():
		return fmt.Errorf("could send and is not ready")
	case st.isReady != slices.Contains(s.ready, st):
		return fmt.Errorf("is ready: %v", st.isReady)
	case unread != nil && st.recvOpen && !st.reset && st.allowed+st.owed+st.partCost+unread[st.ID] != st.window:
		return fmt.Errorf("a window of %d, but %d allowed, %d owed, %d in parts, %d unread",
			st.window, st.allowed, st.owed, st.partCost, unread[st.ID])
	}
	return nil
}
