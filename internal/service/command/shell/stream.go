package shell

import (
	"fmt"
	"io"
	"iter"
	"reflect"

	"github.com/outwork-go/outwork/internal/codec"
)

// items yields what comes on a stream that came with a reply. An error is the
// last thing that it yields; the stream is closed in the end.
func items(v any) iter.Seq2[reflect.Value, error] {
	return func(yield func(reflect.Value, error) bool) {
		s, ok := v.(codec.StreamField)
		if !ok || reflect.ValueOf(v).IsNil() {
			return
		}
		end := s.OutworkStream()
		if end.Next == nil {
			return // it was not sent
		}
		defer end.Stop()
		for {
			e, err := item(end)
			if err == io.EOF || !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// item is the next element of a stream.
func item(end *codec.StreamEnd) (reflect.Value, error) {
	b, err := end.Next()
	if err != nil {
		return reflect.Value{}, err
	}
	v := reflect.New(end.Element)
	switch p := v.Interface().(type) {
	case *[]byte:
		*p = b
		return v.Elem(), nil
	case *string:
		*p = string(b)
		return v.Elem(), nil
	}
	plan, err := codec.PlanOf(end.Element)
	if err != nil {
		return reflect.Value{}, err
	}
	rest, _, err := plan.DecodeBy(end.Rules(), b, v.Interface())
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("an element with %d bytes behind it", len(rest))
	}
	if err != nil {
		end.Fail(err)
	}
	return v.Elem(), err
}
