package audit

import (
	"errors"
	"io"
)

// Config says where records go. At least one sink must come of it.
type Config struct {
	// Service names the service: SYSLOG_IDENTIFIER in the journal.
	Service string

	// File is the path of a file of JSON lines; "" is none. It and its directories
	// are made when they are missing, with modes 0640 and 0750. A symbolic link,
	// what is no regular file, a file of another user than this process's, and
	// one that its group or others may write are refused, and so are directories
	// from which others than root and this user could take it away.
	File string

	// Journal says whether the journal is a sink.
	Journal Journal

	// Stderr takes complaints about the sinks, a line each; nil drops them. They
	// come within a rate, and beyond that are counted. When there is no file and no
	// journal, it is the sink, for a daemon under development.
	Stderr io.Writer

	// Room is how many bytes stay free on the disk for mutations: with less, denials
	// are only counted. 0 is DefaultRoom.
	Room int64
}

// Journal says whether the journal is a sink.
type Journal uint8

// The choices. Once it is a sink, the journal must take every record.
const (
	JournalAuto Journal = iota // if it can be reached when the Log is opened
	JournalOn                  // Open fails when it cannot be reached
	JournalOff
)

// DefaultRoom is what is kept free on the disk for mutations, in bytes.
const DefaultRoom = 8 << 20

// errNoSink is why Open fails for a Config of nothing.
var errNoSink = errors.New("audit: no file, no journal and no stderr to record calls in")

// Open opens the sinks. The caller closes the Log when no call is open any more.
func Open(c Config) (*Log, error) {
	if c.Room == 0 {
		c.Room = DefaultRoom
	}
	sinks, err := openSinks(c)
	if err != nil {
		return nil, err
	}
	return newLog(c, sinks), nil
}

func openSinks(c Config) (sinks []sink, err error) {
	defer func() {
		if err != nil {
			closeAll(sinks)
		}
	}()
	// The journal comes first: the file has room made for the record before any
	// sink is written to, so that it hardly ever fails after the journal took one.
	if c.Journal != JournalOff {
		j, err := openJournal(c.Service)
		if err == nil {
			sinks = append(sinks, j)
		} else if c.Journal == JournalOn {
			return sinks, err
		}
	}
	if c.File != "" {
		f, err := openFile(c.File, c.Room)
		if err != nil {
			return sinks, err
		}
		sinks = append(sinks, f)
	}
	if len(sinks) == 0 && c.Stderr != nil {
		sinks = append(sinks, stream{c.Stderr})
	}
	if len(sinks) == 0 {
		return nil, errNoSink
	}
	return sinks, nil
}

func closeAll(sinks []sink) (err error) {
	for _, s := range sinks {
		err = errors.Join(err, s.close())
	}
	return err
}
