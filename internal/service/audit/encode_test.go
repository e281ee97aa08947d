package audit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/service/logging/journal/journaltest"
)

var full = Record{
	Time: time.Date(2026, 1, 2, 3, 4, 5, 600, time.FixedZone("", 3600)), Request: "abc-1",
	UID: 1000, GID: 100, Groups: []uint32{100, 200}, PID: 42, Exe: "/usr/bin/hostctl", Label: "unconfined",
	Function: "hostname.set", Args: json.RawMessage(`{"name":"web1"}`), Decision: "allowed", Rule: "10.yaml:3",
	Result: ResultOK, Error: "none", Duration: 1500, Count: 3, First: time.Unix(0, 0),
}

func TestAppendJSON(t *testing.T) {
	for event, want := range map[string]string{
		EventDone:   `{"time":"2026-01-02T02:04:05.0000006Z","event":"done","request":"abc-1","uid":1000,"gid":100,"pid":42,"function":"hostname.set","result":"ok","error":"none","duration_ns":1500,"count":3,"first":"1970-01-01T00:00:00Z"}`,
		EventDenied: `{"time":"2026-01-02T02:04:05.0000006Z","event":"denied","request":"abc-1","uid":1000,"gid":100,"pid":42,"groups":[100,200],"exe":"/usr/bin/hostctl","label":"unconfined","function":"hostname.set","args":{"name":"web1"},"decision":"allowed","rule":"10.yaml:3","result":"ok","error":"none","count":3,"first":"1970-01-01T00:00:00Z"}`,
		EventOthers: `{"time":"2026-01-02T02:04:05.0000006Z","event":"others","request":"abc-1","result":"ok","error":"none","count":3,"first":"1970-01-01T00:00:00Z"}`,
	} {
		r := full
		r.Event = event
		if got := string(appendJSON(nil, &r)); got != want+"\n" {
			t.Errorf("%s: got\n%s", event, got)
		}
	}
}

func TestArgs(t *testing.T) {
	long := `"` + strings.Repeat("a", maxArgs) + `"`
	for in, want := range map[string]string{
		``:                          `null`,
		`null`:                      `null`,
		`{"a": [1, 2]}`:             `{"a":[1,2]}`,
		"{\n\t\"a\":\r\n 1}":        `{"a":1}`,
		"{\"a\":\"x\u2028\u0085\"}": `{"a":"x\u2028\u0085"}`,
		"\"a\xffb\"":                `"a` + "\ufffd" + `b"`,
		`{"a":`:                     `"{\"a\":"`,
		"1}\n{\"event\":\"call\"":   `"1}\n{\"event\":\"call\""`,
		long:                        `"\"` + strings.Repeat("a", maxArgs-5) + `…"`,
	} {
		r := Record{Event: EventCall, Args: json.RawMessage(in)}
		lines := parse(t, string(appendJSON(nil, &r)))
		if len(lines) != 1 {
			t.Fatalf("%d lines of %q", len(lines), in)
		}
		var expected any
		if err := json.Unmarshal([]byte(want), &expected); err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(lines[0].Args)
		if w, _ := json.Marshal(expected); string(got) != string(w) {
			t.Errorf("%.40q: got %.80s, want %.80s", in, got, w)
		}
	}
}

// FuzzRecord puts hostile texts everywhere: a record stays one line of JSON that
// prints, and one entry of the journal, within their limits.
func FuzzRecord(f *testing.F) {
	f.Add("a\nb", []byte(`{"a":1}`), int64(2))
	f.Add("\"\\\u2028\u0085\x00\x1b]0;\xff", []byte("[\"\u2029\n\"]"), int64(-1))
	f.Add(strings.Repeat("\u202e", 5000), []byte(`"`+strings.Repeat("\u202e", 1300)+`"`), int64(1<<62))
	f.Fuzz(func(t *testing.T, s string, args []byte, n int64) {
		r := Record{
			Time: time.Unix(n, n), Request: s, UID: uint32(n), GID: uint32(n), PID: int(n),
			Groups: make([]uint32, 1000), Exe: s, Label: s, Function: s, Args: args, Decision: s, Rule: s,
			Result: s, Error: s, Duration: time.Duration(n), Count: n, First: time.Unix(n, n),
		}
		for i := range r.Groups {
			r.Groups[i] = ^uint32(0)
		}
		for event, limit := range map[string]int{
			EventCall: MaxLine, EventDone: maxDone, EventDenied: MaxLine, EventOthers: maxDone, EventTorn: maxDone,
		} {
			r.Event = event
			checkLine(t, appendJSON(nil, &r), limit)
			j := journald{service: s}
			fields, err := journaltest.Parse(j.encode(nil, &r))
			if err != nil || fields["OUTWORK_EVENT"] != event {
				t.Errorf("%v; %q", err, fields)
			}
		}
	})
}

func checkLine(t *testing.T, l []byte, limit int) {
	t.Helper()
	if len(l) > limit {
		t.Errorf("%d bytes, more than %d: %s", len(l), limit, l)
	}
	if !json.Valid(l) {
		t.Errorf("no JSON: %q", l)
	}
	text := strings.TrimSuffix(string(l), "\n")
	for _, r := range text {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\u202e' {
			t.Errorf("%q in %q", r, l)
		}
	}
}

func TestNewRequest(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		r := NewRequest()
		if len(r) > 24 || seen[r] {
			t.Fatalf("%q is too long or not unique", r)
		}
		seen[r] = true
	}
	if n := testing.AllocsPerRun(100, func() { NewRequest() }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
