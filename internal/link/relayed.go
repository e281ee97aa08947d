package link

import (
	"context"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// Relayed is an agent's end of a process that its manager asked for.
type Relayed struct {
	Spawn
	l    *Link
	st   *mux.Stream
	pipe *mux.Pipe
	gone chan struct{}
}

func (l *Link) onRelay(ev mux.Event) error {
	p := &Relayed{l: l, st: ev.Stream, pipe: l.conn.Pipe(ev.Stream), gone: make(chan struct{})}
	if err := spawnPlan.only(ev.Payload, &p.Spawn, "RELAY"); err != nil {
		return err
	}
	if len(ev.Payload) > MaxSpawn || p.Kind > SpawnCommand || p.Boot < 0 || p.Ask && p.Kind != SpawnCommand {
		return frame.Violated("message", "a RELAY of %d bytes, of kind %d, with %d bytes to boot", len(ev.Payload), p.Kind, p.Boot)
	}
	ev.Stream.User = p
	if l.cfg.RelayComes != nil {
		l.cfg.RelayComes(p)
	}
	l.conn.Go(func() { l.cfg.Relay(p) })
	return nil
}

// on is the manager's RESET: it wants the process gone.
func (p *Relayed) on(ev mux.Event) error {
	if ev.Kind != frame.Reset {
		return frame.Violated("handle", "%s on stream %d, which relays a process", ev.Handle, ev.Stream.ID)
	}
	close(p.gone)
	return nil
}

// ID is the one that the manager has for it.
func (p *Relayed) ID() uint32 { return p.st.ID }

// Gone is closed when the manager wants the process gone.
func (p *Relayed) Gone() <-chan struct{} { return p.gone }

// Done is closed when the link has ended.
func (p *Relayed) Done() <-chan struct{} { return p.l.conn.Done() }

// Transport is what the manager sends to the process, and takes from it. Closing it ends
// the taking alone: what the process says ends with Ended or Failed.
func (p *Relayed) Transport() mux.Transport { return p.pipe }

// Began tells the process's number.
func (p *Relayed) Began(pid int) {
	if b, err := progressPlan.bytes(&progress{Done: int64(pid)}); err == nil {
		p.l.conn.Message(p.st, frame.Progress, b, false, nil)
	}
}

// Output sends what the process has printed to fd, 1 or 2. It returns when that was
// sent.
func (p *Relayed) Output(fd int, b []byte) {
	for len(b) > 0 {
		n := min(len(b), MaxOutput)
		if p.l.conn.Send(context.Background(), p.st, frame.Item, append([]byte{byte(fd)}, b[:n]...), false) != nil {
			return // nobody wants it
		}
		b = b[n:]
	}
}

// Asks sends a question, or the end of one. It returns when that was sent.
func (p *Relayed) Asks(q RelayQuestion) error {
	b, err := relayQuestionPlan.bytes(&q)
	if err != nil {
		return err
	}
	return p.l.conn.Send(context.Background(), p.st, frame.Item, append([]byte{relayAsks}, b...), false)
}

// Ended tells how the process has ended, behind all that was sent of it. It is the
// last that is told, as Failed is.
func (p *Relayed) Ended(e Ended) {
	if b, err := endedPlan.bytes(&e); err == nil {
		p.last(frame.Reply, b)
	}
}

// Failed tells why there is no process.
func (p *Relayed) Failed(err error) { p.last(frame.Error, p.l.failure(err)) }

func (p *Relayed) last(h frame.Handle, b []byte) {
	if p.l.conn.Stopped(p.st) {
		p.l.conn.Reset(p.st, mux.Closing, "")
		return
	}
	p.l.conn.Message(p.st, h, b, true, nil)
}
