// Package relayed is what the program relay and those who measure it agree on.
package relayed

import (
	"encoding/binary"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// MessageSize is that of a message that is echoed: about what a call that does nothing
// has on the wire.
const MessageSize = 64

// End is the argument that makes the program the end of a relay.
const End = "end"

// Orders.
const (
	Echo = 'e'
	Sink = 's'
	Give = 'g'
)

// FD is a descriptor that blocks.
type FD int

// Read is of io.Reader.
func (fd FD) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(fd), b)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// Write is of io.Writer.
func (fd FD) Write(b []byte) (n int, err error) {
	for n < len(b) {
		k, err := unix.Write(int(fd), b[n:])
		if err != nil && err != unix.EINTR {
			return n, err
		}
		n += max(k, 0)
	}
	return n, nil
}

const orderSize = 9

// ReadOrder reads an order.
func ReadOrder(r io.Reader) (what byte, n int64, err error) {
	var b [orderSize]byte
	_, err = io.ReadFull(r, b[:])
	return b[0], int64(binary.BigEndian.Uint64(b[1:])), err
}

// WriteOrder writes one.
func WriteOrder(w io.Writer, what byte, n int64) error {
	var b [orderSize]byte
	b[0] = what
	binary.BigEndian.PutUint64(b[1:], uint64(n))
	_, err := w.Write(b[:])
	return err
}

// Take reads n bytes, by way of b.
func Take(r io.Reader, b []byte, n int64) error {
	for n > 0 {
		k, err := r.Read(b[:min(n, int64(len(b)))])
		if err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

// GiveAll writes n bytes, by way of b.
func GiveAll(w io.Writer, b []byte, n int64) error {
	for n > 0 {
		k, err := w.Write(b[:min(n, int64(len(b)))])
		if err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

// PieceBytes is how much is passed on at once.
const PieceBytes = 128 << 10

// Obey does what r says, until it ends.
func Obey(r io.Reader, w io.Writer) error {
	b := make([]byte, PieceBytes)
	for {
		what, n, err := ReadOrder(r)
		if err != nil {
			return err
		}
		switch what {
		case Echo:
			err = echo(r, w, n)
		case Sink:
			if err = Take(r, b, n); err == nil {
				_, err = w.Write([]byte{Sink})
			}
		case Give:
			err = GiveAll(w, b, n)
		default:
			err = fmt.Errorf("unknown order %q", what)
		}
		if err != nil {
			return err
		}
	}
}

// echo echoes n messages.
func echo(r io.Reader, w io.Writer, n int64) error {
	var b [MessageSize]byte
	for range n {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		if _, err := w.Write(b[:]); err != nil {
			return err
		}
	}
	return nil
}
