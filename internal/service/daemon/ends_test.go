package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/ident"
)

// Whoever breaks rules all day fills no log, and nobody's breach is lost in that
// of another.
func TestEndsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		e := ends{log: slog.New(slog.NewTextHandler(&b, nil))}
		tell := func(uid uint32, n int) {
			for range n {
				e.tell(slog.LevelWarn, &ident.Peer{UID: uid}, errors.New("rule length"))
			}
		}
		tell(alice, 1000)
		tell(bob, 2)
		if got := strings.Count(b.String(), "uid=12001"); got != endsEach {
			t.Errorf("%d lines tell of who broke a rule 1000 times", got)
		}
		if got := strings.Count(b.String(), "uid=12002"); got != 2 {
			t.Errorf("%d lines tell of who broke a rule twice", got)
		}
		b.Reset()
		time.Sleep(endsTime)
		tell(bob, 1)
		for _, want := range []string{`msg="more clients' connections were ended" count=995 uid=12001`, "rule length"} {
			if !strings.Contains(b.String(), want) || strings.Count(b.String(), "\n") != 2 {
				t.Errorf("%q is not in %s", want, &b)
			}
		}
		b.Reset()
		for uid := range uint32(1000) {
			tell(uid, 1)
		}
		e.flush()
		if got := strings.Count(b.String(), "\n"); got != endsUsers-1+endsEach+1 {
			t.Errorf("%d lines tell of 1000 users", got)
		}
		if !strings.HasSuffix(b.String(), "count=932\n") || len(e.users) != 0 {
			t.Errorf("what was not told is not counted: %s", &b)
		}
	})
}
