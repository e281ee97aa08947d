package shell

import (
	"errors"
	"time"
)

// timeout is a flag that takes a time that is longer than nothing.
type timeout struct{ d *time.Duration }

// TimeoutVar is a flag's value (pflag.Value) that sets d.
func TimeoutVar(d *time.Duration) interface {
	String() string
	Set(string) error
	Type() string
} {
	return timeout{d}
}

// Type is the word for a value.
func (timeout) Type() string { return "DURATION" }

// String is the time; "" when there is none.
func (t timeout) String() string {
	if t.d == nil || *t.d == 0 {
		return ""
	}
	return t.d.String()
}

// Set reads a number and its unit.
func (t timeout) Set(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil {
		return errors.New("a time is a number and its unit, as in 500ms, 30s or 1m30s")
	}
	if v <= 0 {
		return errors.New("a time must be longer than nothing")
	}
	*t.d = v
	return nil
}
