package codec

import (
	"bytes"
	"io"
	"math/big"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/container"
)

type helloArgs struct {
	Name  string
	N     int64
	Ratio float64
}

type tree struct {
	Name string
	Kids []tree
	Up   *tree `cbor:"up,omitempty"`
}

type everything struct {
	B      bool
	I8     int8
	U16    uint16
	F32    float32
	S      string `cbor:"s"`
	Raw    []byte
	Fixed  [4]byte
	Ints   [3]int
	At     time.Time
	Wait   time.Duration
	Big    *big.Int
	BigV   big.Int
	Addr   netip.Addr
	Inner  helloArgs
	Ptr    *helloArgs `cbor:",omitempty"`
	List   []helloArgs
	ByName map[string]helloArgs
	ByAddr map[netip.Addr]int
	Rec    tree
	hidden int    `cbor:"-"`
	Opt    string `cbor:"opt,omitempty"`
}

type beside struct {
	Head string
	Body io.Reader
	N    int
	Data container.Container
	F    *os.File
	S    *testStream
	Tail []byte
	RC   io.ReadCloser
}

type testStream struct{ _ chan int }

func (*testStream) OutworkStream() *StreamEnd { return nil }

func full() everything {
	h := helloArgs{"x", -1, 2.5}
	at := time.Date(2026, 2, 3, 4, 5, 6, 789, time.FixedZone("", 3600))
	return everything{
		B: true, I8: -128, U16: 65535, F32: 1.5, S: "é", Raw: []byte{0xf6}, Fixed: [4]byte{1, 2},
		Ints: [3]int{1, -2, 3}, At: at, Wait: time.Second, Big: new(big.Int).Lsh(big.NewInt(-3), 90),
		BigV: *big.NewInt(7), Addr: netip.MustParseAddr("::1"), Inner: h, Ptr: &h,
		List: []helloArgs{h, {}}, ByName: map[string]helloArgs{"a": h},
		ByAddr: map[netip.Addr]int{netip.MustParseAddr("1.2.3.4"): 5},
		Rec:    tree{Name: "r", Kids: []tree{{Name: "k", Up: &tree{Name: "u"}}}},
	}
}

func mustPlan[T any](t testing.TB) *Plan {
	t.Helper()
	p, err := PlanOf(reflect.TypeFor[T]())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func roundTrip[T any](t *testing.T, in T, positional bool) T {
	t.Helper()
	p := mustPlan[T](t)
	var buf bytes.Buffer
	buf.WriteString("before")
	if err := p.Append(&buf, &in, positional); err != nil {
		t.Fatalf("Append(%T, positional %v): %v", in, positional, err)
	}
	data := append(buf.Bytes()[len("before"):], "after"...)
	var out T
	rest, err := p.Decode(data, &out, positional)
	if err != nil {
		t.Fatalf("Decode(%T, positional %v): %v: %x", in, positional, err, data)
	}
	if string(rest) != "after" {
		t.Fatalf("rest is %q", rest)
	}
	return out
}

func same[T any](t *testing.T, in T) {
	t.Helper()
	for _, positional := range []bool{true, false} {
		if out := roundTrip(t, in, positional); !reflect.DeepEqual(in, out) {
			t.Errorf("positional %v: got %+v, want %+v", positional, out, in)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	same(t, helloArgs{"a", 1, 2})
	same(t, struct{}{})
	same(t, 5)
	same(t, "text")
	same(t, []byte("bytes"))
	same(t, []byte(nil))
	same(t, []string{"", "a"})
	same(t, map[string][]helloArgs{"a": {{}}})
	same(t, &helloArgs{Name: "p"})
	same(t, (*helloArgs)(nil))
	same(t, []*helloArgs{nil, {}})
	same(t, [2]helloArgs{{N: 1}})
	same(t, tree{Name: "a", Kids: []tree{{Name: "b", Kids: []tree{}}}})
	same(t, time.Time{})
	same(t, struct {
		Name string
		T    tree
		Z    struct{}
	}{"n", tree{Name: "x"}, struct{}{}})
}

func TestRoundTripEverything(t *testing.T) {
	for _, positional := range []bool{true, false} {
		in := full()
		in.hidden = 0
		out := roundTrip(t, in, positional)
		if !in.At.Equal(out.At) || in.At.Format(time.RFC3339Nano) != out.At.Format(time.RFC3339Nano) {
			t.Errorf("time: got %v, want %v", out.At, in.At)
		}
		out.At = in.At
		if !reflect.DeepEqual(in, out) {
			t.Errorf("positional %v:\n got %+v\nwant %+v", positional, out, in)
		}
	}
}

func TestBeside(t *testing.T) {
	in := beside{Head: "h", Body: strings.NewReader("x"), N: 3, Tail: []byte("t"), S: &testStream{}}
	for _, positional := range []bool{true, false} {
		out := roundTrip(t, in, positional)
		if want := (beside{Head: "h", N: 3, Tail: []byte("t")}); !reflect.DeepEqual(out, want) {
			t.Errorf("got %+v", out)
		}
	}
}
