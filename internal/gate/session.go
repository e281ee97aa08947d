package gate

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/resume"
)

// session is a stream that may be joined.
type session struct {
	id     Session
	key    channel.Pin // that its first JOIN came with; zero where there are none
	name   string
	addr   net.Addr // of the first JOIN; nil: the stream was there before
	stream *resume.Conn

	joining int // JOINs that have it or wait for it; the gate's mutex guards it

	mu      sync.Mutex // one JOIN at a time has it; it guards what follows
	tried   bool       // a JOIN was admitted
	attempt uint64     // of the last that was
	isNew   bool       // it has had no connection yet, and nobody was told
	waiting bool       // for its first one, with a goroutine
	gone    bool       // it may not be joined any more
}

// session is whom a JOIN is of, with its mutex locked; leave must follow.
func (g *Gate) session(j *join, key channel.Pin, addr net.Addr) (*session, *refused) {
	s, instead, r := g.find(j, key, addr)
	if instead != nil {
		instead.stream.Fail(errors.New("another joined in its place as " + instead.name))
	}
	if r != nil {
		return nil, r
	}
	s.mu.Lock()
	if r := s.stale(j); r != nil {
		g.leave(s)
		return nil, r
	}
	return s, nil
}

// find is the session of a JOIN, known or new, and the one whose place it takes, if any.
func (g *Gate) find(j *join, key channel.Pin, addr net.Addr) (s, instead *session, r *refused) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s = g.sessions[Session(j.Session)]
	switch {
	case g.closed:
		return nil, nil, refuse(codeFull, closing, closing)
	case s == nil:
		s, instead, r = g.newcomer(j, key, addr)
	case s.key != key: // who has another must not wait for it, nor hold it up
		r = refuse(codeKey, "the session belongs to another key", "another key")
	}
	if r == nil {
		s.joining++
	}
	return s, instead, r
}

// leave unlocks s.
func (g *Gate) leave(s *session) {
	s.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	s.joining--
}

// stale is why s cannot be joined so. s.mu is held.
func (s *session) stale(j *join) *refused {
	switch {
	case s.gone || isOver(s.stream):
		return unknown()
	case s.tried && j.Attempt <= s.attempt:
		return refuse(codeAttempt, "a newer attempt was admitted already", "an attempt that is not newer than one that was admitted")
	}
	s.tried, s.attempt = true, j.Attempt
	return nil
}

func unknown() *refused {
	return refuse(codeUnknown, "the manager does not know this host any more: it was started again, or has given it up", "a session that is not known any more")
}

// newcomer is the session of a new host, and the one whose place it
// takes, if any. g.mu is held.
func (g *Gate) newcomer(j *join, key channel.Pin, addr net.Addr) (s, instead *session, r *refused) {
	if j.Received != 0 {
		return nil, nil, unknown()
	}
	var name string
	then := func(names string) (r *refused) {
		if name, r = choose(j.Name, names); r == nil {
			instead, r = g.place(name)
		}
		return r
	}
	if r := g.vouched(j, then); r != nil {
		return nil, nil, r
	}
	s = &session{
		id: Session(j.Session), key: key, name: name, addr: addr, isNew: true,
		stream: resume.New(resume.Config{Silence: g.cfg.Silence, Redial: g.cfg.Redial}),
	}
	g.sessions[s.id], g.names[name] = s, s
	if instead != nil {
		delete(g.sessions, instead.id)
	}
	return s, instead, nil
}

// vouched asks then with the names that a host may have, and takes a use of its token
// when then agrees.
func (g *Gate) vouched(j *join, then func(names string) *refused) *refused {
	switch {
	case g.cfg.Channel.Secret != nil:
		return then("*")
	case len(j.Token) == 0:
		return refuse(codeKey, "a new host needs a token, and there is none", "no token")
	}
	return g.tokens.use(j.Token, j.Secret, then)
}

// place finds whether there is one for a host of that name: instead is who loses it. g.mu
// is held.
func (g *Gate) place(name string) (instead *session, r *refused) {
	old := g.names[name]
	switch {
	case old == nil && len(g.names) >= g.cfg.MaxHosts:
		return nil, refuse(codeFull, "the manager has as many hosts as it takes", "as many hosts as there may be are here")
	case old == nil:
		return nil, nil
	case !old.yield():
		return nil, refuse(codeTaken, "a host of the name "+name+" is here", "the name of a host that is here: "+name)
	}
	return old, nil
}

// yield makes s gone, if it is cut now. A session that is being joined is not. The gate's
// mutex is held: without a JOIN nobody has that of s for long, nor waits for the gate's
// then.
func (s *session) yield() bool {
	if s.joining > 0 || s.stream.Joined() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	return true
}

// Expect admits whoever has the key to a stream that exists already, until Forget. The name
// is for the log, and may be any text: it takes none of those of hosts that join.
func (g *Gate) Expect(id Session, key channel.Pin, name string, stream *resume.Conn) {
	s := &session{id: id, key: key, name: name, stream: stream}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.sessions[id] = s
	g.group.Go(func() { g.watch(s) })
}

// Forget undoes Expect. (Streams that are over are forgotten by themselves.)
func (g *Gate) Forget(id Session) {
	g.mu.Lock()
	s := g.sessions[id]
	g.mu.Unlock()
	if s != nil && s.addr == nil {
		g.forget(s)
	}
}

func (g *Gate) forget(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sessions[s.id] == s {
		delete(g.sessions, s.id)
	}
	if g.names[s.name] == s {
		delete(g.names, s.name)
	}
}

// announce tells of a new host.
func (g *Gate) announce(s *session) {
	g.group.Go(func() { g.watch(s) })
	if g.cfg.Joined != nil {
		g.group.Go(func() { g.cfg.Joined(&Host{Name: s.name, Addr: s.addr, Stream: s.stream}) })
	}
}

// unattached gives a new host up that does not come again in time: the time of its stream
// does not run before it had a connection. s.mu is held.
func (g *Gate) unattached(s *session) {
	if !s.isNew || s.waiting {
		return
	}
	s.waiting = true
	g.group.Go(func() {
		g.pause(g.cfg.Redial)
		if s.abandon() {
			g.forget(s)
		}
	})
}

// abandon ends s, if it is new still.
func (s *session) abandon() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isNew {
		s.gone = true
		s.stream.Fail(errors.New("it has not come again"))
	}
	return s.isNew
}

// watch logs when s is cut off and comes back, and forgets it when it is over.
func (g *Gate) watch(s *session) {
	for {
		why, over, err := awaitCut(g.ctx, s.stream)
		if err != nil {
			return
		}
		switch {
		case over:
			g.forget(s)
			return
		case !g.knows(s):
			return
		case s.replaced():
			continue // by the next connection, and was not missed
		}
		g.cfg.Log.Warn("host is cut off", "host", s.name, "why", cutReason(why), "for", g.cfg.Redial)
		cut := time.Now()
		over, err = awaitJoin(g.ctx, s.stream)
		if err == nil && !over {
			g.cfg.Log.Info("host is back", "host", s.name, "after", time.Since(cut).Round(time.Millisecond))
		}
	}
}

func (g *Gate) knows(s *session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sessions[s.id] == s
}

// replaced reports whether there is a connection, when a JOIN that is under way is through.
func (s *session) replaced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.Joined()
}

// cutReason is why a connection was cut, as the log says it.
func cutReason(why error) string {
	if errors.Is(why, io.EOF) {
		return "the connection ended"
	}
	return why.Error()
}

// awaitCut waits until stream has lost its connection, and returns why; over: there will be
// none any more. err is ctx's.
func awaitCut(ctx context.Context, stream *resume.Conn) (why error, over bool, err error) {
	over, err = await(ctx, stream, func(joined bool, w error) bool {
		why = w
		return !joined && w != nil
	})
	return why, over, err
}

// awaitJoin waits until stream has a connection; over: there will be none any more. err is
// ctx's.
func awaitJoin(ctx context.Context, stream *resume.Conn) (over bool, err error) {
	return await(ctx, stream, func(joined bool, _ error) bool { return joined })
}

// await waits until ok of stream's state, or its end, which is over.
func await(ctx context.Context, stream *resume.Conn, ok func(joined bool, why error) bool) (over bool, err error) {
	for {
		joined, changed, why := stream.State()
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case isOver(stream):
			return true, nil
		case ok(joined, why):
			return false, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// isOver reports whether stream has ended.
func isOver(stream *resume.Conn) bool {
	select {
	case <-stream.Done():
		return true
	default:
		return false
	}
}
