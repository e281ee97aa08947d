package gate

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/channel"
)

var somePin = channel.Pin{1, 2, 3, 31: 9}

// anyName agrees with every use.
func anyName(string) *refused { return nil }

func mustAdd(t *testing.T, ts *tokens, p Pass) (string, *ticket) {
	t.Helper()
	text, err := ts.add(p, somePin)
	if err != nil {
		t.Fatal(err)
	}
	k, err := parseTicket(text)
	if err != nil {
		t.Fatal(err)
	}
	return text, k
}

func (ts *tokens) tried(k *ticket) string {
	if r := ts.use(k.id[:], k.secret[:], anyName); r != nil {
		return r.reason
	}
	return ""
}

func TestTokenText(t *testing.T) {
	var ts tokens
	text, k := mustAdd(t, &ts, Pass{})
	if k.pin != somePin || k.text() != text {
		t.Errorf("%+v is not what %s was made of", k, text)
	}
	if pin, err := ParseToken("\n  " + text + "\r\n"); err != nil || pin != somePin {
		t.Errorf("with white space around it: %v, %v", pin, err)
	}
}

// Each token that cannot be one is told apart, and nothing of it is shown.
func TestTokenMistyped(t *testing.T) {
	var ts tokens
	text, _ := mustAdd(t, &ts, Pass{})
	other := &ticket{pin: somePin}
	raw, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(other.text(), tokenPrefix))
	raw[0] = 2
	sum := sha256.Sum256(raw[:tokenSize-sumSize])
	copy(raw[tokenSize-sumSize:], sum[:])
	for name, c := range map[string]struct{ token, want string }{
		"empty":        {"", "does not begin with outwork-"},
		"else":         {"hunter2", "does not begin with outwork-"},
		"cut":          {text[:len(text)-1], "is not whole"},
		"cut to none":  {tokenPrefix, "is not whole"},
		"twice":        {text + text, "is not whole"},
		"character":    {text[:20] + "!" + text[21:], "a character that none has"},
		"line in it":   {text[:20] + "\n" + text[20:], "is not whole"},
		"line instead": {text[:20] + "\n" + text[21:], "a character that none has"},
		"four lines":   {text[:20] + "\n\r\n\n" + text[24:], "a character that none has"},
		"version":      {tokenPrefix + base64.RawURLEncoding.EncodeToString(raw), "of version 2"},
	} {
		if _, err := ParseToken(c.token); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, not %q", name, err, c.want)
		} else if len(c.token) > 40 && strings.Contains(err.Error(), c.token[20:40]) {
			t.Errorf("%s: the error shows it: %v", name, err)
		}
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := len(tokenPrefix); i < len(text); i++ {
		c := letters[(strings.IndexByte(letters, text[i])+1)%len(letters)]
		if _, err := ParseToken(text[:i] + string(c) + text[i+1:]); err == nil {
			t.Errorf("another character at %d is not noticed", i)
		}
	}
}

func TestTokenUses(t *testing.T) {
	var ts tokens
	for uses, want := range map[int]int{0: 1, 1: 1, 3: 3, -1: 20} {
		_, k := mustAdd(t, &ts, Pass{Uses: uses})
		got := 0
		for range 20 {
			if ts.tried(k) == "" {
				got++
			}
		}
		if got != want {
			t.Errorf("%d uses: %d", uses, got)
		}
	}
}

// A use that is not agreed to is not taken, and one is never taken twice.
func TestTokenUseAtOnce(t *testing.T) {
	var ts tokens
	_, k := mustAdd(t, &ts, Pass{})
	no := refuse(codeName, "no", "no")
	if r := ts.use(k.id[:], k.secret[:], func(string) *refused { return no }); r != no {
		t.Errorf("not agreed to: %v", r)
	}
	var got atomic.Int32
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if ts.tried(k) == "" {
				got.Add(1)
			}
		})
	}
	group.Wait()
	if got.Load() != 1 {
		t.Errorf("%d uses of one", got.Load())
	}
}

func TestTokenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ts, others tokens
		_, used := mustAdd(t, &ts, Pass{})
		_, revoked := mustAdd(t, &ts, Pass{})
		_, expires := mustAdd(t, &ts, Pass{Expires: time.Hour, Uses: -1})
		_, other := mustAdd(t, &others, Pass{})
		_, secret := mustAdd(t, &ts, Pass{})
		secret.secret[15] ^= 1
		if err := ts.revoke(revoked); err != nil {
			t.Error(err)
		}
		if err := ts.revoke(secret); err == nil {
			t.Error("revoked with another secret")
		}
		if err := ts.revoke(other); err == nil {
			t.Error("revoked one of others")
		}
		time.Sleep(time.Hour - 1)
		for _, k := range []*ticket{used, expires} {
			if why := ts.tried(k); why != "" {
				t.Error(why)
			}
		}
		time.Sleep(time.Nanosecond)
		for k, want := range map[*ticket]error{
			used: errTokenUsed, revoked: errTokenRevoked, expires: errTokenExpired, other: errTokenUnknown, secret: errTokenSecret,
		} {
			r := ts.use(k.id[:], k.secret[:], anyName)
			if r == nil || r.reason != want.Error() || r.code != codeKey || r.text != "the token is unknown, used up, expired or revoked" {
				t.Errorf("%v: got %+v", want, r)
			}
		}
	})
}

// What is kept of a token does not have its secret.
func TestTokenSecretIsNotKept(t *testing.T) {
	var ts tokens
	_, k := mustAdd(t, &ts, Pass{})
	if bytes.Contains(ts.known[k.id].hash[:], k.secret[:8]) {
		t.Error("the secret itself is kept")
	}
}

func TestTokensAreForgotten(t *testing.T) {
	var ts tokens
	_, alive := mustAdd(t, &ts, Pass{})
	for range 10 * sweepLeast {
		_, k := mustAdd(t, &ts, Pass{})
		ts.tried(k)
	}
	if len(ts.known) > 2*sweepLeast {
		t.Errorf("%d tokens are kept", len(ts.known))
	}
	if why := ts.tried(alive); why != "" {
		t.Error(why)
	}
}

func TestPass(t *testing.T) {
	for p, want := range map[Pass]string{
		{}:                                 "",
		{Names: "db-*"}:                    "",
		{Names: "db1.example_x"}:           "",
		{Names: "db 1"}:                    "no name of a host",
		{Names: "-x"}:                      "no name of a host",
		{Names: "db["}:                     "no pattern",
		{Names: strings.Repeat("*", 1000)}: "1000 bytes",
		{Uses: -2}:                         "-2 times",
		{Expires: -1}:                      "expire",
	} {
		var ts tokens
		_, err := ts.add(p, somePin)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
}

func TestChoose(t *testing.T) {
	long := strings.Repeat("x", maxName)
	for _, c := range []struct {
		wanted, names, got string
		why                string
	}{
		{"", "db1", "db1", ""},
		{"db1", "db1", "db1", ""},
		{"db1", "*", "db1", ""},
		{"db1", "db[0-9]", "db1", ""},
		{long, "*", long, ""},
		{"a.b_c-9", "*", "a.b_c-9", ""},
		{"", "*", "", "give it one"},
		{"", "db?", "", "give it one"},
		{"db2", "db1", "", "not for the name db2"},
		{"DB1", "db1", "", "not for the name DB1"},
		{"web1", "db*", "", "not for the name web1"},
		{long + "x", "*", "", "no name"},
		{".db", "*", "", "no name"},
		{"-db", "*", "", "no name"},
		{"d b", "*", "", "no name"},
		{"d/b", "d/b", "", "no name"},
		{"dä", "*", "", "no name"},
		{"d\x1b[31m", "*", "", `"d\x1b[31m" is no name`},
		{strings.Repeat("\n", 2000), "*", "", "1872 bytes more"},
	} {
		got, r := choose(c.wanted, c.names)
		switch {
		case got != c.got, (r == nil) != (c.why == ""):
			t.Errorf("%q with a token for %q: %q, %+v", c.wanted, c.names, got, r)
		case r != nil && (r.code != codeName || !strings.Contains(r.text, c.why)):
			t.Errorf("%q with a token for %q: %+v, want %q", c.wanted, c.names, r, c.why)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add((&ticket{pin: somePin}).text())
	f.Add("outwork-")
	f.Add(strings.Replace((&ticket{pin: somePin}).text(), "AAAA", "\n\n\n\n", 1))
	f.Fuzz(func(t *testing.T, token string) {
		k, err := parseTicket(token)
		if err == nil && k.text() != strings.TrimSpace(token) {
			t.Errorf("%q is another way to write %q", token, k.text())
		}
		if err != nil && errors.Unwrap(err) != nil {
			t.Errorf("%v has a cause, which may show the token", err)
		}
	})
}
