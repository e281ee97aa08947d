package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

var (
	point = Must("POINT", "x i16\ny i16")
	thing = Must("THING", `
		magic  char[4]
		small  u8
		big    u32be
		word   u16
		ratio  f32
		points [2]POINT
		raw    bytes[3]
		name   cstring(8)
		last   i64`, point).Note("word", Enum{7: "SEVEN"}).Note("small", Flags{{Mask: 1, Name: "ONE"}, {Mask: 6, Value: 2, Name: "TWO"}})
)

// things is a THING, behind four bytes.
var things = []byte("skip" +
	"AB\x00D" + "\x0b" + "\x00\x00\x01\x04" + "\x07\x00" + "\x00\x00\x80\x3f" +
	"\x01\x00\xff\xff\x02\x00\x03\x00" + "\xaa\xbb\xcc" + "hi\x00" + "\xfe\xff\xff\xff\xff\xff\xff\xff")

func TestRead(t *testing.T) {
	rec, err := thing.Read(bytes.NewReader(things), 4, Little)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, n := range rec.Nodes("it", 0) {
		fmt.Fprintf(&got, "%s%s|%s|%#x+%d|%s|%s\n", strings.Repeat(" ", n.Depth), n.Name, n.Type, n.Offset, n.Size, n.Text, n.Note)
	}
	const want = `it|THING|0x4+37||
 magic|char[4]|0x4+4|"AB"|
 small|u8|0x8+1|0xb|ONE TWO 0x8
 big|u32be|0x9+4|0x104|
 word|u16le|0xd+2|7|SEVEN
 ratio|f32le|0xf+4|1|
 points|[2]POINT|0x13+8||
  [0]|POINT|0x13+4||
   x|i16le|0x13+2|1|
   y|i16le|0x15+2|-1|
  [1]|POINT|0x17+4||
   x|i16le|0x17+2|2|
   y|i16le|0x19+2|3|
 raw|bytes[3]|0x1b+3|aabbcc|
 name|cstring(8)|0x1e+3|"hi"|
 last|i64le|0x21+8|-2|
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", &got, want)
	}
	if v := rec.Field("points").List()[1].Record(); v.Int("x") != 2 || v.FieldOffset("y") != 0x19 {
		t.Errorf("points[1]: x is %d, y is at %#x", v.Int("x"), v.FieldOffset("y"))
	}
	if rec.Text("name") != "hi" || rec.Uint("word") != 7 || rec.Field("ratio").Float() != 1 || rec.Int("last") != -2 {
		t.Error("a value is wrong by its name")
	}
	if _, ok := rec.Get("none"); ok {
		t.Error("there is a field that the structure does not have")
	}
}

func TestAny(t *testing.T) {
	rec, err := thing.Read(bytes.NewReader(things), 4, Little)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"magic": "string AB", "small": "uint64 11", "ratio": "float64 1", "raw": "[]uint8 [170 187 204]", "last": "int64 -2",
	} {
		if got := rec.Field(name).Any(); fmt.Sprintf("%T %v", got, got) != want {
			t.Errorf("%s: %T %v, want %s", name, got, got, want)
		}
	}
	if all, ok := rec.Field("points").Any().([]any); !ok || len(all) != 2 || all[0].(Record).Int("y") != -1 {
		t.Errorf("points: %v", rec.Field("points").Any())
	}
}

func TestOrder(t *testing.T) {
	s := Must("S", "a u16\nb u16le\nc u16be\nd [2]u8\ne u64\nf f64")
	data := []byte("\x01\x02\x01\x02\x01\x02\x01\x02\x00\x00\x00\x00\x00\x00\x01\x00\x40\x00\x00\x00\x00\x00\x00\x00")
	rec, err := s.Read(bytes.NewReader(data), 0, Big)
	if err != nil {
		t.Fatal(err)
	}
	if a, b, c, e := rec.Uint("a"), rec.Uint("b"), rec.Uint("c"), rec.Uint("e"); a != 0x102 || b != 0x201 || c != 0x102 || e != 0x100 {
		t.Errorf("%#x %#x %#x %#x", a, b, c, e)
	}
	if a, b := rec.Field("a").Type(), rec.Field("b").Type(); a != "u16be" || b != "u16le" {
		t.Errorf("types %s and %s", a, b)
	}
	if f := rec.Field("f").Float(); f != 2 {
		t.Errorf("f is %v", f)
	}
}

// counting counts reads.
type counting struct {
	io.ReaderAt
	n int
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.n++
	return c.ReaderAt.ReadAt(p, off)
}

func TestFixedStructureIsReadAtOnce(t *testing.T) {
	s := Must("S", "a u8\nb [100]POINT", point)
	r := &counting{ReaderAt: bytes.NewReader(make([]byte, 500))}
	if _, err := s.Read(r, 1, Little); err != nil || r.n != 1 {
		t.Errorf("%d reads, error %v", r.n, err)
	}
	if n, exact := s.Size(); n != 401 || !exact {
		t.Errorf("%d bytes, exact: %v", n, exact)
	}
}

// broken fails from an offset on.
type broken struct{ from int64 }

var errBroken = errors.New("the disk is broken")

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	n := max(0, min(int64(len(p)), b.from-off))
	if n < int64(len(p)) {
		return int(n), errBroken
	}
	return int(n), nil
}

func TestReadErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		r    io.ReaderAt
		off  int64
		s    *Struct
		want string
		is   error
	}{
		{"end in a nested field", bytes.NewReader(things[:0x18]), 4, thing, "THING: the bytes end before the 2 of points[1].x at 0x17", io.ErrUnexpectedEOF},
		{"end at once", bytes.NewReader(nil), 0, point, "POINT: the bytes end before the 2 of x at 0x0", io.ErrUnexpectedEOF},
		{"no NUL", bytes.NewReader([]byte("0123456789")), 0, Must("S", "s cstring(8)"), "S: s at 0x0: no NUL ends it within 9 bytes", nil},
		{"end before the NUL", bytes.NewReader([]byte("0123456")), 0, Must("S", "s cstring(8)"), "S: the bytes end before the 8 of s at 0x0", io.ErrUnexpectedEOF},
		{"the reader fails", broken{3}, 0, Must("S", "a u16\nb u16"), "S: b at 0x2: the disk is broken", errBroken},
		{"below zero", broken{3}, -1, point, "POINT: there are no bytes at -1", nil},
		{"beyond all", broken{3}, 1<<63 - 1, point, "POINT: there are no bytes at 9223372036854775807", nil},
	} {
		_, err := test.s.Read(test.r, test.off, Little)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
		if test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: it does not match %v", test.name, test.is)
		}
	}
	if _, err := Must("S", "a u16").Read(broken{2}, 0, Little); err != nil {
		t.Errorf("an error behind the structure counts: %v", err)
	}
	// A string may end just before what cannot be read.
	if rec, err := Must("S", "s cstring(100)").Read(broken{1}, 0, Little); err != nil || rec.Size() != 1 {
		t.Errorf("a string of zero bytes: %v", err)
	}
}

func TestNewErrors(t *testing.T) {
	nest := point
	for range MaxDepth - 1 {
		nest = Must("POINT", "p POINT\nq [1]u8", nest)
	}
	for _, test := range []struct{ name, typ, want string }{
		{"a", "u24", `S: the field "a": "u24" is no type: there are u8 to u64, i8 to i64, f32, f64, char[N], bytes[N], cstring(N), and [N] before a type`},
		{"", "u8", "S: field 1: it has no name"},
		{"\xff", "u8", "S: field 1: its name is not UTF-8"},
		{strings.Repeat("a", 257), "u8", "S: field 1: its name has more than 256 bytes"},
		{"a", strings.Repeat("[1]", 100) + "u8", `S: the field "a": its type has more than 256 bytes`},
		{"a", strings.Repeat("[1]", 80) + "u8", `S: the field "a": more than 16 arrays and structures inside each other`},
		{"a", "[65537]u8", `S: the field "a": an array needs a number of elements, at most 65536, as in [N]u8`},
		{"a", "[65536]u8", `S: the field "a": more than 65536 values`},
		{"a", "[-1]u8", `S: the field "a": an array needs a number of elements, at most 65536, as in [N]u8`},
		{"a", "[3", `S: the field "a": an array needs a number of elements, at most 65536, as in [N]u8`},
		{"a", "[60000][60000]u64", `S: the field "a": more than 65536 values`},
		{"a", "[2]bytes[1048576]", `S: the field "a": more than 1048576 bytes`},
		{"a", "char[1048577]", `S: the field "a": "char[1048577]" needs a number of bytes, at most 1048576, as in char[N]`},
		{"a", "cstring[3]", `S: the field "a": "cstring[3]" is no type: there are u8 to u64, i8 to i64, f32, f64, char[N], bytes[N], cstring(N), and [N] before a type`},
		{"a", "POINT", `S: the field "a": more than 16 arrays and structures inside each other`},
	} {
		_, err := New("S", []Field{{test.name, test.typ}}, nil, nest)
		if err == nil || err.Error() != test.want {
			t.Errorf("%q %q:\n%v, want\n%s", test.name, test.typ, err, test.want)
		}
	}
	if _, err := New("S", []Field{{"a", "u8"}, {"a", "u8"}}); err == nil || err.Error() != `S: the field "a" is there twice` {
		t.Error(err)
	}
	if _, err := New("", nil); err == nil {
		t.Error("a structure needs no name")
	}
}

func TestMistakesInSourcePanic(t *testing.T) {
	for name, f := range map[string]func(){
		"a line of three words": func() { Must("S", "a u8 x") },
		"a type":                func() { Must("S", "a b") },
		"a note":                func() { Must("S", "a u8").Note("b", Enum{}) },
		"a field":               func() { Record{}.Uint("a") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestTextForPeople(t *testing.T) {
	s := Must("S", "c char[3]\nb bytes[40]")
	rec, err := s.Read(bytes.NewReader(append([]byte("\x1b\xff\""), make([]byte, 40)...)), 0, Little)
	if err != nil {
		t.Fatal(err)
	}
	if got := rec.Field("c").String(); got != `"\x1b\xff\""` {
		t.Error(got)
	}
	if got := rec.Field("b").String(); got != strings.Repeat("00", 32)+"..." {
		t.Error(got)
	}
}
