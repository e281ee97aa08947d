package hexui

import (
	"context"
	"errors"
	"fmt"
	"io"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
)

// keysRead is how many bytes of keys are read at once.
const keysRead = 4096

// feedKeys sends what is typed as messages, and in the end that it ended. Bubble Tea does
// not read in itself: it would ask the terminal for other ways to report keys, and wait for
// a read that nothing ends.
func feedKeys(ctx context.Context, fail context.CancelCauseFunc, in io.Reader, term string, send func(tea.Msg)) {
	events := make(chan uv.Event)
	go func() {
		defer close(events)
		keys := uv.NewTerminalReader(newPump(ctx, in), term)
		if err := keys.StreamEvents(ctx, events); err != nil && ctx.Err() == nil {
			fail(fmt.Errorf("read keys: %w", err))
		}
	}()
	for e := range events {
		send(e)
	}
	send(endedMsg{})
}

// pump reads ahead, so that who reads from it does not wait longer than ctx.
type pump struct {
	ctx  context.Context
	read chan []byte
	err  error // valid when read is closed
	rest []byte
}

func newPump(ctx context.Context, in io.Reader) *pump {
	p := &pump{ctx: ctx, read: make(chan []byte)}
	go p.run(in)
	return p
}

func (p *pump) run(in io.Reader) {
	defer close(p.read)
	for {
		buf := make([]byte, keysRead)
		n, err := in.Read(buf)
		if n > 0 {
			select {
			case p.read <- buf[:n]:
			case <-p.ctx.Done():
				return
			}
		}
		if err != nil {
			p.err = err
			return
		}
	}
}

// Read is of io.Reader.
func (p *pump) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		select {
		case <-p.ctx.Done():
			return 0, io.EOF
		case data, ok := <-p.read:
			switch {
			case !ok && p.err != nil && !errors.Is(p.err, io.EOF):
				return 0, p.err
			case !ok:
				return 0, io.EOF
			}
			p.rest = data
		}
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
