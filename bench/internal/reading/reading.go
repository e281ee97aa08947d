// Package reading is what a measuring process tells the one that started it.
package reading

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/outwork-go/outwork/bench/internal/stat"
)

// Reading is one figure: Value of Metric, for the contender named Row.
type Reading struct {
	Row     string
	Metric  string
	Value   float64
	Instead string `json:",omitempty"` // what is said where there is no Value
}

// Metrics that more than one program reads.
const (
	Time  = "time"
	RSS   = "RSS"
	PSS   = "PSS"
	Grown = "manager's RSS for each"
)

// Write writes rs as one JSON value.
func Write(w io.Writer, rs []Reading) error {
	return json.NewEncoder(w).Encode(rs)
}

// Parse is the inverse of Write.
func Parse(b []byte) ([]Reading, error) {
	var rs []Reading
	if err := json.Unmarshal(b, &rs); err != nil {
		return nil, fmt.Errorf("readings %.200q: %w", b, err)
	}
	return rs, nil
}

// Micros is d in microseconds.
func Micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Millis is d in milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// MedianMillis is the median of the durations that n calls of fn say they
// took, in milliseconds. It ends at fn's first error.
func MedianMillis(n int, fn func() (time.Duration, error)) (float64, error) {
	took := make([]time.Duration, n)
	for i := range took {
		var err error
		if took[i], err = fn(); err != nil {
			return 0, err
		}
	}
	return Millis(stat.Median(took)), nil
}

// Duration is how long fn takes.
func Duration(fn func() error) (time.Duration, error) {
	began := time.Now()
	err := fn()
	return time.Since(began), err
}
