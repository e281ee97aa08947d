package schema

import (
	"encoding"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
)

const (
	// MaxRecordText is how many bytes of one text are recorded, about.
	MaxRecordText = 4 << 10

	// MaxRecord is after how many bytes of JSON a record of a value is cut. It
	// is longer by a text and the names of the fields around it at most.
	MaxRecord = 32 << 10

	// maxRecordEntries is how many entries of a map are put in order for a
	// record. Of a larger map only the number is told.
	maxRecordEntries = 1 << 10
)

// Mode is what a value is printed for.
type Mode uint8

const (
	// ForRecords is one line for an audit, of a value that nobody may have
	// checked yet: what is secret is "[redacted]", what is long is cut and says
	// so, and files, readers and streams are named in brackets.
	ForRecords Mode = iota

	// InFull is all of a result, for who asked for it, secrets too. Numbers
	// that JSON has not are text. It is UTF-8, and safe on a terminal.
	InFull
)

// AppendJSON appends the value that ptr, a pointer to t's Go type, points to, as
// one line of JSON in the form that SetJSON reads. Optional fields that are
// absent are left out.
func (t *Type) AppendJSON(buf []byte, ptr any, mode Mode) []byte {
	w := printer{buf: buf, text: math.MaxInt, most: math.MaxInt}
	if mode == ForRecords {
		w = printer{buf: buf, redact: true, text: MaxRecordText, most: len(buf) + MaxRecord}
	}
	w.value(t, reflect.ValueOf(ptr).Elem())
	return w.buf
}

// A printer writes JSON.
type printer struct {
	buf    []byte
	redact bool
	text   int // bytes of one text
	most   int // length of buf at which the rest is cut
}

func (w *printer) put(s string) { w.buf = append(w.buf, s...) }

func (w *printer) full() bool { return len(w.buf) >= w.most }

// appendCut appends the mark of what was cut.
func appendCut(buf []byte, n int, of string) []byte {
	return fmt.Appendf(buf, "…[cut: %d %s in all]", n, of)
}

func (w *printer) value(t *Type, v reflect.Value) {
	if v.Kind() == reflect.Pointer && t.Kind != File && t.Kind != Stream {
		if v.IsNil() {
			w.put("null")
			return
		}
		v = v.Elem()
	}
	switch t.Kind {
	case Struct:
		w.object(t, v)
	case List:
		w.list(t, v)
	case Map:
		w.mapping(t, v)
	case File, Reader, Stream:
		w.beside(t, v)
	default:
		w.scalar(t, v)
	}
}

func (w *printer) object(t *Type, v reflect.Value) {
	w.put("{")
	first := true
	for i := range t.Fields {
		f := &t.Fields[i]
		if f.absent(v.Field(f.Index)) {
			continue
		}
		if !first {
			w.put(",")
		}
		if first = false; w.full() {
			w.put(`"…":"[cut]"`)
			break
		}
		w.string(f.Name)
		w.put(":")
		w.field(f, v.Field(f.Index))
	}
	w.put("}")
}

func (w *printer) field(f *Field, v reflect.Value) {
	if f.Secret && w.redact {
		w.put(`"[redacted]"`)
		return
	}
	w.value(f.Type, v)
}

func (w *printer) list(t *Type, v reflect.Value) {
	w.put("[")
	for i := range v.Len() {
		if i > 0 {
			w.put(",")
		}
		if w.full() {
			w.buf = append(appendCut(append(w.buf, '"'), v.Len(), "elements"), '"')
			break
		}
		w.value(t.Elem, v.Index(i))
	}
	w.put("]")
}

// mapping writes the entries by key, in order.
func (w *printer) mapping(t *Type, v reflect.Value) {
	w.put("{")
	var keys []reflect.Value
	if tooMany := w.redact && v.Len() > maxRecordEntries; tooMany {
		w.cutEntries(v.Len())
	} else {
		keys = sortedKeys(v)
	}
	for i, key := range keys {
		if i > 0 {
			w.put(",")
		}
		if w.full() {
			w.cutEntries(v.Len())
			break
		}
		w.string(key.String())
		w.put(":")
		w.value(t.Elem, v.MapIndex(key))
	}
	w.put("}")
}

func (w *printer) cutEntries(n int) {
	w.put(`"…":"`)
	w.buf = append(appendCut(w.buf, n, "entries"), '"')
}

func sortedKeys(v reflect.Value) []reflect.Value {
	byText := make(map[string]reflect.Value, v.Len())
	for it := v.MapRange(); it.Next(); {
		byText[it.Key().String()] = it.Key()
	}
	keys := make([]reflect.Value, 0, len(byText))
	for _, text := range slices.Sorted(maps.Keys(byText)) {
		keys = append(keys, byText[text])
	}
	return keys
}

func (w *printer) string(s string) { w.buf, _ = appendString(w.buf, s, w.text) }

// beside names what travels beside the CBOR and has no JSON.
func (w *printer) beside(t *Type, v reflect.Value) {
	names := map[Kind]string{File: `"[file]"`, Reader: `"[reader]"`, Stream: `"[stream]"`}
	if missing(t, v) != nil {
		w.put("null")
		return
	}
	w.put(names[t.Kind])
}

func (w *printer) scalar(t *Type, v reflect.Value) {
	switch t.Kind {
	case Bool:
		w.buf = strconv.AppendBool(w.buf, v.Bool())
	case Int:
		w.buf = strconv.AppendInt(w.buf, v.Int(), 10)
	case Uint:
		w.buf = strconv.AppendUint(w.buf, v.Uint(), 10)
	case Float:
		w.float(v.Float(), t.Bits)
	case Bytes:
		w.bytes(v.Bytes())
	default:
		w.string(t.text(v))
	}
}

func (w *printer) float(n float64, bits int) {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		w.string(strconv.FormatFloat(n, 'g', -1, 64))
		return
	}
	w.put(formatFloat(n, bits))
}

func (w *printer) bytes(b []byte) {
	w.put(`"`)
	short := b
	if len(short) > w.text/4*3 {
		short = short[:w.text/4*3]
	}
	w.buf = base64.StdEncoding.AppendEncode(w.buf, short)
	if len(short) < len(b) {
		w.buf = appendCut(w.buf, len(b), "bytes")
	}
	w.put(`"`)
}

// text is a scalar as a command line has it.
func (t *Type) text(v reflect.Value) string {
	switch t.Kind {
	case String:
		return v.String()
	case Bytes:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case Time:
		return v.Interface().(time.Time).Format(time.RFC3339Nano)
	case Duration:
		return time.Duration(v.Int()).String()
	case Text:
		return marshalled(v)
	}
	w := printer{text: math.MaxInt, most: math.MaxInt}
	w.scalar(t, v)
	return string(w.buf)
}

// marshalled is the text of a type that has a form of its own. A value that has
// none, as nobody has checked it yet, is told by its error.
func marshalled(v reflect.Value) string {
	if v.Kind() == reflect.String && !v.Type().Implements(reflect.TypeFor[encoding.TextMarshaler]()) &&
		!reflect.PointerTo(v.Type()).Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return v.String() // made from a JSON Schema
	}
	ptr := reflect.New(v.Type())
	ptr.Elem().Set(v)
	return ownText(ptr.Interface().(encoding.TextMarshaler))
}

// ownText is the text of m. What a panic says is for nobody who reads values.
func ownText(m encoding.TextMarshaler) (text string) {
	defer func() {
		if recover() != nil {
			text = "[no text: its MarshalText panics]"
		}
	}()
	b, err := m.MarshalText()
	if err != nil {
		return "[" + err.Error() + "]"
	}
	return string(b)
}
