package gate

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/outwork-go/outwork/internal/channel"
)

// serve hears who has come, and admits it or not.
func (g *Gate) serve(a *arrival) {
	defer g.arrivals.remove(a)
	ch, j, err := g.hear(a)
	if err != nil {
		g.refused(a, nil, reason(a, err))
		return
	}
	g.arrivals.settle(a)
	if r := g.admit(a, ch, j); r != nil {
		g.refused(a, j, r.reason)
	}
}

// hear waits for a JOIN. It closes the connection when none comes.
func (g *Gate) hear(a *arrival) (*channel.Conn, *join, error) {
	ch, err := g.open(a)
	if err != nil {
		return nil, nil, err
	}
	j, err := readJoin(ch)
	if err != nil {
		if m, ok := errors.AsType[*malformed](err); ok {
			err = fmt.Errorf("a JOIN that is none: %w", m)
			answer(ch, &admit{Code: codeVersion, Text: err.Error()})
		}
		ch.Close()
		return nil, nil, err
	}
	return ch, j, nil
}

func readJoin(r reader) (*join, error) {
	b, err := readMessage(r)
	if err != nil {
		return nil, err
	}
	return parseJoin(b)
}

// open makes a channel of a connection, or closes it. No more than a goroutine is spent on
// it before its first bytes.
func (g *Gate) open(a *arrival) (*channel.Conn, error) {
	if c, ok := a.conn.(*net.TCPConn); ok {
		if err := g.look(c); err != nil {
			c.Close()
			return nil, err
		}
	}
	t, err := g.wrap(a.conn)
	if err != nil {
		return nil, err
	}
	a.stopBy(dropper(t))
	return channel.Accept(t, g.cfg.Channel)
}

// look waits for the first bytes, and says what they are when they are nothing that could
// become a JOIN.
func (g *Gate) look(c *net.TCPConn) error {
	var first [8]byte
	n, err := peek(c, first[:])
	if err != nil || n == 0 {
		return err
	}
	const handshake, greeting = 0x16, 0x89 // the first byte of TLS, and of the record layer
	secret := g.cfg.Channel.Secret != nil
	switch first[0] {
	case handshake:
		if secret {
			return errors.New("TLS: it has a key, and this side a shared secret")
		}
	case greeting:
		if !secret {
			return errors.New("the record layer: it has a shared secret, and this side a key")
		}
	default:
		return fmt.Errorf("plain text: it began with %q", first[:n])
	}
	return nil
}

// reason is what the log says of a connection on which err came before a JOIN.
func reason(a *arrival, err error) string {
	why := a.why()
	switch {
	case why != "":
		return why
	case errors.Is(err, io.EOF):
		return "it ended before a JOIN"
	case strings.HasSuffix(err.Error(), badKey):
		return "it expects another key: its token is another manager's, or of a time when this one had another key"
	}
	return err.Error()
}

// badKey is what crypto/tls says when the other side does not take this side's key.
const badKey = "remote error: tls: bad certificate"

// refused logs it, unless it is Close that has refused it.
func (g *Gate) refused(a *arrival, j *join, reason string) {
	if g.isClosed() {
		return
	}
	attrs := []any{"addr", a.conn.RemoteAddr().String(), "reason", reason}
	if j != nil && len(j.Token) > 0 {
		attrs = append(attrs, "token", hex.EncodeToString(j.Token))
	}
	g.log.warn("refused a connection", attrs...)
}

// answer says ADMIT.
func answer(ch *channel.Conn, m *admit) error {
	b, err := packed(admitPlan(), m)
	if err != nil {
		return err
	}
	return ch.WriteAll(b)
}

// admit answers a JOIN, and gives its session the connection; else it closes it.
func (g *Gate) admit(a *arrival, ch *channel.Conn, j *join) *refused {
	s, r := g.session(j, ch.Peer(), a.conn.RemoteAddr())
	if r != nil {
		answer(ch, &admit{Code: r.code, Text: r.text})
		ch.Close()
		return r
	}
	defer g.leave(s)
	if err := s.attach(a, ch, j); err != nil {
		g.unattached(s)
		return refuse(codeAdmitted, "", err.Error())
	}
	if s.isNew {
		s.isNew = false
		g.announce(s)
	}
	return nil
}

// attach goes on over ch, or closes it. s.mu is held. The stream stays frozen when ADMIT
// cannot be sent: it is cut, and the other side comes again.
func (s *session) attach(a *arrival, ch *channel.Conn, j *join) error {
	m := &admit{Received: s.stream.Freeze()}
	if validName(s.name) { // Expect takes any
		m.Name = s.name
	}
	err := answer(ch, m)
	if err == nil && !a.keep() {
		err = errors.New(a.why())
	}
	if err != nil {
		ch.Close()
		return fmt.Errorf("ADMIT could not be sent: %w", err)
	}
	return s.stream.Attach(ch, j.Received)
}
