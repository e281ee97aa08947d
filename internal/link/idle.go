package link

import "context"

// Idle waits until no call runs on this side.
func (l *Link) Idle(ctx context.Context) error {
	l.mu.Lock()
	if len(l.incoming) == 0 {
		l.mu.Unlock()
		return nil
	}
	if l.idle == nil {
		l.idle = make(chan struct{})
	}
	idle := l.idle
	l.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.Done():
		return l.Err()
	}
}

// Flushed waits until all that this side has to say was written.
func (l *Link) Flushed() { l.conn.Flushed() }

// Busy is how many streams of this side are open: its calls, and what belongs to
// them, whether or not anybody waits for them any more.
func (l *Link) Busy() int { return l.conn.Live() }

// Quiet waits until Busy is 0.
func (l *Link) Quiet(ctx context.Context) error { return l.conn.Quiet(ctx) }
