package link

import "context"

// turn lets one at a time open several streams. A service allows few: callers
// who each had some of theirs would wait for each other for ever. A nil turn is
// everybody's.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	if t == nil {
		return nil
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) leave() {
	if t != nil {
		<-t
	}
}
