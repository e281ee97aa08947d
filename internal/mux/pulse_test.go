package mux

import (
	"strings"
	"testing"
	"time"
)

// beats are what a Pulse wants at each look: '-' nothing, '?' a PING, '.' a sign of
// life, 'X' the end. Before a look nothing has happened (' '), something was read ('r')
// or written ('w') or both ('b'); at a 'D' nobody listens, and 'z' is an hour late. What
// it wants to be written is written, but where stuck is true.
func beats(p *Pulse, looks string, stuck bool) string {
	var b strings.Builder
	in, out := p.in, p.out
	for _, look := range looks {
		gap := p.Every()
		switch look {
		case 'r':
			in++
		case 'w':
			out++
		case 'b':
			in++
			out++
		case 'z':
			gap += time.Hour
		}
		beat := p.Look(gap, in, out, look == 'D')
		if (beat == BeatAsk || beat == BeatSign) && !stuck {
			out++
		}
		b.WriteByte("-?.X"[beat])
	}
	return b.String()
}

func TestPulse(t *testing.T) {
	for _, c := range []struct {
		name, looks, want string
		stuck             bool
	}{
		{"traffic costs nothing", "bbbbbbbbbb", "----------", false},
		{"a peer that is dead", "     ", "-?--X", false},
		{"one that was heard until now", "bbb     ", "----?--X", false},
		{"one that answers", "  r  r  r  r", "-?--?--?--?-", false},
		{"one that is heard, and hears nothing", "rrrrrrrr", "-.--.--.", false},
		{"one that only hears", "wwwww", "-?--X", false},
		{"the writes are stuck", "     ", "-?..X", true},
		{"this side is deaf", "DDDDDDDDDDDD", "-.--.--.--.-", false},
		{"deaf, then the peer is dead", "DDDDDDDD     ", "-.--.--.-?--X", false},
		{"deaf in the middle", "    DDDD ", "-?--.--.X", false},
		{"stopped, then the peer is there", "    zr   r", "-?--?--?--", false},
		{"stopped, then it is dead", "    z     ", "-?--?--.-X", false},
	} {
		p := &Pulse{Limit: 6 * time.Second}
		if got := beats(p, c.looks, c.stuck); got != c.want {
			t.Errorf("%s: %q at %q, want %q", c.name, got, c.looks, c.want)
		}
	}
}

// A silence that a peer who can be heard does not keep is counted, once.
func TestPulseGaps(t *testing.T) {
	for _, c := range []struct {
		looks string
		want  uint64
		now   bool
	}{
		{"  r  r  r  r", 0, false},
		{"r  ", 0, false},
		{"bbb   r", 1, false},
		{"    r", 1, false}, // not twice
		{"r   ", 1, true},
		{"   r   r", 2, false},
		{"DDDDDDDD", 0, false}, // it was not listened to
	} {
		p := &Pulse{Limit: 6 * time.Second}
		beats(p, c.looks, false)
		if n, now := p.Gaps(); n != c.want || now != c.now {
			t.Errorf("%q: %d gaps, %v; want %d, %v", c.looks, n, now, c.want, c.now)
		}
	}
}

// A peer that has paused is waited for: until something comes, or MaxPause is over.
func TestPulseAway(t *testing.T) {
	limit := time.Duration(looks) * time.Minute
	paused := func() *Pulse {
		p := &Pulse{Limit: limit}
		beats(p, "r", false)
		p.away, p.awayIn = true, p.in
		return p
	}
	minutes := int(MaxPause / time.Minute)
	if got := beats(paused(), strings.Repeat(" ", minutes), false); strings.Trim(got, "-") != "X" || got[minutes-1] != 'X' {
		t.Errorf("all through a pause: %q", got)
	}
	p := paused()
	if got := beats(p, strings.Repeat(" ", minutes-1)+"r     ", false); strings.Trim(got, "-") != ".-?--X" || p.away {
		t.Errorf("after something came: %q", got)
	}
	if got := beats(paused(), " z ", false); got != "---" {
		t.Errorf("this side was stopped too: %q", got)
	}
}

// TestGap: a machine that slept is known by the wall clock.
func TestGap(t *testing.T) {
	now := time.Now()
	if g := Gap(now, now.Add(time.Second)); g != time.Second {
		t.Error(g)
	}
	later := now.Add(time.Hour).Round(0)
	if g := Gap(now.Round(0), later); g != time.Hour {
		t.Error(g)
	}
}
