package reading

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestWriteThenParse(t *testing.T) {
	want := []Reading{
		{Row: "a", Metric: "p50", Value: 1.5},
		{Row: "b|c", Metric: "rate", Value: 2},
		{Row: "a", Metric: "rate", Instead: "panics"},
	}
	var b bytes.Buffer
	if err := Write(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := Parse(b.Bytes())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := Parse([]byte("panic: no")); err == nil {
		t.Error("what is not JSON was parsed")
	}
}

func TestMedianMillis(t *testing.T) {
	durations := []time.Duration{9, 2, 3}
	got, err := MedianMillis(3, func() (time.Duration, error) {
		d := durations[0]
		durations = durations[1:]
		return d * time.Millisecond, nil
	})
	if err != nil || got != 3 {
		t.Errorf("got %v, %v", got, err)
	}
	broken := errors.New("broken")
	if _, err := MedianMillis(3, func() (time.Duration, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
