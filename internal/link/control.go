package link

import (
	"log/slog"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// Shutdown asks a worker to finish its calls and end.
func (l *Link) Shutdown() { l.control(frame.Shutdown, nil) }

// SetLevel tells a worker which log records to send.
func (l *Link) SetLevel(level slog.Level) {
	if b, err := levelPlan.bytes(&levelMessage{int(level)}); err == nil {
		l.control(frame.LogLevel, b)
	}
}

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
	case ev.Handle == frame.ForwardLog && manager:
		return l.onLog(ev.Payload)
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
	case ev.Handle == frame.Ping:
		return l.onPing(ev.Payload)
	case ev.Handle == frame.Pong:
	case ev.Handle == frame.Hello:
		return frame.Violated("handshake", "a second HELLO")
	default:
		return frame.Violated("handle", "%s from this side", ev.Handle)
	}
	return nil
}

const maxPing = 64 // bytes

func (l *Link) onPing(payload []byte) error {
	if len(payload) > maxPing {
		return frame.Violated("message", "a PING of %d bytes", len(payload))
	}
	if err := l.checkRead(); err != nil {
		return err
	}
	l.control(frame.Pong, payload)
	return nil
}

// checkRead keeps what waits for a peer that asks, and does not read the answers, within
// MaxUnread.
func (l *Link) checkRead() (err error) {
	l.conn.Update(func(s *mux.State) {
		if s.Queued() > MaxUnread {
			err = frame.Violated("quota", "it asks for more while %d bytes wait to be read by it", s.Queued())
		}
	})
	return err
}
