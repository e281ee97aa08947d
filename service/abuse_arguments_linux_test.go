package service_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/realm"
)

// What does not fit a function's argument is an answer that names the field. The
// function is not entered, nothing is recorded, and the connection lives on.
func TestAbuseArguments(t *testing.T) {
	d := abused(t)
	unmarked(t)
	alice := greeted(t, "alice")
	text := string(encode("x"))
	for i, test := range []struct{ name, function, args, want string }{
		{"a key twice", "mark.enter", "\xa2\x64text" + text + "\x64text" + text, "text"},
		{"a key twice, in another case", "mark.enter", "\xa2\x64text" + text + "\x64Text" + text, `"Text"`},
		{"another case", "mark.enter", "\xa1\x64TEXT" + text, `"TEXT"`},
		{"an unknown field", "mark.enter", "\xa2\x64text" + text + "\x63and" + text, `"and"`},
		{"a uid", "mark.enter", "\xa2\x64text" + text + "\x63uid\x00", `"uid"`},
		{"a caller", "mark.enter", "\xa2\x64text" + text + "\x66caller\xa1\x63UID\x00", `"caller"`},
		{"null", "mark.enter", "\xa1\x64text\xf6", "text"},
		{"undefined", "mark.enter", "\xa1\x64text\xf7", "text"},
		{"nothing", "mark.enter", "\xa0", "text"},
		{"null for all", "mark.enter", "\xf6", "null"},
		{"no bytes at all", "mark.enter", "", "mark.enter"},
		{"no text", "mark.enter", "\xa1\x64text\x05", "text"},
		{"bytes for a text", "mark.enter", "\xa1\x64text\x41x", "text"},
		{"no UTF-8", "mark.enter", "\xa1\x64text\x62\xff\xfe", "text"},
		{"a surrogate", "mark.enter", "\xa1\x64text\x63\xed\xa0\x80", "text"},
		{"no UTF-8 in a key", "mark.enter", "\xa2\x64text" + text + "\x62\xff\xfe" + text, `no field "\xff\xfe"`},
		{"a text of unknown length", "mark.enter", "\xa1\x64text\x7f\x61x\xff", "text"},
		{"a text that claims 2^63 bytes", "mark.enter", "\xa1\x64text\x7b\x7f\xff\xff\xff\xff\xff\xff\xff", "text"},
		{"a map that claims 2^32 pairs", "mark.enter", "\xba\xff\xff\xff\xff", "mark.enter"},
		{"a tag", "mark.enter", "\xa1\x64text\xc0" + text, "text"},
		{"more behind it", "mark.enter", "\xa1\x64text" + text + "\x00", "bytes too many"},
		{"the form of workers", "mark.enter", "\x81" + text, "a map"},
		{"a pickle", "mark.enter", pickle, "mark.enter"},
		{"too long", "mark.enter", string(encode(textArgs{strings.Repeat("x", 10_001)})), "must have at most 10000 characters"},
		{"a number out of range", "value.set", string(encode(setArgs{Name: "a", Value: 101})), "value must be at most 100"},
		{"a number that wraps", "value.set", "\xa2\x64name\x61a\x65value\x1b\xff\xff\xff\xff\xff\xff\xff\xff", "value"},
		{"a float for a number", "value.set", "\xa2\x64name\x61a\x65value\xf9\x3c\x00", "value"},
		{"a newline behind the pattern", "value.set", string(encode(setArgs{Name: "a\n", Value: 1})), "name must match"},
	} {
		stream := uint32(2*i + 1)
		alice.open(stream, test.function, []byte(test.args))
		a := alice.answer(stream)
		if a.Code == 0 || !strings.Contains(a.Text, test.want) || a.Stack != "" || len(a.Text) > 500 {
			t.Errorf("%s: got %+v, want %q", test.name, a, test.want)
		}
	}
	if got := marks(t); got != "" {
		t.Errorf("the function was entered: %s", got)
	}
	if got := d.records(nil); len(got) != 0 {
		t.Errorf("there are records: %v", got)
	}
}

// A client is told of the functions that there are, and of nothing that others do.
func TestAbuseUnknownFunction(t *testing.T) {
	d := abused(t)
	want(t, as(t, "root", "value", "set", "a", "5", "--secret-file", secretFile(t, "hunter2")), 0, "", "")
	s := greeted(t, "nobody")
	for i, name := range []string{"hostname.set", "value.set\x00", "Value.Set", "outwork.shutdown", "../value.set", "value.set\nvalue.get", strings.Repeat("x", 1024)} {
		stream := uint32(2*i + 1)
		s.open(stream, name, encode(none{}))
		a := s.answer(stream)
		if a.Code != 3 || !strings.Contains(a.Text, "known functions are") {
			t.Errorf("%.40q: got %+v", name, a)
		}
		if strings.Contains(a.Text, "hunter2") || len(a.Data)+len(a.Kinds)+len(a.Stack) > 0 {
			t.Errorf("%.40q tells more: %+v", name, a)
		}
	}
	if got := d.records(events("")); len(got) != 0 {
		t.Errorf("there are records without a function: %v", got)
	}
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// forgery is a text that would be a record, a log line and a command to a terminal,
// if it were not escaped.
const forgery = "a\x00b\nWARN\r\n{\"event\":\"call\",\"uid\":0}\n2026-01-02T03:04:05Z INFO forged\x1b]0;x\a\x1b[2J\u2028\u202e\u0085"

// What a client says or is called is never a second line.
func TestAbuseTexts(t *testing.T) {
	d := abused(t)
	unmarked(t)
	alice, bob := greeted(t, "alice"), greeted(t, "bob")
	alice.open(1, "mark.enter", encode(textArgs{forgery}))
	if a := alice.answer(1); a.Code != 0 {
		t.Errorf("got %+v", a)
	}
	bob.open(1, "mark.enter", encode(textArgs{forgery}))
	bob.answer(1)
	bob.open(3, "boom", encode(textArgs{forgery}))
	bob.answer(3)
	if got := strings.Count(marks(t), "\n"); got != 1 {
		t.Errorf("the function was entered %d times", got)
	}
	var story []string
	for _, r := range d.records(nil) {
		story = append(story, r.Event+" "+r.Function)
		var args textArgs
		if r.Event != "done" && (json.Unmarshal(r.Args, &args) != nil || args.Text != forgery) {
			t.Errorf("the record of %s says %s", r.Function, r.Args)
		}
	}
	if got := strings.Join(story, ", "); got != "call mark.enter, done mark.enter, denied mark.enter, call boom, done boom" {
		t.Errorf("the records tell: %s", got)
	}
	if strings.Contains(d.log.String(), "forged") || strings.Count(d.log.String(), "\n") > 2 {
		t.Errorf("the log is\n%s", d.log)
	}
}

// The name of a client's program is its owner's to choose.
func TestAbuseExecutable(t *testing.T) {
	abused(t)
	name := filepath.Join(realm.Lookup("bob").Home, strings.NewReplacer("\x00", "", "/", "").Replace(forgery))
	copySelf(t, name)
	cmd := exec.Command(name, "value", "set", "a", "5")
	cmd.Args[0], cmd.Env = "testctl", append(os.Environ(), programVariable+"=1", "GORACE=atexit_sleep_ms=0")
	realm.As(cmd, "bob")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 77 {
		t.Errorf("got %v, %s", err, out)
	}
	b, err := os.ReadFile(auditPath)
	if err != nil {
		t.Fatal(err)
	}
	var r struct{ Event, Exe string }
	if err := json.Unmarshal(b, &r); err != nil || r.Event != "denied" || bytes.Count(b, []byte("\n")) != 1 {
		t.Errorf("the records are %q: %v", b, err)
	}
	if !strings.HasPrefix(r.Exe, `"/run/home/bob/a`) || !strings.Contains(r.Exe, "forged") {
		t.Errorf("the record tells of the executable %q", r.Exe)
	}
}

// copySelf makes a file that users other than root can run.
func copySelf(t *testing.T, name string) {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(name) })
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
}

// A call that is denied is recorded once, and its function not entered, whatever
// its argument is.
func TestAbuseDenied(t *testing.T) {
	d := abused(t)
	unmarked(t)
	bob := greeted(t, "bob")
	for i, function := range []string{"mark.enter", "mark.peek", "root.only", "value.set"} {
		stream := uint32(2*i + 1)
		args := encode(textArgs{"x"})
		switch function {
		case "root.only":
			args = encode(none{})
		case "value.set": // out of range: it is not said, since it is not looked at
			args = encode(setArgs{Name: "A", Value: 1000})
		}
		bob.open(stream, function, args)
		if a := bob.answer(stream); !a.is("service.denied") || a.Stack != "" || strings.Contains(a.Text, "must") {
			t.Errorf("%s: got %+v", function, a)
		}
		if got := d.records(events(function)); len(got) != 1 || got[0].Event != "denied" || got[0].UID != 12002 || got[0].Decision != "denied" {
			t.Errorf("%s: the records are %+v", function, got)
		}
	}
	if got := marks(t); got != "" {
		t.Errorf("a function was entered: %s", got)
	}
}
