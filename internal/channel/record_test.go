package channel

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// scripted is a transport that gives in, piece bytes at a time when that is not 0, and
// then ends.
type scripted struct {
	mux.Transport
	in    []byte
	piece int
	lost  bool
	sent  bytes.Buffer
}

func (s *scripted) Recv(bufs [][]byte) (int, []*os.File, error) {
	if len(s.in) == 0 {
		return 0, nil, io.EOF
	}
	b := bufs[0]
	if s.piece > 0 {
		b = b[:min(len(b), s.piece)]
	}
	n := copy(b, s.in)
	s.in = s.in[n:]
	return n, nil, nil
}

func (s *scripted) Send(bufs [][]byte, _ []*os.File) (n int, err error) {
	for _, b := range bufs {
		k, _ := s.sent.Write(b)
		n += k
	}
	return n, nil
}

func (s *scripted) Lost() bool   { return s.lost }
func (s *scripted) Park() error  { return nil }
func (s *scripted) Close() error { return nil }

// The nonces of the tests' connections.
var (
	nonceD = [nonceSize]byte(bytes.Repeat([]byte{0xD1}, nonceSize))
	nonceL = [nonceSize]byte(bytes.Repeat([]byte{0x15}, nonceSize))
)

// sealerOf is the sealer of r, of a connection with these nonces.
func sealerOf(t testing.TB, secret []byte, d, l [nonceSize]byte, r role) sealer {
	t.Helper()
	key, err := writeKey(secret, d, l, r)
	if err != nil {
		t.Fatal(err)
	}
	return sealer{newTagger(key, r)}
}

// hear is what the listener of nonceD and nonceL takes of s, and why it ends.
func hear(t testing.TB, s *scripted) (got []byte, err error) {
	t.Helper()
	w := &wire{t: s}
	l, err := newRecords(w, secret, listener, nonceL, nonceD)
	if err != nil {
		t.Fatal(err)
	}
	c := &Conn{Transport: s, w: w, layer: l}
	for b := make([]byte, 50_000); err == nil; {
		var n int
		n, _, err = c.Recv([][]byte{b[:10], b[10:]})
		got = append(got, b[:n]...)
		if errors.Is(err, mux.ErrAgain) {
			err = nil
		}
	}
	if _, _, again := c.Recv([][]byte{make([]byte, 1)}); again != err {
		t.Errorf("%v, and then %v: errors stay", err, again)
	}
	if w.home != nil && len(w.buf) == 0 {
		t.Error("a buffer is kept with nothing in it")
	}
	return got, err
}

// rule is the rule that err says is broken, "EOF" for an end, or what it says.
func rule(err error) string {
	if v, ok := errors.AsType[*frame.Violation](err); ok {
		return v.Rule
	}
	if errors.Is(err, io.EOF) {
		return "EOF"
	}
	return err.Error()
}

// talk are records of the dialler's, and what is in them.
func talk(t testing.TB, texts ...string) (recs [][]byte, plain string) {
	s := sealerOf(t, secret, nonceD, nonceL, dialler)
	for _, text := range texts {
		recs = append(recs, s.seal(nil, []byte(text)))
		plain += text
	}
	return recs, plain
}

// want checks that in is taken up to plain, and then breaks that rule.
func want(t *testing.T, in []byte, plain, broken string) {
	t.Helper()
	pieces := []int{0, 1, 7}
	if len(in) > 50_000 {
		pieces = []int{0, 4999}
	}
	for _, piece := range pieces {
		got, err := hear(t, &scripted{in: in, piece: piece})
		if string(got) != plain || rule(err) != broken {
			t.Errorf("by %d: %d bytes and %v, want %d and %s", piece, len(got), err, len(plain), broken)
		}
	}
}

func TestRecordsHonest(t *testing.T) {
	recs, plain := talk(t, "one", "two", string(data(mostRecord, 1)), "3")
	want(t, slices.Concat(recs...), plain, "EOF")
}

func TestRecordsFlipped(t *testing.T) {
	texts := []string{"one", "the second record", "3"}
	recs, _ := talk(t, texts...)
	all := slices.Concat(recs...)
	for i := range all {
		record, at, before := 0, i, ""
		for at >= len(recs[record]) {
			at -= len(recs[record])
			before += texts[record]
			record++
		}
		for bit := range 8 {
			b := slices.Clone(all)
			b[i] ^= 1 << bit
			got, err := hear(t, &scripted{in: b})
			if string(got) != before {
				t.Fatalf("byte %d, bit %d: %q was delivered, want %q", i, bit, got, before)
			}
			r := rule(err)
			if at >= recordHeader && r != "tag" || at < recordHeader && r != "tag" && r != "record" && r != "cut" {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
		}
	}
}

func TestRecordsCut(t *testing.T) {
	texts := []string{"one", "the second record", "3"}
	recs, _ := talk(t, texts...)
	all := slices.Concat(recs...)
	border, n, before := 0, 0, ""
	for i := range len(all) + 1 {
		if i == border+len(recs[min(n, len(recs)-1)]) {
			before += texts[n]
			border, n = i, n+1
		}
		broken := "cut"
		if i == border {
			broken = "EOF"
		}
		want(t, all[:i], before, broken)
		if got, err := hear(t, &scripted{in: all[:i], lost: true}); rule(err) != "EOF" || string(got) != before {
			t.Errorf("lost at %d: %q, %v", i, got, err)
		}
	}
}

func TestRecordsMoved(t *testing.T) {
	recs, _ := talk(t, "one", "two", "three")
	other := sealerOf(t, secret, nonceD, nonceD, dialler) // another connection
	back := sealerOf(t, secret, nonceD, nonceL, listener)
	foreign := sealerOf(t, []byte("another secret, of others"), nonceD, nonceL, dialler)
	spliced := [][]byte{other.seal(nil, []byte("one")), other.seal(nil, []byte("two"))}
	for _, c := range []struct {
		name  string
		recs  [][]byte
		plain string
	}{
		{"replayed", [][]byte{recs[0], recs[0]}, "one"},
		{"replayed later", [][]byte{recs[0], recs[1], recs[0]}, "onetwo"},
		{"reordered", [][]byte{recs[0], recs[2], recs[1]}, "one"},
		{"dropped first", recs[1:], ""},
		{"dropped", [][]byte{recs[0], recs[2]}, "one"},
		{"reflected", [][]byte{back.seal(nil, []byte("one"))}, ""},
		{"reflected later", [][]byte{recs[0], back.seal(nil, []byte("two"))}, "one"},
		{"spliced first", spliced, ""},
		{"spliced", [][]byte{recs[0], spliced[1]}, "one"},
		{"of another secret", [][]byte{foreign.seal(nil, []byte("one"))}, ""},
	} {
		t.Run(c.name, func(t *testing.T) { want(t, slices.Concat(c.recs...), c.plain, "tag") })
	}
}

// TestRecordsSizes has rightly tagged records of wrong sizes: the length is looked at
// before there is anything else of them.
func TestRecordsSizes(t *testing.T) {
	for _, c := range []struct {
		first, second int
		broken        string
	}{
		{mostFirst, mostRecord, "EOF"},
		{mostFirst + 1, 1, "record"},
		{mostRecord, 1, "record"},
		{mostRecord + 1, 1, "record"},
		{0, 1, "record"},
		{1, 0, "record"},
		{1, mostRecord + 1, "record"},
		{1, 1<<31 - 1, "record"},
	} {
		s := sealerOf(t, secret, nonceD, nonceL, dialler)
		var in []byte
		plain := ""
		for i, n := range []int{c.first, c.second} {
			body := data(min(n, 1<<20), uint64(i))
			r := s.seal(nil, body)
			if bad := c.broken == "record" && (n == 0 || n > mostRecord || i == 0 && n > mostFirst); bad {
				in = append(in, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)) // the length alone
				break
			}
			in, plain = append(in, r...), plain+string(body)
		}
		want(t, in, plain, c.broken)
	}
}

// TestRecordsFirst is that a side keeps to the limit that it holds the other to.
func TestRecordsFirst(t *testing.T) {
	s := &scripted{}
	w := &wire{t: s}
	l, err := newRecords(w, secret, dialler, nonceD, nonceL)
	if err != nil {
		t.Fatal(err)
	}
	c := &Conn{Transport: s, w: w, layer: l}
	plain := data(300_000, 1)
	if err := transport.SendAll(c, pieced(plain, 3), nil); err != nil {
		t.Fatal(err)
	}
	want(t, s.sent.Bytes(), string(plain), "EOF")
}

// heardGreeting is the rule that a listener's handshake ends with when it gets b.
func heardGreeting(b []byte, lost bool) string {
	_, err := readGreeting(&wire{t: &scripted{in: b, piece: 5, lost: lost}}, listener, nonceL)
	if err != nil {
		return rule(err)
	}
	return "none"
}

func TestGreetingFlipped(t *testing.T) {
	g := greeting(dialler, nonceD)
	for i := range g {
		for bit := range 8 {
			b := slices.Clone(g[:])
			b[i] ^= 1 << bit
			want := "greeting"
			switch {
			case i == 8 || i == 9:
				want = "version"
			case i >= 12:
				want = "none" // the keys are others: rule tag
			}
			if got := heardGreeting(b, false); got != want {
				t.Errorf("byte %d, bit %d: %s, want %s", i, bit, got, want)
			}
		}
	}
}

func TestGreetingEnds(t *testing.T) {
	g := greeting(dialler, nonceD)
	for i := range g {
		want := "cut"
		if i == 0 {
			want = "EOF"
		}
		if got := heardGreeting(g[:i], false); got != want {
			t.Errorf("after %d bytes: %s, want %s", i, got, want)
		}
		if got := heardGreeting(g[:i], true); got != "EOF" {
			t.Errorf("lost after %d bytes: %s", i, got)
		}
	}
}

func TestGreetingOthers(t *testing.T) {
	reflected := greeting(listener, nonceL)
	own := greeting(dialler, nonceL)
	for name, b := range map[string][]byte{
		"reflected":               reflected[:],
		"own nonce, turned round": own[:],
		"TLS":                     {22, 3, 1, 0, 200, 1},
		"HTTP":                    []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"ssh":                     []byte("SSH-2.0-OpenSSH_9.2p1\r\n"),
		"one byte":                {0},
	} {
		if got := heardGreeting(b, false); got != "greeting" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestSecrets is that of two secrets the first record each way tells, and that nobody
// waits for more of it.
func TestSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta, tb := transport.Pair()
		k := kind{"", Config{Secret: secret}, Config{Secret: []byte("another secret, of others")}}
		d, a := ends(t, k, ta, tb)
		for i, c := range []*Conn{d, a} {
			if err := c.WriteAll([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if err := []*Conn{a, d}[i].ReadFull(make([]byte, 1)); rule(err) != "tag" {
				t.Error(err)
			}
		}
		d.Close()
		a.Close()
	})
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{}, {Secret: []byte{}}, {Secret: make([]byte, MinSecret-1)}} {
		ta, tb := transport.Pair()
		if _, err := Dial(ta, c); err == nil {
			t.Errorf("%+v was taken", c)
		}
		if _, _, err := tb.Recv([][]byte{make([]byte, 1)}); !errors.Is(err, io.EOF) {
			t.Errorf("it was not closed: %v", err)
		}
	}
}

// FuzzOpener is that nothing but what was sealed, in order, comes out.
func FuzzOpener(f *testing.F) {
	recs, plain := talk(f, "one", "two", "the third record")
	f.Add(slices.Concat(recs...))
	f.Add(recs[1])
	f.Add([]byte{0, 0, 16, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := hear(t, &scripted{in: in, piece: 11})
		if !bytes.HasPrefix([]byte(plain), got) {
			t.Errorf("%q was delivered", got)
		}
		switch rule(err) {
		case "record", "tag", "cut", "EOF":
		default:
			t.Error(err)
		}
	})
}

func FuzzGreeting(f *testing.F) {
	good := greeting(dialler, nonceD)
	f.Add(good[:])
	f.Add(good[:20])
	f.Fuzz(func(t *testing.T, in []byte) {
		got := heardGreeting(in, false)
		switch {
		case got == "none" && len(in) >= greetingSize && bytes.Equal(in[:12], good[:12]):
		case got == "greeting", got == "version":
		case got == "cut" && len(in) < greetingSize, got == "EOF" && len(in) == 0:
		default:
			t.Errorf("%x: %s", in, got)
		}
	})
}
