package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// lifted is a value that this side sends beside a message.
type lifted struct {
	l     *Link
	st    *mux.Stream
	index int // of its crossing

	bytes  []byte // or
	text   string // in whose memory bytes are
	reader io.Reader
	stream *codec.StreamEnd

	mu   sync.Mutex
	sent chan struct{} // closed when bytes are no longer needed
}

// lift takes out of value, a pointer, what travels beside its CBOR, and opens a
// stream for each bulk part.
func (l *Link) lift(ctx context.Context, crossings []codec.Crossing, value any, lifts *[]*lifted) (parts []part, files []*os.File, err error) {
	parts = []part{}
	for i := range crossings {
		c := &crossings[i]
		p, file, up, err := l.liftOne(ctx, c, value)
		if err != nil {
			closeAll(files)
			return nil, nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		if file != nil {
			files = append(files, file)
		}
		if up != nil {
			up.l, up.index, p.Stream = l, i, up.st.ID
			*lifts = append(*lifts, up)
		}
		if p != nil {
			p.Field = c.Index
			parts = append(parts, *p)
		}
	}
	return parts, files, nil
}

func (l *Link) liftOne(ctx context.Context, c *codec.Crossing, value any) (*part, *os.File, *lifted, error) {
	switch c.Kind {
	case codec.Bytes:
		return l.liftBytes(ctx, c, value)
	case codec.Container:
		cont, _ := c.Of(value).Interface().(container.Container)
		if cont == nil {
			return nil, nil, nil, nil
		}
		h, err := container.Pass(cont)
		if err != nil {
			return nil, nil, nil, err
		}
		p := containerPart(h)
		return &p, h.File, nil, nil
	case codec.File:
		f, _ := c.Of(value).Interface().(*os.File)
		if f == nil {
			return nil, nil, nil, nil
		}
		file, err := dup(f)
		return &part{Kind: partFile, Inline: []byte{}}, file, nil, err
	}
	up := &lifted{}
	p := &part{Kind: partReader, Size: -1, Inline: []byte{}}
	if c.Kind == codec.Reader {
		up.reader, _ = c.Of(value).Interface().(io.Reader)
	} else {
		p.Kind = partStream
		up.stream = streamEnd(c.Of(value))
	}
	if up.reader == nil && up.stream == nil {
		return nil, nil, nil, nil
	}
	var err error
	up.st, err = l.conn.OpenBulk(ctx, up)
	return p, nil, up, err
}

// liftBytes takes long bytes out of value, so that they are sent from where they
// are: restore puts them back.
func (l *Link) liftBytes(ctx context.Context, c *codec.Crossing, value any) (*part, *os.File, *lifted, error) {
	up := &lifted{}
	if c.IsString() {
		s := c.StringOf(value)
		if len(*s) <= LiftBytes {
			return nil, nil, nil, nil
		}
		up.text = *s
		up.bytes = stringBytes(*s)
		*s = ""
	} else {
		b := c.BytesOf(value)
		if len(*b) <= LiftBytes {
			return nil, nil, nil, nil
		}
		up.bytes = *b
		*b = nil
		if c.Index < 0 {
			*b = []byte{}
		}
	}
	var err error
	up.st, err = l.conn.OpenBulk(ctx, up)
	return &part{Kind: partBytes, Size: int64(len(up.bytes)), Inline: []byte{}}, nil, up, err
}

// restore puts lifted bytes back into the value that they were taken from, which
// is the caller's copy; a caller may look at it again.
func restore(crossings []codec.Crossing, value any, lifts []*lifted) {
	for _, up := range lifts {
		c := &crossings[up.index]
		switch {
		case up.text != "":
			*c.StringOf(value) = up.text
		case up.bytes != nil:
			*c.BytesOf(value) = up.bytes
		}
	}
}

// start sends the part: bytes at once, the others from a goroutine.
func (up *lifted) start(ctx context.Context) {
	if up.bytes == nil {
		go up.pump(ctx)
		return
	}
	up.sent = make(chan struct{})
	if up.l.conn.SendBytes(up.st, up.bytes, func() { close(up.sent) }) != nil {
		up.sent = nil
	}
}

// end returns when the caller's bytes are no longer needed. Readers and streams go
// on until the peer wants no more.
func (up *lifted) end() {
	if up.sent == nil {
		if up.bytes == nil && up.reader != nil {
			return
		}
		return
	}
	select {
	case <-up.sent:
	default:
		up.l.conn.Reset(up.st, mux.Unwanted, "")
		select {
		case <-up.sent:
		case <-up.l.conn.Done():
		}
	}
}

// pumpBuffer is how much of a reader is sent at a time, in bytes.
const pumpBuffer = 256 << 10

// pump sends what a reader or a stream yields.
func (up *lifted) pump(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // the peer's RESET ends it: the result may outlive the call
	conn := up.l.conn
	var err error
	if up.stream != nil {
		err = up.stream.Pump(func(payload []byte) error {
			return conn.Send(ctx, up.st, frame.Item, payload, false)
		}, up.l.positional)
	} else {
		err = up.copyReader(ctx)
	}
	switch {
	case errors.Is(err, mux.ErrUnwanted):
		conn.Reset(up.st, mux.Unwanted, "")
	case err != nil:
		b, ferr := failurePlan.bytes(up.l.cfg.Errors.encode(CodeReturned, err, ""))
		if ferr == nil {
			conn.Send(ctx, up.st, frame.Error, b, true)
		}
	default:
		conn.Send(ctx, up.st, 0, nil, true)
	}
}

func (up *lifted) copyReader(ctx context.Context) error {
	buf := make([]byte, pumpBuffer)
	for {
		n, err := up.reader.Read(buf)
		if n > 0 {
			if err := up.l.conn.Send(ctx, up.st, 0, buf[:n], false); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// landings are the values that arrive beside a message.
type landings struct {
	l         *Link
	ctx       context.Context // ends readers and streams
	crossings []codec.Crossing
	value     any
	files     []*os.File
	done      func() // called by the reader when the last byte slice is there
	err       error  // the first error of a source; for whom done tells

	mu      sync.Mutex
	waiting int
	open    []*mux.Stream
	conts   []container.Container
}

// landing is a byte slice on its way.
type landing struct {
	of *landings
	st *mux.Stream
	c  *codec.Crossing
}

// all takes up every part. wait tells that done will be called.
func (ls *landings) all(parts []part) (wait bool, err error) {
	defer func() { closeAll(ls.files); ls.files = nil }()
	seen := map[int]bool{}
	ls.waiting = 1
	for i := range parts {
		c := ls.crossing(parts[i].Field)
		if c == nil || seen[parts[i].Field] {
			return false, frame.Violated("reply", "a part for field %d", parts[i].Field)
		}
		seen[parts[i].Field] = true
		if err := ls.one(c, &parts[i]); err != nil {
			return false, err
		}
	}
	if len(ls.files) > 0 {
		return false, frame.Violated("fds", "%d file descriptors that no part names", len(ls.files))
	}
	return ls.arrived() > 0, nil
}

func (ls *landings) crossing(field int) *codec.Crossing {
	for i := range ls.crossings {
		if ls.crossings[i].Index == field {
			return &ls.crossings[i]
		}
	}
	return nil
}

func (ls *landings) arrived() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.waiting--
	return ls.waiting
}

func (ls *landings) takeFile() *os.File {
	if len(ls.files) == 0 {
		return nil
	}
	f := ls.files[0]
	ls.files = ls.files[1:]
	return f
}

var wantKind = map[codec.Kind]uint8{
	codec.Bytes: partBytes, codec.Reader: partReader, codec.Stream: partStream, codec.Container: partContainer, codec.File: partFile,
}

func (ls *landings) one(c *codec.Crossing, p *part) error {
	if wantKind[c.Kind] != p.Kind {
		return frame.Violated("reply", "%s comes as a part of kind %d", c.Name, p.Kind)
	}
	switch p.Kind {
	case partContainer:
		return ls.container(c, p)
	case partFile:
		f := ls.takeFile()
		if f == nil {
			return frame.Violated("fds", "%s comes without its file descriptor", c.Name)
		}
		c.Of(ls.value).Set(reflect.ValueOf(f))
		return nil
	}
	st, err := ls.l.claim(p.Stream)
	if err != nil {
		return err
	}
	ls.mu.Lock()
	ls.open = append(ls.open, st)
	ls.mu.Unlock()
	switch p.Kind {
	case partBytes:
		return ls.collect(c, st, p.Size)
	case partReader:
		c.Of(ls.value).Set(reflect.ValueOf(&landedReader{ls: ls, st: st}))
	case partStream:
		ls.attach(c, st)
	}
	return nil
}

func (ls *landings) collect(c *codec.Crossing, st *mux.Stream, size int64) error {
	if size < 0 {
		return frame.Violated("reply", "%s of %d bytes", c.Name, size)
	}
	ld := &landing{ls, st, c}
	st.User = ld
	ls.mu.Lock()
	ls.waiting++
	ls.mu.Unlock()
	done, err := ls.l.conn.Collect(st, size)
	if err != nil || !done {
		return err
	}
	err = ld.take()
	ls.arrived()
	return err
}

// on is called when the slice is complete, or will not be.
func (ld *landing) on(mux.Event) error {
	if err := ld.take(); err != nil {
		return err
	}
	if ld.of.arrived() == 0 {
		ld.of.done()
	}
	return nil
}

func (ld *landing) take() error {
	b, err := ld.of.l.conn.Collected(ld.st)
	if _, ok := errors.AsType[*frame.Violation](err); ok {
		return err
	}
	switch {
	case err != nil:
		if ld.of.err == nil {
			ld.of.err = &Failure{Code: CodeReturned, Message: ld.c.Name + ": " + err.Error()}
		}
	case ld.c.IsString():
		*ld.c.StringOf(ld.of.value) = bytesString(b)
	default:
		*ld.c.BytesOf(ld.of.value) = b
	}
	return nil
}

func (ls *landings) container(c *codec.Crossing, p *part) error {
	h, err := p.handle(ls.takeFile)
	if err != nil {
		return err
	}
	cont, err := container.Open(h, container.OpenOptions{})
	if err != nil {
		return frame.Violated("reply", "container %s: %v", c.Name, err)
	}
	ls.conts = append(ls.conts, cont)
	c.Of(ls.value).Set(reflect.ValueOf(cont))
	return nil
}

func containerPart(h container.Handle) part {
	p := part{Kind: partContainer, Size: h.Size, Offset: h.Offset, Immutable: h.Immutable, Inline: h.Inline, Stream: 0}
	if h.File == nil {
		p.Field = 0
		if p.Inline == nil {
			p.Inline = []byte{}
		}
		return p
	}
	p.Stream, p.Inline = 1, []byte{} // 1: an fd comes with it
	return p
}

// handle is the container that p describes, with its file when it has one.
func (p *part) handle(file func() *os.File) (container.Handle, error) {
	h := container.Handle{Offset: p.Offset, Size: p.Size, Immutable: p.Immutable}
	switch {
	case p.Stream == 1 && len(p.Inline) == 0:
		if h.File = file(); h.File == nil {
			return h, frame.Violated("fds", "a container without its file descriptor")
		}
	case p.Stream == 0 && int64(len(p.Inline)) == p.Size && p.Offset == 0:
		h.Inline = p.Inline
	default:
		return h, frame.Violated("reply", "a container of %d bytes with %d of them", p.Size, len(p.Inline))
	}
	return h, nil
}

// release ends what a call's arguments brought, when the call is over.
func (ls *landings) release() {
	ls.abandon()
	for _, c := range ls.conts {
		c.Close()
	}
}

// abandon tells the peer that nobody reads its streams any more.
func (ls *landings) abandon() {
	ls.mu.Lock()
	open := ls.open
	ls.open = nil
	ls.mu.Unlock()
	for _, st := range open {
		ls.l.conn.Reset(st, mux.Unwanted, "")
	}
}

// landedReader is an io.ReadCloser whose source is on the other side.
type landedReader struct {
	ls *landings
	st *mux.Stream
}

func (r *landedReader) Read(p []byte) (int, error) {
	n, err := r.ls.l.conn.Read(r.ls.ctx, r.st, p)
	if err != nil && err != io.EOF {
		return n, r.ls.streamError(r.st, err)
	}
	return n, err
}

// Close tells the sender that no more is wanted.
func (r *landedReader) Close() error {
	r.ls.l.conn.Reset(r.st, mux.Unwanted, "")
	return nil
}

// streamError is the sender's own error, when that is what ended the stream.
func (ls *landings) streamError(st *mux.Stream, err error) error {
	if !errors.Is(err, mux.ErrMessage) {
		return err
	}
	h, payload, err := ls.l.conn.Receive(ls.ctx, st)
	if err != nil {
		return err
	}
	return ls.sourceError(h, payload)
}

func (ls *landings) sourceError(h frame.Handle, payload []byte) error {
	var f failure
	err := frame.Violated("handle", "%s on a bulk stream", h)
	if h == frame.Error {
		if err = failurePlan.only(payload, &f, "ERROR"); err == nil {
			return ls.l.cfg.Errors.decode(&f)
		}
	}
	ls.l.conn.Fail(err)
	return err
}

// attach makes the field a stream that is read from st.
func (ls *landings) attach(c *codec.Crossing, st *mux.Stream) {
	field := c.Of(ls.value)
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
	}
	end := streamEnd(field)
	end.Positional = ls.l.positional
	end.Next = func() ([]byte, error) {
		h, payload, err := ls.l.conn.Receive(ls.ctx, st)
		if err == nil && h != frame.Item {
			err = ls.sourceError(h, payload)
		}
		return payload, err
	}
	end.Fail = func(err error) {
		ls.l.conn.Fail(frame.Violated("reply", "%s: %v", c.Name, err))
	}
	end.Stop = func() { ls.l.conn.Reset(st, mux.Unwanted, "") }
}

// streamEnd is the untyped side of a stream field, or nil when it is empty.
func streamEnd(v reflect.Value) *codec.StreamEnd {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
	} else {
		v = v.Addr()
	}
	return v.Interface().(codec.StreamField).OutworkStream()
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
