package gate

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/channel"
)

var update = flag.Bool("update", false, "rewrite testdata/vectors")

// counting are n bytes that follow on first.
func counting(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

var (
	newHost = join{joinVersion, counting(0x50, 16), 1, 0, "db1", counting(0x10, idSize), counting(0x20, secretSize)}
	resumes = join{joinVersion, counting(0x50, 16), 1 << 40, 1<<63 + 5, "", []byte{}, []byte{}}
	letsIn  = admit{codeAdmitted, "", 70000, "db1"}
	letsNot = admit{codeKey, "the token is unknown, used up, expired or revoked", 0, ""}
)

// vector is one file: a message with its length, or a token.
type vector struct {
	name  string
	bytes []byte
	check func(message []byte) error
}

func vectors(t *testing.T) []vector {
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ofJoin := func(want join) func([]byte) error {
		return func(b []byte) error {
			j, err := parseJoin(b)
			return errors.Join(err, same(j, &want))
		}
	}
	ofAdmit := func(want admit) func([]byte) error {
		return func(b []byte) error {
			a, err := parseAdmit(b)
			return errors.Join(err, same(a, &want))
		}
	}
	return []vector{
		{"join_new", must(packed(joinPlan(), &newHost)), ofJoin(newHost)},
		{"join_resumption", must(packed(joinPlan(), &resumes)), ofJoin(resumes)},
		{"admit", must(packed(admitPlan(), &letsIn)), ofAdmit(letsIn)},
		{"admit_refused", must(packed(admitPlan(), &letsNot)), ofAdmit(letsNot)},
	}
}

func same(got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%+v, want %+v", got, want)
	}
	return nil
}

// bytesReader reads a message of what is there.
type bytesReader struct{ *bytes.Reader }

func (r bytesReader) ReadFull(b []byte) error {
	_, err := io.ReadFull(r, b)
	return err
}

// TestVectors compares what is encoded with the files, byte for byte, and what the files
// decode to with the values.
func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		b := file(t, v.name+".hex", dump(v.bytes))
		m, err := readMessage(bytesReader{bytes.NewReader(undump(t, b))})
		if err = errors.Join(err, v.check(m)); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	k := ticket{[idSize]byte(newHost.Token), [secretSize]byte(newHost.Secret), channel.Pin(counting(0x30, pinSize))}
	text := strings.TrimSpace(file(t, "token.txt", k.text()+"\n"))
	if got, err := parseTicket(text); err != nil || *got != k {
		t.Errorf("token: %+v, %v", got, err)
	}
}

// file is a vector's text, which must be want.
func file(t *testing.T, name, want string) string {
	t.Helper()
	path := filepath.Join("testdata", "vectors", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != want {
		t.Errorf("%s: encoded:\n%swant:\n%s", name, want, text)
	}
	return string(text)
}

// dump is b as text, with what can be read of it beside.
func dump(b []byte) string {
	var out strings.Builder
	fmt.Fprintf(&out, "# length %d\n% x\n\n", binary.BigEndian.Uint16(b), b[:lengthSize])
	for p := b[lengthSize:]; len(p) > 0; p = p[min(16, len(p)):] {
		line := bytes.Clone(p[:min(16, len(p))])
		code := fmt.Sprintf("% x", line)
		for i, c := range line {
			if c < ' ' || c > '~' {
				line[i] = '.'
			}
		}
		fmt.Fprintf(&out, "%-48s# %s\n", code, strings.TrimRight(string(line), " "))
	}
	return out.String()
}

func undump(t *testing.T, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(code), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func changed(j join, change func(*join)) []byte {
	change(&j)
	b, err := packed(joinPlan(), &j)
	if err != nil {
		panic(err)
	}
	return b[lengthSize:]
}

func TestJoinRefused(t *testing.T) {
	whole := changed(newHost, func(*join) {})
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"nothing":       {nil, ""},
		"text":          {[]byte("GET / HTTP/1.1\r\n"), ""},
		"cut":           {whole[:len(whole)-1], ""},
		"too much":      {append(bytes.Clone(whole), 0), "1 bytes too many"},
		"a map":         {append([]byte{0xa7}, whole[1:]...), ""},
		"six":           {append([]byte{0x86}, whole[1:]...), ""},
		"indefinite":    {append(append([]byte{0x9f}, whole[1:]...), 0xff), ""},
		"version 2":     {append([]byte{0x81}, 2), "version 2: this side speaks version 1"},
		"version 0":     {changed(newHost, func(j *join) { j.Version = 0 }), "version 0"},
		"version 200":   {changed(newHost, func(j *join) { j.Version = 200 }), "version 200"},
		"session":       {changed(newHost, func(j *join) { j.Session = j.Session[1:] }), "a session of 15 bytes"},
		"no session":    {changed(newHost, func(j *join) { j.Session = []byte{} }), "a session of 0 bytes"},
		"token":         {changed(newHost, func(j *join) { j.Token = j.Token[1:] }), "a token of 7 and 16 bytes"},
		"secret":        {changed(newHost, func(j *join) { j.Secret = []byte{} }), "a token of 8 and 0 bytes"},
		"no id":         {changed(newHost, func(j *join) { j.Token = []byte{} }), "a token of 0 and 16 bytes"},
		"UTF-8":         {bytes.Replace(whole, []byte("db1"), []byte("\xff\xfe1"), 1), ""},
		"negative":      {append([]byte{0x87, 0x20}, whole[2:]...), ""},
		"float version": {append([]byte{0x87, 0xf9, 0x3c, 0x00}, whole[2:]...), ""},
	} {
		_, err := parseJoin(c.b)
		if _, ok := errors.AsType[*malformed](err); !ok || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestMessageLength(t *testing.T) {
	long := newHost
	long.Name = strings.Repeat("x", maxMessage)
	if _, err := packed(joinPlan(), &long); err == nil {
		t.Error("a message that is too long was packed")
	}
	for n, want := range map[int]bool{0: false, 1: true, maxMessage: true, maxMessage + 1: false, 65535: false} {
		b := binary.BigEndian.AppendUint16(nil, uint16(n))
		m, err := readMessage(bytesReader{bytes.NewReader(append(b, make([]byte, n)...))})
		if (err == nil) != want || want && len(m) != n {
			t.Errorf("length %d: %d, %v", n, len(m), err)
		}
	}
	if _, err := readMessage(bytesReader{bytes.NewReader([]byte{0, 5, 1})}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %v", err)
	}
}

func TestAdmitRefused(t *testing.T) {
	for _, a := range []admit{
		{Code: codeAdmitted, Name: "\x1b[31m"},
		{Code: codeKey, Text: strings.Repeat("x", maxText+1)},
	} {
		b, err := packed(admitPlan(), &a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseAdmit(b[lengthSize:]); err == nil {
			t.Errorf("%+v was taken", a)
		}
	}
}

// What the other side says is shown on one line, and short.
func TestRefusalText(t *testing.T) {
	for text, want := range map[string]string{
		"no":                        "the manager refuses: no",
		"":                          "the manager refuses, and does not say why (code 9)",
		"a\nb\x1b[31m":              `the manager refuses: "a\nb\x1b[31m"`,
		strings.Repeat("y", 10_000): `the manager refuses: "` + strings.Repeat("y", 128) + `" and 9872 bytes more`,
	} {
		if got := (&Refusal{9, text}).Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzParseJoin(f *testing.F) {
	f.Add(changed(newHost, func(*join) {}))
	f.Add(changed(resumes, func(*join) {}))
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := parseJoin(b)
		if err != nil {
			return
		}
		b, err = packed(joinPlan(), j)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", j, err)
		}
		again, err := parseJoin(b[lengthSize:])
		if err = errors.Join(err, same(again, j)); err != nil {
			t.Error(err)
		}
	})
}

func FuzzParseAdmit(f *testing.F) {
	for _, a := range []admit{letsIn, letsNot} {
		b, _ := packed(admitPlan(), &a)
		f.Add(b[lengthSize:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAdmit(b)
		if err == nil && len(a.Text) > maxText {
			t.Errorf("a text of %d bytes", len(a.Text))
		}
	})
}
