package shell

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/service/schema"
)

type login struct {
	User     string `cbor:"user"`
	Password string `cbor:"password" secret:"true"`
}

type logins struct {
	One   login              `cbor:"one,omitempty"`
	Many  []login            `cbor:"many,omitempty"`
	ByKey map[string]login   `cbor:"by_key,omitempty"`
	Deep  map[string][]login `cbor:"deep,omitempty"`
}

func newLogins(t *testing.T, stdin string) (*Arguments, *logins) {
	t.Helper()
	typ, err := schema.Of(reflect.TypeFor[logins]())
	if err != nil {
		t.Fatal(err)
	}
	a := NewArguments(typ, &Shell{In: strings.NewReader(stdin)}, func(f *schema.Field) string { return "--" + f.Name })
	return a, a.Value().(*logins)
}

const secretLogin = `{"user":"a","password":"hunter2"}`

// Also one inside a list, a map or JSON.
func TestSecretsAreNotTakenFromWords(t *testing.T) {
	const seen = " holds a secret, and all users can see a command line: give "
	for name, word := range map[string]string{
		"one": secretLogin, "many": secretLogin, "by_key": "k=" + secretLogin, "deep": "k=[" + secretLogin + "]",
	} {
		a, got := newLogins(t, "")
		want := "--" + name + seen + "@FILE, or - for standard input"
		if word[0] == 'k' {
			want = "--" + name + seen + "KEY=@FILE, or KEY=- for standard input"
		}
		if err := a.Set(a.typ.Field(name), word); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if err := a.SetJSON(a.typ.Field(name), word); err == nil || !strings.Contains(err.Error(), seen) {
			t.Errorf("%s as JSON: %v", name, err)
		}
		if !reflect.DeepEqual(*got, logins{}) {
			t.Errorf("%s was set: %+v", name, *got)
		}
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "login")
	if err := os.WriteFile(file, []byte(secretLogin+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, got := newLogins(t, "["+secretLogin+"]\n")
	for _, given := range [][2]string{{"one", "@" + file}, {"many", "@" + file}, {"many", "@" + file}, {"by_key", "k=@" + file}, {"deep", "k=-"}} {
		if err := a.Set(a.typ.Field(given[0]), given[1]); err != nil {
			t.Errorf("%s: %v", given[0], err)
		}
	}
	l := login{"a", "hunter2"}
	want := logins{l, []login{l, l}, map[string]login{"k": l}, map[string][]login{"k": {l}}}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v", *got)
	}
	if err := a.Set(a.typ.Field("by_key"), "x"); err == nil || !strings.HasSuffix(err.Error(), "give KEY=@FILE, or KEY=- for standard input") {
		t.Error(err)
	}
}
