package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
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

	carried bool // reader has a container, and is up's own

	sent chan struct{} // closed when bytes are no longer needed

	// Of a result, whose function is no longer there to close it; nil otherwise.
	of   *result
	once sync.Once
}

// result is what a function's result brings beside its CBOR. Nobody may want it
// before all of it was sent: the call ends then.
type result struct {
	in   *Incoming
	left atomic.Int64 // values that are not over, and one until all are there
}

func (r *result) end() {
	if r.left.Add(-1) == 0 {
		r.in.cancel(context.Canceled)
	}
}

// lift takes out of value, a pointer, what travels beside its CBOR, and opens a
// stream for each bulk part. of is nil for an argument, and lent for a result: it gets
// the numbers of the containers that are lent.
func (l *Link) lift(ctx context.Context, of *result, crossings []codec.Crossing, value any, lifts *[]*lifted, lent *[]int64) (parts []part, files []*os.File, err error) {
	parts = []part{}
	for i := range crossings {
		c := &crossings[i]
		if stays(c, value) {
			continue
		}
		if most := int(l.hello.Streams); len(*lifts)+2 > most && c.Kind != codec.File {
			closeAll(files)
			return nil, nil, fmt.Errorf("%s: the other side allows %d streams, too few for so many long fields", c.Name, most)
		}
		up := &lifted{l: l, index: i, of: of}
		p, file, err := up.take(ctx, c, value)
		if err != nil {
			closeAll(files)
			return nil, nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		if file != nil {
			files = append(files, file)
		}
		if up.st != nil {
			p.Stream = up.st.ID
			*lifts = append(*lifts, up)
		}
		if p != nil {
			p.Field = c.Index
			parts = append(parts, *p)
			if p.Kind == partPaged {
				*lent = append(*lent, p.Offset)
			}
		}
	}
	return parts, files, nil
}

// stays reports whether the value at c is short enough to travel in the CBOR.
func stays(c *codec.Crossing, value any) bool {
	switch {
	case c.Kind != codec.Bytes:
		return false
	case c.IsString():
		return len(*c.StringOf(value)) <= LiftBytes
	}
	return len(*c.BytesOf(value)) <= LiftBytes
}

// lifts reports whether anything of value travels beside its CBOR.
func lifts(crossings []codec.Crossing, value any) bool {
	for i := range crossings {
		if !stays(&crossings[i], value) {
			return true
		}
	}
	return false
}

// take takes the value at c out of value. Its stream is open then, if it has one.
func (up *lifted) take(ctx context.Context, c *codec.Crossing, value any) (*part, *os.File, error) {
	switch c.Kind {
	case codec.Bytes:
		return up.takeBytes(ctx, c, value)
	case codec.Container:
		return up.takeContainer(ctx, c, value)
	case codec.File:
		return up.takeFile(c, value)
	case codec.Reader:
		up.reader, _ = c.Of(value).Interface().(io.Reader)
	default:
		up.stream = streamEnd(c.Of(value))
	}
	if up.reader == nil && up.stream == nil {
		return nil, nil, nil
	}
	return &part{Kind: wantKind[c.Kind], Size: -1, Inline: []byte{}}, nil, up.open(ctx)
}

func (up *lifted) open(ctx context.Context) (err error) {
	if up.of != nil {
		up.of.left.Add(1)
	}
	up.st, err = up.l.conn.OpenBulk(ctx, up)
	return err
}

func (up *lifted) takeFile(c *codec.Crossing, value any) (*part, *os.File, error) {
	f, _ := c.Of(value).Interface().(*os.File)
	if f == nil {
		return nil, nil, nil
	}
	if up.l.cfg.NoFiles {
		return nil, nil, fmt.Errorf("an open file cannot be passed: %w", errNoFiles)
	}
	file, err := transport.Dup(f)
	if up.of != nil {
		f.Close()
	}
	return &part{Kind: partFile, Inline: []byte{}}, file, err
}

func (up *lifted) takeContainer(ctx context.Context, c *codec.Crossing, value any) (*part, *os.File, error) {
	cont, _ := c.Of(value).Interface().(container.Container)
	switch cfg := &up.l.cfg; {
	case cont == nil:
		return nil, nil, nil
	case up.of == nil && cfg.lends() && container.IsLive(cont):
		p, err := up.l.paged.lend(cont)
		return &p, nil, err
	case !cfg.NoFiles || inlined(cont):
		return up.l.passContainer(cont)
	case up.of == nil && cfg.lends():
		p, err := up.l.paged.lend(cont)
		return &p, nil, err
	}
	return up.carry(ctx, cont)
}

func (l *Link) passContainer(cont container.Container) (*part, *os.File, error) {
	h, err := container.Pass(cont)
	if err != nil {
		return nil, nil, err
	}
	if l.cfg.Side == mux.WorkerSide && !h.Immutable {
		if h.File != nil {
			h.File.Close()
		}
		return nil, nil, errMutable
	}
	p := containerPart(h)
	return &p, h.File, nil
}

// errMutable keeps a worker from what its manager would take for a violation.
var errMutable = fmt.Errorf("a manager takes no container of a file from a worker (container.FromReader makes a sealed copy): %w", container.ErrMutable)

// errNoFiles is for what needs a file descriptor.
var errNoFiles = errors.New("this link is over plain streams, which carry no file descriptors")

// inlined reports whether c crosses as its bytes, without a file descriptor.
func inlined(c container.Container) bool {
	return c.Immutable() && c.Size() >= 0 && c.Size() <= container.InlineMax
}

// takeBytes takes long bytes out of value, so that they are sent from where they
// are: restore puts them back.
func (up *lifted) takeBytes(ctx context.Context, c *codec.Crossing, value any) (*part, *os.File, error) {
	if c.IsString() {
		up.text = *c.StringOf(value)
		up.bytes = stringBytes(up.text)
	} else {
		up.bytes = *c.BytesOf(value)
	}
	if err := up.open(ctx); err != nil {
		return nil, nil, err
	}
	switch {
	case c.IsString():
		*c.StringOf(value) = ""
	case c.Index < 0:
		*c.BytesOf(value) = []byte{}
	default:
		*c.BytesOf(value) = nil
	}
	return &part{Kind: partBytes, Size: int64(len(up.bytes)), Inline: []byte{}}, nil, nil
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

// start sends an argument's part: bytes at once, the others from a goroutine.
func (up *lifted) start(ctx context.Context) {
	switch {
	case up.carried:
		up.l.conn.Go(func() {
			defer closeReader(up.reader)
			up.pump(ctx)
		})
	case up.bytes == nil:
		go up.pump(ctx)
	default:
		up.send()
	}
}

// send sends bytes.
func (up *lifted) send() {
	up.sent = make(chan struct{})
	if up.l.conn.SendBytes(up.st, up.bytes, func() { close(up.sent) }) != nil {
		up.sent = nil
	}
}

// end returns when the caller's bytes are no longer needed. Readers and streams go
// on until the peer wants no more, or the caller gave the call up.
func (up *lifted) end(gaveUp bool) {
	if up.sent == nil {
		if gaveUp {
			up.abandon(mux.Unwanted)
		}
		return
	}
	select {
	case <-up.sent:
	default:
		up.l.conn.Reset(up.st, mux.Unwanted, "")
		up.wait()
	}
}

// abandon ends the stream of what is not sent, or not to its end.
func (up *lifted) abandon(code mux.Code) {
	up.l.conn.Reset(up.st, code, "")
	if up.carried {
		closeReader(up.reader)
	}
}

// wait returns when bytes are no longer needed.
func (up *lifted) wait() {
	select {
	case <-up.sent:
	case <-up.l.conn.Done():
	}
}

// on is a RESET: the peer wants no more. The stream ends at once, also while its
// source makes us wait.
func (up *lifted) on(ev mux.Event) error {
	if ev.Kind != frame.Reset {
		return frame.Violated("handle", "%s on stream %d, which this side sends on", ev.Handle, up.st.ID)
	}
	up.l.conn.Reset(up.st, mux.Unwanted, "")
	if up.of != nil {
		up.l.conn.Go(up.close) // closing may block
	}
	return nil
}

// close ends a result's value: its source is closed, which also ends a Read
// that is under way.
func (up *lifted) close() {
	if up.of == nil {
		return
	}
	up.once.Do(func() {
		closeReader(up.reader)
		up.of.end()
	})
}

// closeReader closes what can be closed.
func closeReader(r io.Reader) {
	if c, ok := r.(io.Closer); ok {
		c.Close()
	}
}

// closeResult is for a result that is not sent: nobody else closes what it has.
func closeResult(crossings []codec.Crossing, value any) {
	for i := range crossings {
		switch c := &crossings[i]; c.Kind {
		case codec.Reader:
			r, _ := c.Of(value).Interface().(io.Reader)
			closeReader(r)
		case codec.File:
			f, _ := c.Of(value).Interface().(*os.File)
			f.Close() // nil too
		}
	}
}

// stream sends what a result brings beside its CBOR, and returns when that has
// been sent or nobody wants it. The call's context and arguments live as long.
func (in *Incoming) stream(of *result, lifts []*lifted) {
	of.end()
	var wg sync.WaitGroup
	for _, up := range lifts {
		wg.Go(func() { in.streamOne(up) })
	}
	wg.Wait()
	in.over()
}

func (in *Incoming) streamOne(up *lifted) {
	defer up.close()
	if up.bytes != nil {
		if up.send(); up.sent != nil {
			up.wait()
		}
		return
	}
	stop := in.AfterFunc(up.close) // the link has ended: so must a Read
	defer stop()
	up.pump(in)
}
