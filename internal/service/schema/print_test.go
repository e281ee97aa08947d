package schema

import (
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestAppendJSON(t *testing.T) {
	typ := mustOf[everything](t)
	e := valid()
	e.Key, e.Note, e.Big = []byte("abc"), new("a\"\n\x1b\xff\u202e😀\u2028"), 1<<64-1
	e.When, e.IP = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), net.IPv4(10, 0, 0, 1)
	e.Entries[0].Token = "hunter2"
	const body = `"name":"web1","port":80,"words":["a"],"count":0,"big":18446744073709551615,"ratio":0.1,"exact":0,`
	const middle = `"wait":"1s","when":"2026-01-02T03:04:05.000000006Z","ip":"10.0.0.1",` +
		`"note":"a\"\n\u001b\ufffd\u202e😀\u2028","entries":[{"name":"x","token":`
	for _, test := range []struct {
		mode Mode
		want string
	}{
		{InFull, "{" + body + `"key":"YWJj",` + middle + `"hunter2"}],"labels":{"k":1},"Plain":false}`},
		{ForRecords, "{" + body + `"key":"[redacted]",` + middle + `"[redacted]"}],"labels":{"k":1},"Plain":false}`},
	} {
		if got := string(typ.AppendJSON([]byte("> "), &e, test.mode)); got != "> "+test.want {
			t.Errorf("mode %d:\n got %s\nwant > %s", test.mode, got, test.want)
		}
	}
}

func TestAppendJSONNamesFiles(t *testing.T) {
	typ := mustOf[withFile](t)
	if got := string(typ.AppendJSON(nil, &withFile{File: os.Stdin, Mode: "r"}, ForRecords)); got != `{"file":"[file]","mode":"r"}` {
		t.Error(got)
	}
	if got := string(typ.AppendJSON(nil, &withFile{}, ForRecords)); got != `{"file":null,"mode":""}` {
		t.Error(got)
	}
}

// panics has a text form that is wrong.
type panics struct{}

func (panics) MarshalText() ([]byte, error) { panic("the secret of the stack") }

func (*panics) UnmarshalText([]byte) error { return nil }

func TestPanicOfText(t *testing.T) {
	type args struct {
		Bad panics `cbor:"bad"`
	}
	for _, mode := range []Mode{ForRecords, InFull} {
		if got := string(mustOf[args](t).AppendJSON(nil, &args{}, mode)); got != `{"bad":"[no text: its MarshalText panics]"}` {
			t.Errorf("got %s", got)
		}
	}
}

// A record is short whatever is in it, says what was cut, and is JSON.
func TestRecordsAreShort(t *testing.T) {
	type big struct {
		Text   string
		Bytes  []byte
		List   []string
		Map    map[string]string
		Nested [][]entry
		Last   string
	}
	typ := mustOf[big](t)
	v := big{
		Text: strings.Repeat("\x01", 1<<20), Bytes: make([]byte, 1<<20), List: make([]string, 1<<20),
		Map: map[string]string{}, Nested: make([][]entry, 1<<16),
	}
	for i := range 1 << 16 {
		v.Map[strings.Repeat("k", i%9)+string(rune('a'+i%26))+time.Duration(i).String()] = "v"
	}
	for range 2 {
		got := typ.AppendJSON(nil, &v, ForRecords)
		if len(got) > MaxRecord+2*MaxRecordText || !json.Valid(got) || !strings.Contains(string(got), "[cut") {
			t.Errorf("%d bytes, valid %v: %.200s", len(got), json.Valid(got), got)
		}
		v.List = nil // so that the others are reached
	}
	if full := typ.AppendJSON(nil, &v, InFull); !json.Valid(full) || len(full) < 7<<20 {
		t.Errorf("in full: %d bytes", len(full))
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\x00\n\xff\u202e\u0085", 10)
	f.Fuzz(func(t *testing.T, s string, most int) {
		got, _ := appendString(nil, s, most)
		var back string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		if !utf8.Valid(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		for _, r := range string(got) {
			if r != ' ' && !unicode.IsPrint(r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		whole, _ := appendString(nil, s, 1<<30)
		if err := json.Unmarshal(whole, &back); err != nil || back != strings.ToValidUTF8(s, "") && utf8.ValidString(s) {
			t.Fatalf("%q came back as %q, %v", s, back, err)
		}
	})
}
