package audit

import (
	"fmt"
	"io"
	"time"

	"github.com/outwork-go/outwork/internal/service/logging/journal"
)

// How often is complained: complaintBurst lines at once, then one each
// complaintEvery. The others are counted.
const (
	complaintBurst = 5
	complaintEvery = 2 * time.Second
)

// complaints are lines on standard error, which fail in silence. The Log's mutex
// guards them.
type complaints struct {
	service string
	to      io.Writer // may be nil
	bucket  bucket
	unsaid  int64
}

func newComplaints(c Config) complaints {
	return complaints{
		service: c.Service, to: c.Stderr,
		bucket: bucket{complaintBurst, complaintBurst, complaintEvery, time.Now()},
	}
}

// say says something, after the count of what was not said, or counts it.
func (c *complaints) say(format string, args ...any) {
	c.bucket.refill(time.Now())
	if c.bucket.tokens == 0 {
		c.unsaid++
		return
	}
	c.bucket.tokens--
	c.flush()
	c.line(format, args...)
}

// flush says how many were not said.
func (c *complaints) flush() {
	if c.unsaid > 0 {
		c.line("%d more such lines are left out", c.unsaid)
		c.unsaid = 0
	}
}

func (c *complaints) line(format string, args ...any) {
	if c.to == nil {
		return
	}
	line := append([]byte(c.service), ": audit: "...)
	line = journal.AppendText(line, fmt.Sprintf(format, args...), MaxLine)
	_, _ = c.to.Write(append(line, '\n'))
}
