package codec

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"
	"unicode/utf8"
)

// EncodeValue is the CBOR of a script's value: nil, bool, an integer of any
// size up to *big.Int, float, string, []byte, time.Time, and []any,
// map[any]any and map[string]any of such values, and [Tuple], [Set] and
// [*Exception]. The keys of a map are
// strings, booleans, integers of int64's range or floats other than NaN.
// Anything else is an error that names its type and place: "value[3].x: a func
// cannot cross".
func EncodeValue(v any) ([]byte, error) {
	w := anyWalk{left: MaxMessage}
	if err := w.value(v, 0); err != nil {
		return nil, fmt.Errorf("value%w", err)
	}
	if w.exceptions {
		v = wired(v)
	}
	var buf bytes.Buffer
	if err := valueEncMode.MarshalToBuffer(v, &buf); err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	if buf.Len() > MaxMessage {
		return nil, fmt.Errorf("value: %d bytes of CBOR are more than the %d of a message", buf.Len(), MaxMessage)
	}
	if err := checkValue(buf.Bytes()); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// DecodeValue is the value that data, all of it, encodes. Its types are nil,
// bool, int64, *big.Int (an integer beyond int64), float64, string, []byte,
// []any, map[any]any, time.Time, [Tuple], [Set] and [*Exception].
func DecodeValue(data []byte) (any, error) {
	if err := checkValue(data); err != nil {
		return nil, err
	}
	var v any
	if err := valueDecMode.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	return pointed(v), nil
}

// An anyWalk refuses the Go values that cannot cross, and those which are
// endless or nearly so, before they reach the encoder.
type anyWalk struct {
	left       int  // bytes that the encoding may yet take, about
	exceptions bool // it has seen some
}

func (w *anyWalk) value(v any, depth int) error {
	switch v := v.(type) {
	case nil, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64, time.Time:
		return w.take(1)
	case *big.Int:
		if v == nil {
			return refuse("a nil *big.Int cannot cross")
		}
		return w.take(1 + v.BitLen()/8)
	case string:
		return w.text(v)
	case []byte:
		return w.take(1 + len(v))
	case []any:
		return w.list(v, depth)
	case Tuple:
		return w.list(v, depth)
	case Set:
		return w.list(v, depth)
	case *Exception:
		return w.exception(v)
	case map[any]any:
		return walkMap(w, v, depth)
	case map[string]any:
		return walkMap(w, v, depth)
	}
	return refuse("%s cannot cross", foreignName(v))
}

// take counts n bytes of the encoding.
func (w *anyWalk) take(n int) error {
	if w.left -= n; w.left < 0 {
		return refuse("the value is larger than the %d bytes of a message", MaxMessage)
	}
	return nil
}

func (w *anyWalk) text(s string) error {
	if !utf8.ValidString(s) {
		return refuse("the string is not UTF-8; bytes may be anything")
	}
	return w.take(1 + len(s))
}

func (w *anyWalk) list(list []any, depth int) error {
	if depth == MaxDepth {
		return errTooDeep()
	}
	if err := w.take(1); err != nil {
		return err
	}
	for i, v := range list {
		if err := w.value(v, depth+1); err != nil {
			return below(indexStep(i), err)
		}
	}
	return nil
}

func walkMap[K comparable](w *anyWalk, m map[K]any, depth int) error {
	if depth == MaxDepth {
		return errTooDeep()
	}
	if err := w.take(1); err != nil {
		return err
	}
	for k, v := range m {
		if err := w.key(k); err != nil {
			return below(keyStep(k), err)
		}
		if err := w.value(v, depth+1); err != nil {
			return below(keyStep(k), err)
		}
	}
	return nil
}

func (w *anyWalk) key(k any) error {
	switch k := k.(type) {
	case string:
		return w.text(k)
	case float32:
		return w.floatKey(float64(k))
	case float64:
		return w.floatKey(k)
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return w.take(1)
	}
	return refuse("a key that is %s cannot cross", foreignName(k))
}

func (w *anyWalk) floatKey(f float64) error {
	if math.IsNaN(f) {
		return refuse("a key that is not a number cannot cross")
	}
	return w.take(1)
}

func errTooDeep() error {
	return refuse("the value is nested deeper than %d levels, or contains itself", MaxDepth)
}

// keyStep is the step of a path to the value of k: ".name" or "[k]".
func keyStep(k any) string {
	switch k := k.(type) {
	case string:
		if isName(k) {
			return "." + k
		}
		return fmt.Sprintf("[%.64q]", k)
	case bool, int, int64, uint64, float64:
		return fmt.Sprintf("[%v]", k)
	}
	return fmt.Sprintf("[%T]", k)
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// foreignName is what errors call a value whose type is none of a script's.
func foreignName(v any) string {
	if v == nil {
		return "nil"
	}
	switch t := reflect.TypeOf(v); t.Kind() {
	case reflect.Func, reflect.Chan:
		return kindName(t)
	default:
		return fmt.Sprintf("a value of type %T", v)
	}
}
