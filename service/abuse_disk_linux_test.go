package service_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/realm"
)

// smallDisk makes the directory of the records a filesystem of a size, and returns
// what fills it and what makes room again.
func smallDisk(t *testing.T, size string) (fill, clear func()) {
	t.Helper()
	realm.Need(t)
	dir := filepath.Dir(auditPath)
	must(t, os.MkdirAll(dir, 0o750))
	must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=750,size="+size))
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	ballast := filepath.Join(dir, "ballast")
	fill = func() {
		f, err := os.Create(ballast)
		must(t, err)
		defer f.Close()
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	return fill, func() { must(t, os.Remove(ballast)) }
}

// Without room for records nothing is changed, and all else goes on. What began has
// its record of the end. Denials take nobody's room.
func TestAbuseFullDisk(t *testing.T) {
	fill, clear := smallDisk(t, "16m")
	d := abused(t)
	unmarked(t)
	running, _ := started(t, "carol", "wait", "--for", "500ms")
	d.recorded(1, "wait", "call", "")
	fill()
	if err := running.Wait(); err != nil {
		t.Errorf("the call that ran: %v", err)
	}
	d.recorded(1, "wait", "done", "ok")
	fill() // also what was kept for that record, and not needed
	alice, bob := greeted(t, "alice"), greeted(t, "bob")
	var last outcome
	entered := -1
	for stream := uint32(1); last.Code == 0 && stream < 2000; stream += 2 { // there may be some room in the file itself
		alice.open(stream, "mark.enter", encode(textArgs{"x"}))
		last = alice.answer(stream)
		entered++
	}
	if !last.is("service.internal") {
		t.Errorf("without room a call got %+v", last)
	}
	if got := strings.Count(marks(t), "\n"); got != entered {
		t.Errorf("the function was entered %d times, and answered %d times", got, entered)
	}
	d.told("a call was refused because it could not be recorded")
	d.told("no space left on device")
	for i := range uint32(100) {
		bob.open(2*i+1, "mark.enter", encode(textArgs{"x"}))
		if a := bob.answer(2*i + 1); !a.is("service.denied") {
			t.Fatalf("a call that is denied got %+v", a)
		}
	}
	before := strings.Count(marks(t), "\n")
	want(t, as(t, "alice", "mark", "peek", "x"), 0, "", "")
	want(t, as(t, "bob", "echo", "x"), 0, "x\n", "")
	want(t, as(t, "alice", "mark", "enter", "x"), 1, "", "an internal error of the service: its log tells more under the request ")
	if got := strings.Count(marks(t), "\n"); got != before+1 {
		t.Errorf("without room, functions were entered %d times, not once", got-before)
	}
	clear()
	want(t, as(t, "alice", "mark", "enter", "x"), 0, "", "")
	d.recorded(entered+1, "mark.enter", "done", "ok")
}

// A flood of denials leaves room for the calls of those who may.
func TestAbuseDenialsOnASmallDisk(t *testing.T) {
	smallDisk(t, "9m") // 8 are kept
	d := abused(t)
	d.unless = " are not recorded\n" // the more time it takes, the more counts there are: some have no room
	d.ended = func() {
		all := 0
		for _, r := range d.records(func(r record) bool { return r.Event == "denied" || r.Event == "others" }) {
			all += max(1, r.Count)
		}
		if _, rest, ok := strings.Cut(d.log.String(), "audit.jsonl: "); ok && strings.HasSuffix(rest, d.unless) {
			n := 0
			fmt.Sscan(rest, &n)
			all += n
		}
		if all != 10_000 {
			t.Errorf("%d denials are recorded, or told of as not recorded", all)
		}
	}
	for uid := uint32(40_000); uid < 40_200; uid++ {
		s := connectAs(t, realm.User{UID: uid, GID: uid})
		s.greet()
		for i := range uint32(50) {
			s.open(2*i+1, "mark.enter", encode(textArgs{strings.Repeat("x", 4000)}))
			s.answer(2*i + 1)
		}
		s.close()
	}
	for range 20 {
		want(t, as(t, "alice", "value", "set", "a", "1"), 0, "", "")
	}
	d.recorded(20, "value.set", "done", "ok")
	if info, err := os.Stat(auditPath); err != nil || info.Size() > 1<<20+100<<10 {
		t.Errorf("the records take %d bytes: %v", info.Size(), err)
	}
}
