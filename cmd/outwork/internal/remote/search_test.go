package remote

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

// matches are those of a pattern, as many as most unless that is 0.
func matches(t *testing.T, c container.Container, p *pattern.Pattern, r container.Range, most int) (all []pattern.Match) {
	t.Helper()
	for m, err := range container.Search(t.Context(), c, p, r) {
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, m); len(all) == most {
			break
		}
	}
	return all
}

// A search finds the same as here, and no page of the file comes over.
func TestSearchThere(t *testing.T) {
	data := noise(3*pageSize + 17)
	whole, _ := remote(t, data)
	defer whole.Close()
	c, err := whole.Slice(1001, 2*pageSize)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	model := container.FromBytes(data[1001:][:2*pageSize])
	specs := []pattern.Spec{
		{Texts: [][]byte{{1, 2, 3, 4}}},
		{Kind: pattern.KindHex, Texts: [][]byte{[]byte("01 02 ?? [1-3] 04 04")}},
		{Kind: pattern.KindRegexp, Texts: [][]byte{[]byte(`\x01\x02+\x03`)}},
		{Kind: pattern.KindAny, Texts: [][]byte{{1, 2, 3}, {1, 2, 3, 4}, {4, 4, 4}}},
		{Texts: [][]byte{[]byte("none")}},
	}
	ranges := []container.Range{{}, {Back: true}, {From: pageSize, To: pageSize + 1000}, {From: 5, Before: 3000, Back: true}}
	for _, spec := range specs {
		p, err := pattern.Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range ranges {
			for _, most := range []int{0, 1, 7} {
				got, want := matches(t, c, p, r, most), matches(t, model, p, r, most)
				if !slices.Equal(got, want) {
					t.Errorf("%s in %+v, %d at most: %d matches, want %d", p, r, most, len(got), len(want))
				}
			}
		}
	}
	if s := container.StatsOf(c); s.Fetched != 0 {
		t.Errorf("%d bytes came over", s.Fetched)
	}
}

func TestSearchThereFails(t *testing.T) {
	c, path := remote(t, noise(1000))
	p, err := pattern.Bytes([]byte{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	first := func(ctx context.Context, r container.Range) error {
		for _, err := range container.Search(ctx, c, p, r) {
			return err
		}
		return nil
	}
	if err := first(t.Context(), container.Range{From: 1001}); err == nil {
		t.Error("a search from behind the end is none")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first(over, container.Range{}); !errors.Is(err, context.Canceled) {
		t.Errorf("when its context is over: %v", err)
	}
	if err := os.WriteFile(path, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := first(t.Context(), container.Range{}); !errors.Is(err, container.ErrChanged) {
		t.Errorf("when the file was changed: %v", err)
	}
	c.Close()
	if err := first(t.Context(), container.Range{}); !errors.Is(err, container.ErrClosed) {
		t.Errorf("when it is closed: %v", err)
	}
}

// A worker that lies is found out.
func TestImpossibleMatches(t *testing.T) {
	at := func(offset int64) pattern.Match { return pattern.Match{Offset: offset, Length: 2} }
	tests := []struct {
		name  string
		where container.Range
		texts int
		found []pattern.Match
		bad   int // which is refused; -1: none
	}{
		{"in order", container.Range{}, 1, []pattern.Match{at(0), at(1), at(98)}, -1},
		{"backwards", container.Range{Back: true}, 1, []pattern.Match{at(98), at(3)}, -1},
		{"behind the end", container.Range{}, 1, []pattern.Match{at(99)}, 0},
		{"before the beginning", container.Range{From: 5}, 1, []pattern.Match{at(4)}, 0},
		{"behind To", container.Range{To: 10}, 1, []pattern.Match{at(9)}, 0},
		{"not before Before", container.Range{Before: 10}, 1, []pattern.Match{at(9), at(10)}, 1},
		{"twice", container.Range{}, 1, []pattern.Match{at(5), at(5)}, 1},
		{"going back", container.Range{}, 1, []pattern.Match{at(5), at(4)}, 1},
		{"going on", container.Range{Back: true}, 1, []pattern.Match{at(5), at(6)}, 1},
		{"without length", container.Range{}, 1, []pattern.Match{{Offset: 5}}, 0},
		{"of negative length", container.Range{}, 1, []pattern.Match{{Offset: 5, Length: -1}}, 0},
		{"too long", container.Range{}, 1, []pattern.Match{{Offset: 5, Length: 1<<63 - 1}}, 0},
		{"of no text", container.Range{}, 2, []pattern.Match{at(5), {Offset: 5, Length: 2, Index: 2}}, 1},
		{"too many of one offset", container.Range{}, 2, []pattern.Match{at(5), at(5), at(5)}, 2},
	}
	for _, test := range tests {
		o, bad := matchOrder{where: test.where, size: 100, texts: test.texts}, -1
		for i, m := range test.found {
			if o.follows(m) != nil {
				bad = i
				break
			}
		}
		if bad != test.bad {
			t.Errorf("%s: %d is refused, want %d", test.name, bad, test.bad)
		}
	}
}
