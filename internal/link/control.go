package link

import (
	"log/slog"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// Shutdown asks a worker to finish its calls and end.
func (l *Link) Shutdown() { l.control(frame.Shutdown, nil) }

// Kill has an interpreter that keeps itself (guest.Options.Alone) killed by who keeps it.
func (l *Link) Kill() error { return l.control(frame.Shutdown, []byte{killed}) }

const killed = 9 // the signal's number everywhere

// SetLevel tells a worker which log records to send.
func (l *Link) SetLevel(level slog.Level) {
	if b, err := levelPlan.bytes(&levelMessage{int(level)}); err == nil {
		l.control(frame.LogLevel, b)
	}
}

// Pause tells the peer that this side is about to be silent, because it will be stopped
// or its machine will sleep: it is not taken for dead until something comes again, for
// mux.MaxPause at most. It returns when that was written, or after PauseWait with an
// error. Then nothing more is written, whatever is asked of the link, until Resume, or
// until half of Alive has passed all the same. A link over another (see Relay) is paused
// before that one. On a link without Alive it does nothing.
func (l *Link) Pause() error { return l.conn.Pause(PauseWait) }

// Resume ends a Pause.
func (l *Link) Resume() { l.conn.Resume() }

func (l *Link) control(h frame.Handle, payload []byte) error {
	return l.conn.Update(func(s *mux.State) { s.Control(h, payload) })
}

func (l *Link) setLevel(level int) {
	if l.cfg.Level != nil {
		l.cfg.Level(slog.Level(level))
	}
}

func (l *Link) onControl(ev mux.Event) error {
	manager := l.cfg.Side == mux.ManagerSide
	switch {
	case l.cfg.Service && (ev.Handle >= frame.ForwardLog && ev.Handle <= frame.LogLevel || ev.Handle >= frame.Output):
		return frame.Violated("handle", "%s between a client and a service", ev.Handle)
	case ev.Handle == frame.ForwardLog && manager:
		return l.onLog(ev.Payload)
	case ev.Handle == frame.Output && manager && l.cfg.Output != nil:
		return l.onOutput(ev.Payload)
	case ev.Handle == frame.Shutdown && !manager:
		if len(ev.Payload) > 0 {
			return frame.Violated("message", "a SHUTDOWN of %d bytes", len(ev.Payload))
		}
		if l.cfg.Shutdown != nil {
			l.cfg.Shutdown()
		}
	case ev.Handle == frame.LogLevel && !manager:
		var m levelMessage
		if err := levelPlan.only(ev.Payload, &m, "LOG_LEVEL"); err != nil {
			return err
		}
		l.setLevel(m.Level)
	case len(ev.Payload) > maxPing && (ev.Handle == frame.Ping || ev.Handle == frame.Pong):
		return frame.Violated("message", "a %s of %d bytes", ev.Handle, len(ev.Payload))
	case ev.Handle == frame.Ping:
		l.control(frame.Pong, ev.Payload)
	case ev.Handle == frame.Pong: // a sign of life, or an answer that package mux has taken
	case ev.Handle == frame.Pause:
		if len(ev.Payload) > 0 {
			return frame.Violated("message", "a PAUSE of %d bytes", len(ev.Payload))
		}
		l.conn.Paused()
	case ev.Handle == frame.Hello:
		return frame.Violated("handshake", "a second HELLO")
	default:
		return frame.Violated("handle", "%s from this side", ev.Handle)
	}
	return nil
}

// onOutput delivers what a worker has printed. There is no credit for it: nothing
// more is read until it was taken.
func (l *Link) onOutput(payload []byte) error {
	if len(payload) < 2 || len(payload) > 1+MaxOutput {
		return frame.Violated("message", "an OUTPUT of %d bytes", len(payload))
	}
	fd := int(payload[0])
	if fd != 1 && fd != 2 {
		return frame.Violated("message", "OUTPUT to %d, which is neither stdout nor stderr", fd)
	}
	l.cfg.Output(fd, payload[1:])
	return nil
}

const maxPing = 64 // bytes
