// Package journal sends entries to systemd's journal over its native socket,
// for the audit and for the log of a daemon.
//
// It promises what those two need and go-systemd's journal.Send does not: a send
// that ends at a deadline though journald reads nothing, a connection that finds
// a restarted journald again, entries that are built without a map, and values
// that are one line each.
//
// An entry that was sent lies in the socket's queue or with journald. That
// journald keeps it cannot be known here: it drops what exceeds its rate limit
// (LogRateLimitIntervalSec= of the unit) and rotates its files away.
package journal

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Socket is where journald listens.
const Socket = "/run/systemd/journal/socket"

// Conn is a connection to journald. Its methods may be called concurrently.
type Conn struct {
	timeout time.Duration

	mu   sync.Mutex
	conn *net.UnixConn // guarded by mu: nil before the next dial and after Close
	done bool          // guarded by mu: closed
}

// Dial connects to the journal. It fails when nothing listens there. No Send
// takes longer than timeout. The caller closes the connection.
func Dial(timeout time.Duration) (*Conn, error) {
	c := &Conn{timeout: timeout}
	return c, c.dial()
}

func (c *Conn) dial() error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: Socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("reach journald: %w", err)
	}
	c.conn = conn
	return nil
}

// Send sends one entry with one datagram. When journald was restarted since the
// last, it connects anew.
func (c *Conn) Send(e Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		return net.ErrClosed
	}
	if c.conn != nil {
		err := c.write(e)
		if !gone(err) {
			return err
		}
		c.conn.Close()
		c.conn = nil
	}
	if err := c.dial(); err != nil {
		return err
	}
	return c.write(e)
}

func (c *Conn) write(e Entry) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	_, err := c.conn.Write(e)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("journald has read nothing for %v: %w", c.timeout, err)
	}
	return err
}

// gone reports whether an error of a send means that the one who listened does
// so no more.
func gone(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOTCONN) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Close ends the connection. Closing twice is harmless.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return err
}

// Entry is what is sent: lines of FIELD=value. Field names are the caller's
// constants, or come from FieldName.
type Entry []byte

// Text appends a field, of at most limit bytes of value: see AppendText.
func (e Entry) Text(name, value string, limit int) Entry {
	e = append(append(e, name...), '=')
	return append(AppendText(e, value, limit), '\n')
}

// Int appends a field that is a number.
func (e Entry) Int(name string, value int64) Entry {
	e = append(append(e, name...), '=')
	return append(strconv.AppendInt(e, value, 10), '\n')
}
