// Package record writes what crosses links to a file, and reads it back: frames
// with their time, direction and worker. A long payload is kept up to KeepPayload
// bytes.
//
// A record begins with Magic; then, for each frame: u64 nanoseconds since 1970,
// u8 direction (1 sent, 0 received, by the manager), u8 length of the worker's
// name, the name, the 12-byte header, u32 length of what was kept of the
// payload, and that. Integers are big-endian.
package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
)

// Magic begins a record.
const Magic = "\x89owrec\r\n"

// KeepPayload is how many bytes of a payload are recorded.
const KeepPayload = 64 << 10

// Writer writes a record. It is safe for concurrent use. After the first error
// it writes nothing more.
type Writer struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
	err error
}

// NewWriter begins a record on w.
func NewWriter(w io.Writer) *Writer {
	r := &Writer{w: w}
	_, r.err = io.WriteString(w, Magic)
	return r
}

// Frame records one frame, with one Write.
func (r *Writer) Frame(worker string, sent bool, h frame.Header, payload []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	worker = worker[:min(len(worker), 255)]
	payload = payload[:min(len(payload), KeepPayload)]
	b := binary.BigEndian.AppendUint64(r.buf[:0], uint64(time.Now().UnixNano()))
	dir := byte(0)
	if sent {
		dir = 1
	}
	b = append(b, dir, byte(len(worker)))
	b = append(b, worker...)
	b = h.Append(b)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, payload...)
	_, r.err = r.w.Write(b)
	r.buf = b
}

// Frame is one recorded frame.
type Frame struct {
	Time    time.Time
	Sent    bool // by the manager
	Worker  string
	Header  frame.Header
	Payload []byte // at most KeepPayload bytes of it
}

// ErrNoRecord is what reading anything else ends with.
var ErrNoRecord = errors.New("not a record of a link")

// Read yields the frames of a record. A torn end is an error, after what is
// whole.
func Read(r io.Reader) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		br := bufio.NewReader(r)
		magic := make([]byte, len(Magic))
		if _, err := io.ReadFull(br, magic); err != nil || string(magic) != Magic {
			yield(Frame{}, ErrNoRecord)
			return
		}
		for {
			f, err := readFrame(br)
			if err == io.EOF || !yield(f, err) || err != nil {
				return
			}
		}
	}
}

func readFrame(r *bufio.Reader) (f Frame, err error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = errTorn
		}
		return f, err
	}
	f.Time = time.Unix(0, int64(binary.BigEndian.Uint64(head[:])))
	f.Sent = head[8] == 1
	rest := make([]byte, int(head[9])+frame.HeaderSize+4)
	if _, err := io.ReadFull(r, rest); err != nil {
		return f, errTorn
	}
	f.Worker = string(rest[:head[9]])
	rest = rest[head[9]:]
	if f.Header, err = frame.Parse(rest); err != nil {
		return f, fmt.Errorf("%w: %v", ErrNoRecord, err)
	}
	n := binary.BigEndian.Uint32(rest[frame.HeaderSize:])
	if n > KeepPayload || n > f.Header.Length {
		return f, fmt.Errorf("%w: a payload of %d bytes, %d of them kept", ErrNoRecord, f.Header.Length, n)
	}
	f.Payload = make([]byte, n)
	if _, err := io.ReadFull(r, f.Payload); err != nil {
		return f, errTorn
	}
	return f, nil
}

var errTorn = errors.New("the record ends in the middle of a frame")
