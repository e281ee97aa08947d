// Package journaltest is a journald for tests: it listens where journald does,
// inside a realm (see internal/realm), and hands out what it was sent.
package journaltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/outwork-go/outwork/internal/realm"
	"github.com/outwork-go/outwork/internal/service/logging/journal"
)

// patience is how long Next waits.
const patience = 10 * time.Second

// Journald is a journald. Until Next is called, what is sent waits in its queue.
type Journald struct {
	conn *net.UnixConn
}

// Start starts one, which ends with the test or with Close. The test needs a
// realm.
func Start(t testing.TB) *Journald {
	t.Helper()
	realm.Need(t)
	if err := os.MkdirAll(filepath.Dir(journal.Socket), 0o755); err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: journal.Socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	j := &Journald{conn}
	t.Cleanup(j.Close)
	return j
}

// Close ends it and takes its socket away. Closing twice is harmless.
func (j *Journald) Close() {
	if j.conn.Close() == nil {
		os.Remove(journal.Socket)
	}
}

// Next returns the fields of the next entry. It fails the test for one that
// journald would not take as it is meant, and when none comes.
func (j *Journald) Next(t testing.TB) map[string]string {
	t.Helper()
	if err := j.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 256<<10)
	n, err := j.conn.Read(b)
	if err != nil {
		t.Fatalf("no entry came: %v", err)
	}
	fields, err := Parse(b[:n])
	if err != nil {
		t.Fatalf("%v in %q", err, b[:n])
	}
	return fields
}

// None fails the test if an entry waits.
func (j *Journald) None(t testing.TB) {
	t.Helper()
	if err := j.conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 256<<10)
	if n, err := j.conn.Read(b); err == nil {
		t.Fatalf("an entry that nobody expected: %q", b[:n])
	}
}

// Parse reads an entry of the native protocol. Each field may come once.
func Parse(entry []byte) (map[string]string, error) {
	fields := map[string]string{}
	for len(entry) > 0 {
		line, rest, ok := bytes.Cut(entry, []byte{'\n'})
		if !ok {
			return nil, fmt.Errorf("no newline after %q", line)
		}
		name, value, ok := bytes.Cut(line, []byte{'='})
		if !ok {
			var err error
			if value, rest, err = sized(rest); err != nil {
				return nil, err
			}
		}
		if !valid(name) {
			return nil, fmt.Errorf("field name %q", name)
		}
		if _, twice := fields[string(name)]; twice {
			return nil, fmt.Errorf("two fields %s", name)
		}
		fields[string(name)] = string(value)
		entry = rest
	}
	return fields, nil
}

// sized reads a value with its size before it.
func sized(b []byte) (value, rest []byte, err error) {
	if len(b) < 8 {
		return nil, nil, fmt.Errorf("no size in %q", b)
	}
	n := binary.LittleEndian.Uint64(b)
	b = b[8:]
	if n >= uint64(len(b)) || b[n] != '\n' {
		return nil, nil, fmt.Errorf("size %d of %d bytes", n, len(b))
	}
	return b[:n], b[n+1:], nil
}

func valid(name []byte) bool {
	if len(name) == 0 || len(name) > 64 || name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	for _, c := range name {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
