package schema

import (
	"bytes"
	"maps"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
)

func mustOf[T any](t testing.TB) *Type {
	t.Helper()
	typ, err := Of(reflect.TypeFor[T]())
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func TestOf(t *testing.T) {
	typ := mustOf[everything](t)
	name := typ.Field("name")
	if name.Doc != "the new host name" || name.Position != 0 || name.Optional || name.Limit.Pattern != "^[a-z0-9-]{1,63}$" {
		t.Errorf("name: %+v", name)
	}
	port := typ.Field("port")
	if port.Default != "80" || *port.Limit.Min != 1 || port.Limit.Max != nil || port.Type.Bits != 16 || port.Type.Kind != Uint {
		t.Errorf("port: %+v", port)
	}
	if words := typ.Field("words"); !words.Rest || words.Position != 2 || words.Limit.Pattern != "^[a-z]+$" {
		t.Errorf("words: %+v", words)
	}
	if wait := typ.Field("wait"); wait.Default != "1m30s" || *wait.Limit.Min != 1e9 {
		t.Errorf("wait: %+v", wait)
	}
	if force := typ.Field("force"); !force.Optional || !force.Pointer || force.Type.Kind != Bool {
		t.Errorf("force: %+v", force)
	}
	if typ.Field("Plain") == nil || typ.Field("Skipped") != nil || typ.Field("nothing") != nil {
		t.Error("fields are not those of the codec")
	}
}

// Names and what is skipped are the codec's: the keys of an encoded value are
// the names of the fields.
func TestNamesAreTheCodecs(t *testing.T) {
	type odd struct {
		A int `json:"a"`
		B int `cbor:"b" json:"x"`
		C int `cbor:",omitempty"`
		D int `cbor:"-" json:"d"`
		_ int
		E int `yaml:"q"`
	}
	typ := mustOf[odd](t)
	plan, _ := codec.PlanOf(typ.Go)
	var buf bytes.Buffer
	if err := plan.Append(&buf, &odd{C: 1}, false); err != nil {
		t.Fatal(err)
	}
	v, err := codec.DecodeValue(buf.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for key := range maps.Keys(v.(map[any]any)) {
		want = append(want, key.(string))
	}
	for _, f := range typ.Fields {
		got = append(got, f.Name)
	}
	if slices.Sort(want); !slices.Equal(got, []string{"a", "b", "C", "E"}) || !slices.Equal(want, []string{"C", "E", "a", "b"}) {
		t.Errorf("described as %q, encoded as %q", got, want)
	}
}

func TestKindsByThemselves(t *testing.T) {
	for _, test := range []struct {
		typ  reflect.Type
		kind Kind
	}{
		{reflect.TypeFor[struct{}](), Struct},
		{reflect.TypeFor[string](), String},
		{reflect.TypeFor[[]byte](), Bytes},
		{reflect.TypeFor[[]entry](), List},
		{reflect.TypeFor[*os.File](), File},
		{reflect.TypeFor[time.Duration](), Duration},
		{reflect.TypeFor[map[string]string](), Map},
	} {
		typ, err := Of(test.typ)
		if err != nil || typ.Kind != test.kind || typ.Go != test.typ {
			t.Errorf("%s: %+v, %v", test.typ, typ, err)
		}
	}
}

type tree1 struct {
	Name     string
	Children []tree1
}

func TestRefusedTypes(t *testing.T) {
	for _, test := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[tree1](), "tree1.Children: tree1 contains itself"},
		{reflect.TypeFor[struct{ M map[int]string }](), ".M: a map whose keys are int cannot be described"},
		{reflect.TypeFor[struct{ V any }](), ".V: the interface interface {} cannot cross"},
		{reflect.TypeFor[struct{ A [4]int }](), ".A: an array of fixed length cannot be described"},
		{reflect.TypeFor[struct{ B *big.Int }](), ".B: big.Int crosses in a form of its own"},
		{reflect.TypeFor[struct{ C container.Container }](), ".C: a container is not offered by a service"},
		{reflect.TypeFor[*entry](), "an argument or result that is a pointer cannot be described"},
		{reflect.TypeFor[struct{ F func() }](), ".F: a func cannot cross"},
		{reflect.TypeFor[struct {
			A int `cbor:"a b"`
		}](), `tag cbor: "a b" is no name for a flag`},
		{reflect.TypeFor[struct {
			A int `cbor:"--a"`
		}](), `is no name for a flag`},
	} {
		typ, err := Of(test.typ)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v and %v, want %q", test.typ, typ, err, test.want)
		}
	}
}

// Each mistake in a tag is an error that names the field and the tag.
func TestMistakesInTags(t *testing.T) {
	str, num, list := reflect.TypeFor[string](), reflect.TypeFor[int8](), reflect.TypeFor[[]string]()
	for _, test := range []struct {
		typ  reflect.Type
		tag  string
		want string
	}{
		{str, `pattern:"("`, "tag pattern: it is no regular expression"},
		{str, `pattern:""`, "tag pattern: it is empty"},
		{str, `pattern:"((a{99}){99}){9}"`, "tag pattern: it is"},
		{str, `pattern:"\\Qa"`, "tag pattern: it cannot be made to match whole texts"},
		{num, `pattern:"a"`, "tag pattern is for text, not for an integer"},
		{list, `min:"1"`, "tags min and max are for numbers and durations, not for text"},
		{num, `min:"x"`, `tag min: "x" is no number`},
		{num, `min:"3" max:"2"`, "tag min: 3 is more than max, 2"},
		{num, `max:"128"`, "tag max: 128 is not in the range of the type"},
		{num, `min:"1.5"`, "tag min: 1.5 is not an integer"},
		{num, `min:"NaN"`, "tag min: NaN is not in the range"},
		{reflect.TypeFor[int64](), `max:"9007199254740994"`, "beyond 2^53"},
		{num, `minlen:"1"`, "tags minlen and maxlen are for text"},
		{str, `minlen:"-1"`, `tag minlen: "-1" is no length`},
		{str, `minlen:"3" maxlen:"2"`, "tag minlen: 3 is more than maxlen, 2"},
		{str, `enum:"a,,b"`, "tag enum"},
		{str, `enum:"a,a"`, `tag enum: "a": it is there twice`},
		{num, `enum:"1,x"`, `tag enum: "x": it must be an integer`},
		{num, `enum:"1,5" max:"4"`, `tag enum: "5": it must be at most 4`},
		{reflect.TypeFor[bool](), `enum:"true"`, "tag enum is for text and integers"},
		{str, `default:""`, "tag default: an empty default is none"},
		{num, `default:"300"`, `tag default: "300": it must be at most 127`},
		{num, `max:"5" default:"6"`, `tag default: "6": it must be at most 5`},
		{str, `enum:"a,b" default:"c"`, `tag default: "c": it must be one of a, b`},
		{list, `default:"a"`, "tag default is for simple values"},
		{str, `default:"a" secret:"true"`, "tag default: a secret has no default"},
		{str, `secret:"yes"`, "tag secret"},
		{str, `arg:"first"`, `tag arg: "first" is no position`},
		{str, `arg:"00"`, `tag arg: "00" is no position`},
		{str, `arg:"0..."`, "only a list of simple values takes the rest"},
		{list, `arg:"0"`, `a list takes the rest of the arguments: say "0..."`},
		{reflect.TypeFor[map[string]string](), `arg:"0"`, "only a simple value or a file can be positional"},
		{str, `arg:"1"`, "position 1 leaves a gap"},
		{str, `patern:"a"`, "tag patern: there is no such tag: did you mean pattern?"},
		{str, `Doc:"a"`, "tag Doc: there is no such tag: did you mean doc?"},
		{str, `maxLen:"1"`, "did you mean maxlen?"},
		{str, `defualt:"a"`, "did you mean default?"},
		{str, `args:"0"`, "did you mean arg?"},
		{str, `doc:the name`, "the tags are malformed"},
		{reflect.TypeFor[time.Duration](), `min:"5"`, `tag min: "5" is no duration`},
	} {
		typ := reflect.StructOf([]reflect.StructField{{Name: "F", Type: test.typ, Tag: reflect.StructTag(test.tag)}})
		_, err := Of(typ)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), ".F") && !strings.Contains(err.Error(), "F: ") {
			t.Errorf("%s `%s`: got %v, want %q", test.typ, test.tag, err, test.want)
		}
	}
}

func TestForeignTagsPass(t *testing.T) {
	mustOf[struct {
		A string `cbor:"a" yaml:"a" toml:"a" xml:"a" db:"a" validate:"required" mapstructure:"a" bson:"a" map:"x"`
	}](t)
}

func TestPositions(t *testing.T) {
	for _, test := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[struct {
			A string `arg:"0"`
			B string `arg:"0"`
		}](), "B: tag arg: position 0 is that of A already"},
		{reflect.TypeFor[struct {
			A []string `arg:"0..."`
			B string   `arg:"1"`
		}](), "B: tag arg: A before it takes all the rest"},
		{reflect.TypeFor[struct {
			A *string `arg:"0"`
			B string  `arg:"1"`
		}](), "B: tag arg: it must be given, but A before it may be left out"},
		{reflect.TypeFor[struct {
			A string   `arg:"0" default:"x"`
			B []string `arg:"1..." minlen:"1"`
		}](), "B: tag arg: it must be given"},
		{reflect.TypeFor[struct {
			A struct {
				B string `arg:"0"`
			}
		}](), "only fields of the argument itself can be positional"},
	} {
		if _, err := Of(test.typ); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.typ, err, test.want)
		}
	}
}

func TestAnchored(t *testing.T) {
	for pattern, want := range map[string]string{
		"[a-z]+": "^[a-z]+$", "^a$": "^a$", "^a": "^a$", "a$": "^a$", "a|b": "^(?:a|b)$", "^a|b$": "^(?:^a|b$)$",
		"^(a|b)$": "^(a|b)$", "(?i)abc": "^(?:(?i)abc)$", `a\$`: `^a\$$`, "(?m)^a$": "^(?:(?m)^a$)$", ".": "^.$",
	} {
		got, err := anchored(pattern)
		if err != nil || got != want {
			t.Errorf("%q becomes %q, %v; want %q", pattern, got, err, want)
		}
		if again, err := anchored(got); again != got || err != nil {
			t.Errorf("%q becomes %q, %v", got, again, err)
		}
	}
}
