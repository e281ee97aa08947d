package journal_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/internal/service/logging/journal"
	"github.com/outwork-go/outwork/internal/service/logging/journal/journaltest"
)

func TestMain(m *testing.M) { realm.Main(m, realm.Options{}) }

func TestSend(t *testing.T) {
	d := journaltest.Start(t)
	c, err := journal.Dial(time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := journal.Entry(nil).Text("MESSAGE", "two\nlines", 100).Int("N", -5)
	if err := c.Send(e); err != nil {
		t.Fatal(err)
	}
	got := d.Next(t)
	if len(got) != 2 || got["MESSAGE"] != `two\u000alines` || got["N"] != "-5" {
		t.Errorf("got %q", got)
	}
	d.None(t)
}

func TestDialWithoutJournald(t *testing.T) {
	realm.Need(t)
	if _, err := journal.Dial(time.Second); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
}

// A journald that ends is an error, and one that comes back is found.
func TestSendAcrossRestart(t *testing.T) {
	d := journaltest.Start(t)
	c, err := journal.Dial(time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := journal.Entry(nil).Text("MESSAGE", "x", 100)
	d.Close()
	for range 2 {
		if err := c.Send(e); err == nil || !strings.Contains(err.Error(), "reach journald") {
			t.Errorf("got %v", err)
		}
	}
	d = journaltest.Start(t)
	if err := c.Send(e); err != nil {
		t.Fatal(err)
	}
	d.Next(t)
	d.Close()
	d = journaltest.Start(t)
	if err := c.Send(e); err != nil { // over a connection that is dead by now
		t.Fatal(err)
	}
	d.Next(t)
}

// One that reads nothing costs the timeout.
func TestSendToStuck(t *testing.T) {
	journaltest.Start(t)
	c, err := journal.Dial(50 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	e := journal.Entry(nil).Text("MESSAGE", strings.Repeat("x", 4096), 4096)
	for range 10_000 {
		if err = c.Send(e); err != nil {
			break
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestSendAfterClose(t *testing.T) {
	journaltest.Start(t)
	c, err := journal.Dial(time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Send(nil); err == nil {
		t.Error("sent over a closed connection")
	}
}
