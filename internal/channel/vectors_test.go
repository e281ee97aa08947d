package channel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/vectors")

// vector is one file: what the side with role by sends, that is read by the other.
type vector struct {
	name  string
	about string
	by    role
	parts []vectorPart
	plain string // that the reader delivers
	rule  string // that is broken then; EOF: none
}

type vectorPart struct {
	note   string
	b      []byte
	hashed bool // in the file is its hash, and not itself
}

// vectors are those of the connection with secret, nonceD and nonceL.
func vectors(t testing.TB) []vector {
	d := func() sealer { return sealerOf(t, secret, nonceD, nonceL, dialler) }
	l := func() sealer { return sealerOf(t, secret, nonceD, nonceL, listener) }
	greet := func(r role, n [nonceSize]byte, at int, to byte) []byte {
		g := greeting(r, n)
		if at >= 0 {
			g[at] = to
		}
		return g[:]
	}
	one := func(name, about string, by role, rule string, b []byte) vector {
		return vector{name: name, about: about, by: by, rule: rule, parts: []vectorPart{{note: about, b: b}}}
	}
	changed := func(b []byte, at int) []byte {
		b = slices.Clone(b)
		b[at] ^= 1
		return b
	}
	recs := sealed(d(), "hello", "again", "more")
	large := strings.Repeat("outwork ", mostRecord/8)
	largest := sealed(d(), "hello", large)
	say := func(name, about, plain, rule string, recs ...[]byte) vector {
		v := vector{name: name, about: about, by: dialler, plain: plain, rule: rule}
		for i, r := range recs {
			v.parts = append(v.parts, vectorPart{note: fmt.Sprintf("record %d", i), b: r})
		}
		return v
	}
	return []vector{
		one("greeting_dialler", "the dialler's greeting", dialler, "EOF", greet(dialler, nonceD, -1, 0)),
		one("greeting_listener", "the listener's greeting", listener, "EOF", greet(listener, nonceL, -1, 0)),
		one("greeting_bad_magic", "another byte 4", dialler, "greeting", greet(dialler, nonceD, 4, '\n')),
		one("greeting_bad_version", "version 2", dialler, "version", greet(dialler, nonceD, 9, 2)),
		one("greeting_bad_zero", "byte 11 is 1", dialler, "greeting", greet(dialler, nonceD, 11, 1)),
		one("greeting_reflected", "the listener's own, sent back to it", dialler, "greeting", greet(listener, nonceL, -1, 0)),
		one("greeting_own_nonce", "the listener's own nonce, with the dialler's role", dialler, "greeting", greet(dialler, nonceL, -1, 0)),
		one("greeting_cut", "its first 20 bytes, and the end", dialler, "cut", greet(dialler, nonceD, -1, 0)[:20]),

		say("records_dialler", "the dialler's first records", "helloagainmore", "EOF", recs...),
		{name: "record_listener", about: "the listener's first record", by: listener, plain: "hello", rule: "EOF", parts: []vectorPart{{note: "record 0", b: l().seal(nil, []byte("hello"))}}},
		{
			name: "record_largest", about: "65,536 bytes in a second record: \"outwork \", 8,192 times", by: dialler, plain: "hello" + large, rule: "EOF",
			parts: []vectorPart{{note: "record 0", b: largest[0]}, {note: "record 1", b: largest[1], hashed: true}},
		},
		say("record_empty", "a length of 0", "hello", "record", recs[0], []byte{0, 0, 0, 0}),
		say("record_too_long", "a length of 65,537", "hello", "record", recs[0], []byte{0, 1, 0, 1}),
		say("record_first_too_long", "a length of 4,097 in the first", "", "record", []byte{0, 0, 16, 1}),
		say("record_changed_data", "a bit of the data was changed", "hello", "tag", recs[0], changed(recs[1], recordHeader)),
		say("record_changed_tag", "the last bit of the tag was changed", "hello", "tag", recs[0], changed(recs[1], len(recs[1])-1)),
		say("record_replayed", "the first record again", "hello", "tag", recs[0], recs[0]),
		say("record_reordered", "the third record before the second", "hello", "tag", recs[0], recs[2], recs[1]),
		say("record_dropped", "the second record is missing", "hello", "tag", recs[0], recs[2]),
		say("record_reflected", "the listener's own first record, sent back to it", "", "tag", l().seal(nil, []byte("hello"))),
		say("record_spliced", "of a connection with the same secret, in which the dialler's nonce is 32 times 0x77", "", "tag",
			sealerOf(t, secret, [nonceSize]byte(bytes.Repeat([]byte{0x77}, nonceSize)), nonceL, dialler).seal(nil, []byte("hello"))),
		say("record_other_secret", "the secret is \"another secret, of others\"", "", "tag",
			sealerOf(t, []byte("another secret, of others"), nonceD, nonceL, dialler).seal(nil, []byte("hello"))),
		say("record_cut", "the second record without its last byte, and the end", "hello", "cut", recs[0], recs[1][:len(recs[1])-1]),
	}
}

// sealed are records with these texts.
func sealed(s sealer, texts ...string) (recs [][]byte) {
	for _, text := range texts {
		recs = append(recs, s.seal(nil, []byte(text)))
	}
	return recs
}

// text is v's file.
func (v vector) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s.\n# The secret is %q; the dialler's nonce is 32 times 0x%x, the listener's 32 times 0x%x.\n", v.about, secret, nonceD[0], nonceL[0])
	fmt.Fprintf(&b, "by %d\nrule %s\n", v.by, v.rule)
	if n := len(v.plain); n > 0 && n < 1000 {
		fmt.Fprintf(&b, "plain %x\n", v.plain)
	}
	for _, p := range v.parts {
		fmt.Fprintf(&b, "# %s, %d bytes\n", p.note, len(p.b))
		if p.hashed {
			fmt.Fprintf(&b, "sha256 %x\n", sha256.Sum256(p.b))
			continue
		}
		for line := range slices.Chunk(p.b, 16) {
			fmt.Fprintf(&b, "% x\n", line)
		}
	}
	return b.Bytes()
}

// read is what v's file has on the wire; what it has hashed is v's.
func (v vector) read(t *testing.T, file []byte) (wire []byte) {
	t.Helper()
	for line := range strings.Lines(string(file)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "#", "by", "rule", "plain":
		case "sha256":
			b := v.parts[len(v.parts)-1].b
			if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != rest {
				t.Errorf("the record's hash is %x, in the file %s", got, rest)
			}
			wire = append(wire, b...)
		default:
			b, err := hex.DecodeString(strings.ReplaceAll(word+rest, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			wire = append(wire, b...)
		}
	}
	return wire
}

// heard is what v's reader makes of b.
func (v vector) heard(t *testing.T, b []byte) (plain, broken string) {
	t.Helper()
	own, theirs := nonceL, nonceD
	if v.by == listener {
		own, theirs = theirs, own
	}
	s := &scripted{in: b}
	w := &wire{t: s}
	if strings.HasPrefix(v.name, "greeting") {
		nonce, err := readGreeting(w, v.by.other(), own)
		if err != nil {
			return "", rule(err)
		}
		if nonce != theirs {
			t.Errorf("the nonce is %x", nonce)
		}
	}
	l, err := newRecords(w, secret, v.by.other(), own, theirs)
	if err != nil {
		t.Fatal(err)
	}
	c := &Conn{Transport: s, w: w, layer: l}
	for buf := make([]byte, 100_000); ; {
		n, _, err := c.Recv([][]byte{buf})
		plain += string(buf[:n])
		if err != nil {
			return plain, rule(err)
		}
	}
}

func TestVectors(t *testing.T) {
	dir := filepath.Join("testdata", "vectors")
	all := vectors(t)
	for _, v := range all {
		t.Run(v.name, func(t *testing.T) {
			path := filepath.Join(dir, v.name+".txt")
			if *update {
				if err := os.WriteFile(path, v.text(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(file, v.text()) {
				t.Errorf("%s is not what the code makes; go test -update writes it again", path)
			}
			if plain, broken := v.heard(t, v.read(t, file)); plain != v.plain || broken != v.rule {
				t.Errorf("%d bytes, then %s; want %d and %s", len(plain), broken, len(v.plain), v.rule)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != len(all) {
		t.Errorf("%d files for %d vectors (%v)", len(files), len(all), err)
	}
}
