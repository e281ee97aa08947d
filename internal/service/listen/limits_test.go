package listen

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// takes takes n places and counts those that were had.
func takes(p *places, uid uint32, n int) (had int) {
	for range n {
		if p.take(uid) == 0 {
			had++
		}
	}
	return had
}

func TestPlaces(t *testing.T) {
	p := newPlaces(&Config{PerUser: 10}, 80)
	if had := takes(p, 7, 20); had != 10 {
		t.Errorf("one user has %d", had)
	}
	if r := p.take(7); r != TooManyOfUser {
		t.Errorf("refused because %v", r)
	}
	for uid := range uint32(20) {
		takes(p, 100+uid, 10)
	}
	if r := p.take(8); r != TooMany || p.taken != 70 {
		t.Errorf("refused because %v, with %d taken", r, p.taken)
	}
	if had := takes(p, 0, 20); had != 10 {
		t.Errorf("root has %d", had)
	}
	p.give(7)
	if r := p.take(8); r != 0 {
		t.Errorf("refused because %v, though one is free", r)
	}
	if r := p.take(0); r != TooMany {
		t.Errorf("root refused because %v", r)
	}
}

// Root's own connections take first what is for root alone.
func TestPlacesOfRoot(t *testing.T) {
	p := newPlaces(&Config{PerUser: 100}, 80)
	takes(p, 0, 10)
	if had := takes(p, 7, 100); had != 70 {
		t.Errorf("others have %d", had)
	}
	for range 70 {
		p.give(7)
	}
	if had := takes(p, 0, 100); had != 70 {
		t.Errorf("root has %d more", had)
	}
}

func TestPlacesForFew(t *testing.T) {
	for total, others := range map[int]int{1: 1, 2: 1, 8: 7, 9: 7, 16: 14} {
		if had := takes(newPlaces(&Config{PerUser: 100}, total), 7, 100); had != others {
			t.Errorf("of %d, others have %d, not %d", total, had, others)
		}
	}
}

func TestPlacesForOwnUser(t *testing.T) {
	p := newPlaces(&Config{PerUser: 3, OwnUserOnly: true}, 3)
	p.only = 7
	if r := p.take(0); r != NotTheUser {
		t.Errorf("root is refused because %v", r)
	}
	if had := takes(p, 7, 3); had != 3 {
		t.Errorf("the user has %d", had)
	}
}

// told is a notices, what it told, and its clock.
func told() (n *notices, said *[]string, now *time.Time) {
	said, now = new([]string), new(time.Time)
	n = newNotices(func(m Notice) {
		*said = append(*said, fmt.Sprintf("uid %d many %v: %v, %d times, %v", m.UID, m.Many, m.Reason, m.Count, m.Err))
	})
	*now = time.Unix(1000, 0)
	n.now = func() time.Time { return *now }
	return n, said, now
}

func TestNoticesAreRare(t *testing.T) {
	n, said, now := told()
	for range 5 {
		n.add(TooManyOfUser, 7, nil)
		*now = now.Add(time.Second)
	}
	n.add(NoFiles, everyone, errors.New("none"))
	*now = now.Add(NoticeEvery)
	n.add(TooManyOfUser, 7, nil)
	n.add(TooManyOfUser, 7, nil)
	n.flush(*now)
	want := []string{
		"uid 7 many false: one user may not have more connections, 1 times, <nil>",
		"uid 4294967295 many true: too many open files: nobody but root is let in until there are fewer, 1 times, none",
		"uid 7 many false: one user may not have more connections, 5 times, <nil>",
		"uid 7 many false: one user may not have more connections, 1 times, <nil>",
	}
	if !slices.Equal(*said, want) {
		t.Errorf("said %q", *said)
	}
}

// However many users are refused, little is kept and every one is counted.
func TestNoticesAreBounded(t *testing.T) {
	count := 0
	n := newNotices(func(m Notice) { count += m.Count })
	now := time.Unix(1000, 0)
	n.now = func() time.Time { return now }
	for i := range uint32(10000) {
		n.add(TooMany, i, nil)
		now = now.Add(time.Millisecond)
		if len(n.kept) > maxNotices+1 {
			t.Fatalf("%d are kept", len(n.kept))
		}
	}
	n.flush(now)
	if count != 10000 {
		t.Errorf("told of %d", count)
	}
}
