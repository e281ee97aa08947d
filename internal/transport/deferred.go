package transport

import (
	"errors"
	"os"
	"sync"

	"github.com/outwork-go/outwork/internal/mux"
)

// DeferredBuffer is how many bytes a Deferred takes before it is attached.
const DeferredBuffer = 256 << 10

// Deferred is a Transport whose bytes have nowhere to go yet: it keeps what is sent,
// until Attach. It takes no files before that.
type Deferred struct {
	mu     sync.Mutex // guards what follows
	sent   []byte
	t      mux.Transport
	to     mux.Transport // t, while it is sent what was kept
	err    error
	there  chan struct{} // closed when t or err is set
	wake   chan struct{}
	unpark chan struct{}
	stop   chan struct{}
	once   sync.Once
	closed bool
}

// NewDeferred is one to be attached later.
func NewDeferred() *Deferred {
	return &Deferred{there: make(chan struct{}), wake: make(chan struct{}, 1), unpark: make(chan struct{}, 1), stop: make(chan struct{})}
}

// Sent is what was sent until now.
func (d *Deferred) Sent() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]byte(nil), d.sent...)
}

// Attach gives it t, which it owns from then on. The first done of the bytes that were
// sent have reached t's other end already; the others are sent before it returns. It
// is called once, unless Fail was.
func (d *Deferred) Attach(t mux.Transport, done int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent, d.to = d.sent[done:], t
	for len(d.sent) > 0 && !d.isStopped() {
		n, err := t.Send([][]byte{d.sent}, nil)
		d.sent = d.sent[n:]
		if err == nil {
			continue
		}
		if !errors.Is(err, mux.ErrAgain) {
			break // its reader will tell
		}
		d.mu.Unlock()
		err = t.PollSend()
		d.mu.Lock()
		if err != nil {
			break
		}
	}
	d.sent, d.to = nil, nil
	if d.isStopped() {
		t.Stop()
	}
	if d.closed {
		t.Close()
	}
	d.t = t
	close(d.there)
}

func (d *Deferred) isStopped() bool {
	select {
	case <-d.stop:
		return true
	default:
		return false
	}
}

// Fail says that there will be no transport, and why. It is called once, unless Attach
// was.
func (d *Deferred) Fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
	close(d.there)
}

// now is what it is attached to, or why there will be nothing; neither yet is ErrAgain.
func (d *Deferred) now() (mux.Transport, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.err != nil:
		return nil, d.err
	case d.t == nil:
		return nil, mux.ErrAgain
	}
	return d.t, nil
}

// Recv is of mux.Transport.
func (d *Deferred) Recv(bufs [][]byte) (int, []*os.File, error) {
	t, err := d.now()
	if err != nil {
		return 0, nil, err
	}
	return t.Recv(bufs)
}

// Send is of mux.Transport.
func (d *Deferred) Send(bufs [][]byte, files []*os.File) (n int, err error) {
	t, err := d.now()
	switch {
	case err == nil:
		return t.Send(bufs, files)
	case errors.Is(err, mux.ErrAgain):
		return d.keep(bufs, files)
	}
	return 0, err
}

var errPlain = errors.New("files cannot cross a plain stream of bytes")

// keep takes what is sent before there is anywhere to send it.
func (d *Deferred) keep(bufs [][]byte, files []*os.File) (n int, err error) {
	if len(files) > 0 {
		return 0, errPlain
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.t != nil {
		return 0, mux.ErrAgain // since a moment ago
	}
	for _, b := range bufs {
		k := min(len(b), DeferredBuffer-len(d.sent))
		d.sent = append(d.sent, b[:k]...)
		n += k
	}
	if n == 0 {
		return 0, mux.ErrAgain
	}
	return n, nil
}

// Poll is of mux.Transport.
func (d *Deferred) Poll() error {
	select {
	case <-d.there:
	default:
		select {
		case <-d.there:
			return nil // to look at it, and to send what was kept
		case <-d.wake:
			return nil
		case <-d.stop:
			return nil
		}
	}
	select {
	case <-d.wake: // from before it was attached
		return nil
	default:
	}
	t, err := d.now()
	if err != nil {
		return err
	}
	return t.Poll()
}

// Park is of mux.Transport.
func (d *Deferred) Park() error { return d.parked(mux.Transport.Park) }

// Rest is of mux.Transport.
func (d *Deferred) Rest() error { return d.parked(mux.Transport.Rest) }

func (d *Deferred) parked(park func(mux.Transport) error) error {
	select {
	case <-d.there:
	default:
		select {
		case <-d.there:
		case <-d.unpark:
		case <-d.stop:
		}
		return nil
	}
	select {
	case <-d.unpark:
		return nil
	default:
	}
	t, err := d.now()
	if err != nil {
		return err
	}
	return park(t)
}

// Wake is of mux.Transport.
func (d *Deferred) Wake() {
	if t := d.attachedOr(d.wake); t != nil {
		t.Wake()
	}
}

// Unpark is of mux.Transport.
func (d *Deferred) Unpark() {
	if t := d.attachedOr(d.unpark); t != nil {
		t.Unpark()
	}
}

// attachedOr is what it is attached to, or nil: then who waits is nudged, before it can
// be attached, so that Poll and Park see it before they wait for that.
func (d *Deferred) attachedOr(c chan struct{}) mux.Transport {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.t == nil {
		Nudge(c)
	}
	return d.t
}

// Deaf reports whether nobody listens to what it is attached to.
func (d *Deferred) Deaf() bool {
	t, _ := d.now()
	return mux.IsDeaf(t)
}

// PollSend is of mux.Transport.
func (d *Deferred) PollSend() error {
	select {
	case <-d.there:
	case <-d.stop:
		return nil
	}
	t, err := d.now()
	if err != nil {
		return err
	}
	return t.PollSend()
}

// Stop is of mux.Transport.
func (d *Deferred) Stop() {
	d.once.Do(func() { close(d.stop) })
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range []mux.Transport{d.t, d.to} {
		if t != nil {
			t.Stop()
		}
	}
}

// Close is of mux.Transport.
func (d *Deferred) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.t != nil {
		return d.t.Close()
	}
	return nil
}
