package logging

import (
	"io"
	"log/slog"
	"os"
	"time"

	sd "github.com/coreos/go-systemd/v22/journal"

	"github.com/outwork-go/outwork/internal/service/logging/journal"
)

// The kinds of handlers.
const (
	Journal = "journal"
	Text    = "text"
)

// sendTimeout is how long a record waits for journald to read.
const sendTimeout = 100 * time.Millisecond

// New returns the handler for a daemon named service whose standard error is w,
// and which kind it is. It is Journal if w is os.Stderr and either systemd has
// connected that to the journal, or it leads nowhere (a daemon without a
// terminal, a pipe or a file to talk to) and journald listens. It handles records
// from slog.LevelInfo on, or from LevelDebug if systemd asks for it by
// DEBUG_INVOCATION (RestartMode=debug).
//
// The connection to journald stays open as long as the handler is referred to.
func New(service string, w io.Writer) (h slog.Handler, kind string) {
	level := slog.LevelInfo
	if os.Getenv("DEBUG_INVOCATION") != "" {
		level = slog.LevelDebug
	}
	text := &writer{w: w}
	if w == io.Writer(os.Stderr) && wanted() {
		if conn, err := journal.Dial(sendTimeout); err == nil {
			return &handler{level: level, out: &journald{service, conn, text}}, Journal
		}
	}
	return &handler{level: level, out: text}, Text
}

// wanted reports whether the journal is the place for what this process says on
// standard error.
func wanted() bool {
	if ok, err := sd.StderrIsJournalStream(); ok && err == nil {
		return true
	}
	return nowhere(os.Stderr)
}

// nowhere reports whether what is written to f is lost: it is the null device, or
// not open.
func nowhere(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return true
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}
