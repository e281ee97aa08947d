package link

import (
	"errors"
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
	if err != nil {
		r.err = r.ls.streamError(r.st, err)
		r.ls.end(r.st)
	}
	return n, r.err
}

// Close tells the sender that no more is wanted.
func (r *landedReader) Close() error {
	r.ls.end(r.st)
	r.ls.l.conn.Reset(r.st, mux.Unwanted, "")
	return nil
}

// streamError is the sender's own error, when that is what ended the stream.
func (ls *landings) streamError(st *mux.Stream, err error) error {
	if !errors.Is(err, mux.ErrMessage) {
		return err
	}
	h, payload, err := ls.l.conn.Receive(ls.ctx, st)
	if err != nil {
		return err
	}
	return ls.sourceError(h, payload)
}

func (ls *landings) sourceError(h frame.Handle, payload []byte) error {
	err := frame.Violated("handle", "%s on a bulk stream", h)
	if h == frame.Error {
		var f *Failure
		if f, err = ls.l.decodeFailure(payload); err == nil {
			return f
		}
	}
	ls.l.conn.Fail(err)
	return err
}

// attach makes the field a stream that is read from st.
func (ls *landings) attach(c *codec.Crossing, st *mux.Stream) {
	field := c.Of(ls.value)
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
	}
	end := streamEnd(field)
	end.Positional, end.Loose = ls.l.positional, ls.l.resultRules().Loose
	end.Next = func() ([]byte, error) {
		payload, err := ls.next(st)
		if err != nil {
			ls.end(st)
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

// next is the next element.
func (ls *landings) next(st *mux.Stream) ([]byte, error) {
	h, payload, err := ls.l.conn.Receive(ls.ctx, st)
	if err == nil && h != frame.Item {
		return nil, ls.sourceError(h, payload)
	}
	return payload, err
}
