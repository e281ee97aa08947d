package outwork

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"sync"

	"github.com/outwork-go/outwork/internal/codec"
)

// Stream is a sequence of values that crosses while it is produced: a direct
// field, of type *Stream[T], of a function's argument or result, or one of them
// itself. At most a window of elements is under way (256 KiB at first, up to 4
// MiB): who produces waits for who reads. Elements of type []byte and string
// cross raw, and like others have 16 MiB at most: one that is larger ends the
// stream with an error.
//
// A stream in an argument can be read while the function runs. One in a result
// is read by the caller after Call has returned: to its end, or until All's
// loop is left, Close, or the end of the call's context. It is for one reader.
type Stream[T any] struct {
	source iter.Seq2[T, error] // of the side that sends
	end    codec.StreamEnd

	once sync.Once
	plan *codec.Plan
	err  error
}

// StreamOf makes a stream to be sent. seq is ranged over once, by a goroutine
// of the call's, and ends early when nobody reads any more. An error that it
// yields ends the stream, and is what the reader gets, as a [RemoteError] would
// cross.
func StreamOf[T any](seq iter.Seq2[T, error]) *Stream[T] {
	s := &Stream[T]{source: seq}
	s.end.Pump = s.pump
	return s
}

// All yields the elements, in order. An error is the last thing that it yields.
// When the loop is left early, the stream is closed. It can be ranged over
// once.
func (s *Stream[T]) All() iter.Seq2[T, error] {
	if s.source != nil {
		return s.source
	}
	return func(yield func(T, error) bool) {
		defer s.Close()
		for {
			v, err := s.next()
			if err == io.EOF || !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Close says that no more is wanted. It may be called twice, and while All is
// ranged over.
func (s *Stream[T]) Close() error {
	if s.end.Stop != nil {
		s.end.Stop()
	}
	return nil
}

// OutworkStream marks the type as a stream; it is for this module's own use.
func (s *Stream[T]) OutworkStream() *codec.StreamEnd {
	s.end.Element = reflect.TypeFor[T]()
	return &s.end
}

func (s *Stream[T]) prepare() error {
	s.once.Do(func() { s.plan, s.err = codec.PlanOf(reflect.TypeFor[T]()) })
	return s.err
}

func (s *Stream[T]) next() (v T, err error) {
	if s.end.Next == nil {
		return v, errors.New("the stream was not made by StreamOf and did not come with a call")
	}
	b, err := s.end.Next()
	if err != nil {
		return v, err
	}
	switch p := any(&v).(type) {
	case *[]byte:
		*p = b
		return v, nil
	case *string:
		*p = string(b)
		return v, nil
	}
	if err := s.prepare(); err != nil {
		return v, err
	}
	rest, _, err := s.plan.DecodeBy(s.end.Rules(), b, &v)
	if err == nil && len(rest) > 0 {
		err = errors.New("an element with bytes behind it")
	}
	if err != nil {
		s.end.Fail(err)
	}
	return v, err
}

// pump sends the elements of the source.
func (s *Stream[T]) pump(send func([]byte) error, positional bool) error {
	if err := s.prepare(); err != nil {
		return err
	}
	var buf bytes.Buffer
	for v, err := range s.source {
		if err != nil {
			return err
		}
		b, err := s.encode(&buf, &v, positional)
		if err == nil {
			err = send(b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Stream[T]) encode(buf *bytes.Buffer, v *T, positional bool) ([]byte, error) {
	switch p := any(v).(type) {
	case *[]byte:
		return *p, checkRaw(len(*p))
	case *string:
		return []byte(*p), checkRaw(len(*p))
	}
	buf.Reset()
	err := s.plan.Append(buf, v, positional)
	return buf.Bytes(), err
}

// checkRaw is the error for an element of n bytes, which no plan looks at.
func checkRaw(n int) error {
	if n > codec.MaxMessage {
		return fmt.Errorf("an element of %d bytes is more than the %d of a message", n, codec.MaxMessage)
	}
	return nil
}
