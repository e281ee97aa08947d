package shell

import (
	"errors"
	"strings"
	"time"
)

// Timeout is a flag's value (pflag.Value): a time that is longer than nothing. Zero is none.
type Timeout time.Duration

// Type is the word for a value.
func (*Timeout) Type() string { return "duration" }

// String is the time; "" when there is none.
func (t *Timeout) String() string {
	if *t == 0 {
		return ""
	}
	return Brief(time.Duration(*t))
}

// Set reads a number and its unit.
func (t *Timeout) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil {
		return errors.New("a time is a number and its unit, as in 500ms, 30s or 1m30s")
	}
	if d <= 0 {
		return errors.New("a time must be longer than nothing")
	}
	*t = Timeout(d)
	return nil
}

// Brief is a time without the units of which it has none, as people write it.
func Brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
