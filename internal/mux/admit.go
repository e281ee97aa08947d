package mux

import "github.com/outwork-go/outwork/internal/frame"

// Admit tells whether a frame with this header may come now, before its payload
// has arrived. It changes nothing.
func (s *State) Admit(h frame.Header) error {
	if h.Stream == 0 {
		return s.admitControl(h)
	}
	if h.FDs > 0 {
		if err := s.admitFiles(h); err != nil {
			return err
		}
	}
	if h.Kind == frame.Open {
		return s.admitOpen(h)
	}
	st := s.streams[h.Stream]
	if st == nil {
		return s.admitGone(h)
	}
	if h.Kind == frame.Credit || h.Kind == frame.Reset {
		return nil
	}
	switch {
	case !st.recvOpen:
		return frame.Violated("ended", "%s %son stream %d, which the peer has ended", h.Kind, name(h), h.Stream)
	case s.limits.Guarded && !st.in.takes(h):
		return frame.Violated("handle", "%s %son stream %d: all that may come is DATA, after the message that names the stream", h.Kind, name(h), h.Stream)
	case cost(h) > st.allowed:
		return frame.Violated("credit", "%d bytes on stream %d with a credit of %d", cost(h), h.Stream, st.allowed)
	case st.partial && h.Kind == frame.Data:
		return frame.Violated("flags", "DATA inside a message on stream %d", h.Stream)
	case st.partial && h.Handle != st.partHandle:
		return frame.Violated("flags", "%s inside a %s on stream %d", h.Handle, st.partHandle, h.Stream)
	case !st.partial && h.Handle == frame.CallFunction:
		return frame.Violated("handle", "MESSAGE CALL_FUNCTION on stream %d", h.Stream)
	case len(st.partFiles)+int(h.FDs) > frame.MaxFDs:
		return frame.Violated("fds", "more than %d file descriptors in one message on stream %d", frame.MaxFDs, h.Stream)
	}
	return nil
}

// admitFiles bounds what a guarded State's peer makes it hold open before a
// message is whole.
func (s *State) admitFiles(h frame.Header) error {
	if h.Handle != frame.CallFunction && h.Handle != frame.Reply {
		return frame.Violated("fds", "file descriptors with %s on stream %d", h.Handle, h.Stream)
	}
	if !s.limits.Guarded {
		return nil
	}
	held := int(h.FDs)
	for _, st := range s.streams {
		held += len(st.partFiles)
	}
	if held > s.maxFiles() {
		return frame.Violated("fds", "%d file descriptors with messages that are not whole", held)
	}
	return nil
}

// admitControl keeps a peer that asks and does not listen from filling memory.
func (s *State) admitControl(h frame.Header) error {
	switch {
	case h.Handle == frame.Ping && s.pongs >= s.limits.Pongs:
		return frame.Violated("quota", "a PING after %d whose answers were not taken", s.limits.Pongs)
	case int(h.Length) > s.limits.Control:
		return frame.Violated("length", "%s of %d bytes, more than %d", h.Handle, h.Length, s.limits.Control)
	}
	return nil
}

func name(h frame.Header) string {
	if h.Handle == 0 {
		return ""
	}
	return h.Handle.String() + " "
}

func (s *State) admitOpen(h frame.Header) error {
	switch {
	case s.opened(h.Stream):
		return frame.Violated("stream", "OPEN of stream %d, which is this side's to open", h.Stream)
	case uint64(h.Stream) < s.peerNext:
		return frame.Violated("ended", "a second OPEN of stream %d", h.Stream)
	case uint64(h.Stream) > s.peerNext && !s.Holes:
		return frame.Violated("stream", "OPEN of stream %d, the next one is %d", h.Stream, s.peerNext)
	case s.peers >= s.peerMax:
		return frame.Violated("streams", "more than %d streams at once", s.peerMax)
	case cost(h) > int64(s.limits.Window):
		return frame.Violated("credit", "an OPEN of %d bytes", h.Length)
	case h.Flags&frame.More != 0 && h.Handle != frame.CallFunction:
		return frame.Violated("flags", "MORE of %s on stream %d", h.Handle, h.Stream)
	}
	return nil
}

// admitGone is for streams that are not there: they are over, or never were.
func (s *State) admitGone(h frame.Header) error {
	was := uint64(h.Stream) < s.peerNext
	if s.opened(h.Stream) {
		was = uint64(h.Stream) < s.next
	}
	if !was {
		return frame.Violated("stream", "%s %son stream %d, which was never opened", h.Kind, name(h), h.Stream)
	}
	if h.Kind == frame.Credit || h.Kind == frame.Reset {
		return nil // it crossed the stream's end
	}
	return frame.Violated("ended", "%s %son stream %d, which is over", h.Kind, name(h), h.Stream)
}
