package codec

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/outwork-go/outwork/container"
)

type (
	halfText int
	onlyRead string
	withTime struct {
		time.Time
		N int
	}
	myTime struct{ time.Time }
	ring   struct {
		Body io.Reader
		Next *ring
	}
	base struct{ ID int }
	Base struct{ ID int }
)

func (halfText) MarshalText() ([]byte, error)  { return nil, nil }
func (*onlyRead) UnmarshalText(_ []byte) error { return nil }

func TestPlanOfRefuses(t *testing.T) {
	type inner struct{ Done chan int }
	for want, v := range map[string]any{
		"outer.Inner.Done: a chan cannot cross": func() any {
			type outer struct{ Inner inner }
			return outer{}
		}(),
		".F: a func cannot cross":                     struct{ F func() }{},
		".L[].Done: a chan cannot cross":              struct{ L []inner }{},
		".M[].Done: a chan cannot cross":              struct{ M map[string]*inner }{},
		".P: an unsafe.Pointer cannot cross":          struct{ P unsafe.Pointer }{},
		".U: a uintptr cannot cross":                  struct{ U uintptr }{},
		".C: a complex number cannot cross":           struct{ C complex128 }{},
		".A: the interface interface {} cannot cross": struct{ A any }{},
		".E: the interface error cannot cross":        struct{ E error }{},
		".x: an unexported field cannot cross":        struct{ x int }{},
		".X: it is left out of JSON": struct {
			X int `json:"-"`
		}{},
		".X: the tag option keyasint": struct {
			X int `cbor:"1,keyasint"`
		}{},
		"._: the tag option toarray": struct {
			_ struct{} `cbor:",toarray"`
		}{},
		".B: another field is called \"A\" too": struct {
			A int
			B int `cbor:"A"`
		}{},
		".base: an embedded struct cannot cross": struct {
			base `cbor:",omitempty"`
		}{},
		".H: codec.halfText has MarshalText but no Unmarsh":  struct{ H halfText }{},
		".H: codec.onlyRead has UnmarshalText but no Marsh":  struct{ H onlyRead }{},
		"withTime: codec.withTime marshals itself as its em": withTime{},
		".M: a map whose keys are float64":                   struct{ M map[float64]int }{},
		".M: a map whose keys are codec.base":                struct{ M map[base]int }{},
		".P: a pointer to a pointer":                         struct{ P **int }{},
		".L[]: an io.Reader can cross only as the argum":     struct{ L []io.Reader }{},
		".I.C: a container.Container can cross only": struct {
			I struct{ C container.Container }
		}{},
		".I.F: a *os.File can cross only":                                  struct{ I struct{ F *os.File } }{},
		"ring.Body: io.Reader cannot cross in a type that contains itself": ring{},
		"io.ReadSeeker cannot cross":                                       struct{ R io.ReadSeeker }{},
		".F.":                                                              struct{ F os.File }{},
	} {
		_, err := PlanOf(reflect.TypeOf(v))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("PlanOf(%T): %v; want %q", v, err, want)
		}
	}
}

func TestPlanOfRefusesDepth(t *testing.T) {
	typ := reflect.TypeFor[int]()
	for range MaxDepth {
		typ = reflect.SliceOf(typ)
	}
	if _, err := PlanOf(typ); err != nil {
		t.Error(err)
	}
	if _, err := PlanOf(reflect.SliceOf(typ)); err == nil {
		t.Error("a deeper type is allowed")
	}
}

func TestPlanOfAllows(t *testing.T) {
	same(t, struct {
		Base `cbor:"base"`
		_    [4]byte
		skip chan int `cbor:"-"`
		T    []myTime
	}{Base: Base{1}, T: []myTime{{time.Unix(5, 6).UTC()}}})
}

func TestSignature(t *testing.T) {
	type local struct {
		A helloArgs `cbor:"a,omitempty"`
		B *helloArgs
		C time.Duration
		D map[string][2]byte
	}
	for want, typ := range map[string]reflect.Type{
		"helloArgs{Name string; N int64; Ratio float64}":                                                                     reflect.TypeFor[helloArgs](),
		`tree{Name string; Kids []tree; Up *tree "up,omitempty"}`:                                                            reflect.TypeFor[tree](),
		`local{A helloArgs{Name string; N int64; Ratio float64} "a,omitempty"; B *helloArgs; C int64; D map[string][2]byte}`: reflect.TypeFor[local](),
		"[]struct{X int}":  reflect.TypeFor[[]struct{ X int }](),
		"reader io.Reader": reflect.TypeFor[io.Reader](),
		"struct{A time.Time; B net/netip.Addr as binary}": reflect.TypeFor[struct {
			A time.Time
			B netip.Addr
		}](),
	} {
		p, err := PlanOf(typ)
		if err != nil {
			t.Errorf("%v: %v", typ, err)
		} else if p.Signature() != want {
			t.Errorf("got  %s\nwant %s", p.Signature(), want)
		}
	}
}

func TestSignatureOfTwins(t *testing.T) {
	twin := func() reflect.Type {
		type base struct{ Name string }
		return reflect.TypeFor[base]()
	}()
	typ := reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: reflect.TypeFor[base]()}, {Name: "B", Type: twin}, {Name: "C", Type: reflect.TypeFor[base]()},
	})
	p, err := PlanOf(typ)
	if err != nil {
		t.Fatal(err)
	}
	if want := "struct{A base{ID int}; B base#2{Name string}; C base}"; p.Signature() != want {
		t.Errorf("got %s, want %s", p.Signature(), want)
	}
}

func TestCrossings(t *testing.T) {
	p := mustPlan[beside](t)
	var got []string
	for _, c := range p.Crossings() {
		got = append(got, c.Name+" "+c.Kind.String())
	}
	want := "beside.Head bytes,beside.Body reader,beside.Data container,beside.F file,beside.S stream,beside.Tail bytes,beside.RC reader"
	if strings.Join(got, ",") != want {
		t.Errorf("got %v", got)
	}
	v := &beside{}
	cs := p.Crossings()
	*cs[0].StringOf(v) = "head"
	cs[1].Of(v).Set(reflect.ValueOf(os.Stdin))
	*cs[5].BytesOf(v) = []byte("tail")
	if v.Head != "head" || v.Body != os.Stdin || string(v.Tail) != "tail" {
		t.Errorf("got %+v", v)
	}
	defer func() {
		if recover() == nil {
			t.Error("a pointer to another type is taken")
		}
	}()
	cs[0].Of(&helloArgs{})
}

func TestCrossingItself(t *testing.T) {
	type blob []byte
	for typ, kind := range map[reflect.Type]Kind{
		reflect.TypeFor[blob](): Bytes, reflect.TypeFor[string](): Bytes, reflect.TypeFor[io.ReadCloser](): Reader,
		reflect.TypeFor[container.Container](): Container, reflect.TypeFor[*os.File](): File, reflect.TypeFor[testStream](): Stream,
	} {
		p, err := PlanOf(typ)
		if err != nil {
			t.Fatal(err)
		}
		if cs := p.Crossings(); len(cs) != 1 || cs[0].Kind != kind || cs[0].Index != -1 || cs[0].Type != typ {
			t.Errorf("%v: %+v", typ, cs)
		}
	}
	reader := mustPlan[io.Reader](t)
	var buf bytes.Buffer
	r, out := io.Reader(os.Stdin), io.Reader(os.Stderr)
	if err := reader.Append(&buf, &r, true); err != nil || buf.String() != "\xf6" {
		t.Errorf("got %x, %v", buf.Bytes(), err)
	}
	if rest, err := reader.Decode(buf.Bytes(), &out, true); err != nil || len(rest) > 0 || out != os.Stderr {
		t.Errorf("got %v, %x, %v", out, rest, err)
	}
}
