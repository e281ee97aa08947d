package link

import (
	"errors"
	"io"
	"os"
	"reflect"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// landedReader is an io.ReadCloser whose source is on the other side. Close may be
// called while Read waits, which ends it.
type landedReader struct {
	ls  *landings
	st  *mux.Stream
	err error // of the last Read, which every later one returns too
}

func (r *landedReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.ls.l.conn.Read(r.ls.ctx, r.st, p)
	if errors.Is(err, mux.ErrMessage) {
		_, err = r.ls.receive(r.st, noElement)
	}
	if err != nil {
		r.err = r.ls.ended(r.st, err)
	}
	return n, r.err
}

// Close tells the sender that no more is wanted.
func (r *landedReader) Close() error {
	r.ls.end(r.st)
	r.ls.l.conn.Reset(r.st, mux.Unwanted, "")
	return nil
}

// attach makes the field a stream that is read from st.
func (ls *landings) attach(c *codec.Crossing, st *mux.Stream) {
	field := c.Of(ls.value)
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
	}
	end := streamEnd(field)
	end.Positional, end.Loose = ls.l.positional.Load(), ls.l.resultRules().Loose
	end.Next = func() ([]byte, error) {
		payload, err := ls.receive(st, frame.Item)
		if err != nil {
			err = ls.ended(st, err)
		}
		return payload, err
	}
	end.Fail = func(err error) {
		ls.l.conn.Fail(frame.Violated("reply", "%s: %v", c.Name, err))
	}
	end.Stop = func() {
		ls.end(st)
		ls.l.conn.Reset(st, mux.Unwanted, "")
	}
}

// noElement is the handle of the elements of a stream of bytes, which are no messages.
const noElement frame.Handle = 0

// receive takes a message off a stream: an element, which has that handle, or else how the sender
// ends it, by an error of its own or by what breaks a rule.
func (ls *landings) receive(st *mux.Stream, element frame.Handle) ([]byte, error) {
	h, payload, err := ls.l.conn.Receive(ls.ctx, st)
	if err != nil || h == element {
		return payload, err
	}
	err = frame.Violated("handle", "%s on a bulk stream", h)
	if h == frame.Error {
		var f *Failure
		if f, err = ls.l.decodeFailure(payload); err == nil {
			return nil, f
		}
	}
	ls.l.conn.Fail(err)
	return nil, err
}

// ended forgets a stream, of which err was the last that came, and returns what its reader gets:
// the end, the sender's own error, why the call was given up if that is what closed the stream, or a
// *Down if the link has ended before it.
func (ls *landings) ended(st *mux.Stream, err error) error {
	ls.end(st)
	_, failed := errors.AsType[*Failure](err)
	switch closed := errors.Is(err, os.ErrClosed); {
	case err == io.EOF:
		return err
	case failed:
	case closed && ls.ctx.Err() != nil:
		err = ls.ctx.Err()
	case !closed && ls.l.conn.Err() != nil && (ls.ctx.Err() == nil || !errors.Is(err, ls.ctx.Err())):
		err = &Down{err, true}
	}
	if ls.told != nil {
		err = ls.told(err)
	}
	return err
}
