package resume

import (
	"encoding/binary"
	"errors"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// inbound takes the records of one connection apart. Who reads owns it.
type inbound struct {
	preamble int // bytes of it that are still due
	head     [frame.PreambleSize]byte
	have     int // bytes in head
	left     int // bytes of the present DATA that are still due
	body     []byte
	bufs     [][]byte       // read's own
	reads    *atomic.Uint64 // counts those that brought something
}

// record is one that is not DATA.
type record struct {
	kind  byte
	count uint64 // of ACK and ASK
	text  string // of END
}

// read takes bytes of DATA into bufs, or one other record. Its error is a *frame.Violation,
// or the transport's.
func (in *inbound) read(t mux.Transport, bufs [][]byte) (n int, r record, err error) {
	if in.preamble > 0 {
		if err := in.readPreamble(t); err != nil {
			return 0, r, err
		}
	}
	for in.left == 0 {
		if err := in.fill(t, headSize); err != nil {
			return 0, r, err
		}
		kind, length, err := parse(in.head[:headSize])
		if err != nil {
			return 0, r, err
		}
		if kind != data {
			r, err = in.other(t, kind, length)
			return 0, r, err
		}
		in.left, in.have = length, 0
	}
	n, err = in.data(t, bufs)
	return n, r, err
}

func (in *inbound) readPreamble(t mux.Transport) error {
	if err := in.fill(t, in.preamble); err != nil {
		return err
	}
	if err := frame.CheckPreamble(in.head[:in.preamble]); err != nil {
		return err
	}
	in.preamble, in.have = 0, 0
	return nil
}

// fill reads until head has n bytes.
func (in *inbound) fill(t mux.Transport, n int) error {
	for in.have < n {
		in.bufs = append(in.bufs[:0], in.head[in.have:n])
		k, err := in.recv(t)
		if err != nil {
			return err
		}
		in.have += k
	}
	return nil
}

// data reads what is due of the present DATA, and on the way the next record's head.
func (in *inbound) data(t mux.Transport, bufs [][]byte) (n int, err error) {
	in.bufs = in.bufs[:0]
	room := in.left
	for _, b := range bufs {
		if b = b[:min(len(b), room)]; len(b) > 0 {
			in.bufs = append(in.bufs, b)
			room -= len(b)
		}
	}
	if room == 0 {
		in.bufs = append(in.bufs, in.head[:headSize])
	}
	if n, err = in.recv(t); err != nil {
		return 0, err
	}
	if n > in.left {
		in.have = n - in.left
		n = in.left
	}
	in.left -= n
	return n, nil
}

// other reads the rest of a record that is not DATA.
func (in *inbound) other(t mux.Transport, kind byte, length int) (r record, err error) {
	if in.body == nil {
		in.body = make([]byte, 0, length)
	}
	for len(in.body) < length {
		in.bufs = append(in.bufs[:0], in.body[len(in.body):length])
		k, err := in.recv(t)
		if err != nil {
			return r, err
		}
		in.body = in.body[:len(in.body)+k]
	}
	r.kind = kind
	if kind == end {
		r.text = string(in.body)
	} else {
		r.count = binary.BigEndian.Uint64(in.body)
	}
	in.have, in.body = 0, nil
	return r, nil
}

// recv is one Recv of bytes alone, into bufs.
func (in *inbound) recv(t mux.Transport) (int, error) {
	n, files, err := t.Recv(in.bufs)
	for _, f := range files {
		mux.CloseForeign(f) // they could go nowhere
	}
	if err == nil && n == 0 {
		err = errNothing
	}
	if err == nil {
		in.reads.Add(1)
	}
	return n, err
}

var errNothing = errors.New("a read of nothing")
