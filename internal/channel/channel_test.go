package channel

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
	"github.com/outwork-go/outwork/internal/transport/transporttest"
)

// kind is one of the two channels.
type kind struct {
	name             string
	dialler, accepts Config
}

// newIdentity is the identity of a seed of n's.
func newIdentity(t testing.TB, n byte) *Identity {
	t.Helper()
	id, err := IdentityOf([SeedSize]byte(bytes.Repeat([]byte{n}, SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var secret = []byte("a secret that both sides have")

// kinds are both channels.
func kinds(t testing.TB) []kind {
	d, l := newIdentity(t, 1), newIdentity(t, 2)
	return []kind{
		{"tls", Config{Identity: d, Pin: l.Pin()}, Config{Identity: l}},
		{"record", Config{Secret: secret}, Config{Secret: secret}},
	}
}

// carrier makes both ends of what a channel runs over.
type carrier struct {
	name string
	make func(t testing.TB) (a, b mux.Transport)
}

func carriers() []carrier {
	return []carrier{
		{"pair", func(testing.TB) (a, b mux.Transport) { return transport.Pair() }},
		{"tcp", tcpPair},
		{"dribble", func(testing.TB) (a, b mux.Transport) {
			a, b = transport.Pair()
			return newDribble(a, 1), newDribble(b, 2)
		}},
	}
}

func tcpPair(t testing.TB) (a, b mux.Transport) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("links over TCP need Linux")
	}
	ca, cb := transporttest.TCP(t)
	a, err := transport.NewTCP(ca)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = transport.NewTCP(cb); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// dribble is a transport that takes and gives few bytes at once, one often, and is often
// not ready.
type dribble struct {
	mux.Transport
	mu       sync.Mutex
	r        *rand.Rand
	notRead  bool // Recv was refused what may be there
	notWrote bool // likewise
}

func newDribble(t mux.Transport, seed uint64) *dribble {
	return &dribble{Transport: t, r: rand.New(rand.NewPCG(seed, 0))}
}

// few is how many of at most n bytes pass now; 0: none.
func (d *dribble) few(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch d.r.IntN(4) {
	case 0:
		return 0
	case 1:
		return min(n, 1)
	}
	return min(n, 1+d.r.IntN(3000))
}

func (d *dribble) Recv(bufs [][]byte) (int, []*os.File, error) {
	k := d.few(len(bufs[0]))
	if d.notRead = k == 0; d.notRead {
		return 0, nil, mux.ErrAgain
	}
	return d.Transport.Recv([][]byte{bufs[0][:k]})
}

func (d *dribble) Send(bufs [][]byte, files []*os.File) (int, error) {
	k := d.few(len(bufs[0]))
	if d.notWrote = k == 0; d.notWrote {
		return 0, mux.ErrAgain
	}
	return d.Transport.Send([][]byte{bufs[0][:k]}, files)
}

// unless waits, unless Recv was refused.
func (d *dribble) unless(wait func() error) error {
	if d.notRead {
		return nil
	}
	return wait()
}

func (d *dribble) Poll() error { return d.unless(d.Transport.Poll) }
func (d *dribble) Park() error { return d.unless(d.Transport.Park) }
func (d *dribble) Rest() error { return d.unless(d.Transport.Rest) }

func (d *dribble) PollSend() error {
	if d.notWrote {
		return nil
	}
	return d.Transport.PollSend()
}

// ends does the handshake of both sides.
func ends(t testing.TB, k kind, a, b mux.Transport) (dialled, accepted *Conn) {
	t.Helper()
	var wg sync.WaitGroup
	var errD, errA error
	wg.Go(func() { dialled, errD = Dial(a, k.dialler) })
	wg.Go(func() { accepted, errA = Accept(b, k.accepts) })
	wg.Wait()
	if err := errors.Join(errD, errA); err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

// each runs f over each carrier with each kind.
func each(t *testing.T, f func(t *testing.T, d, a *Conn)) {
	for _, k := range kinds(t) {
		for _, c := range carriers() {
			t.Run(k.name+"/"+c.name, func(t *testing.T) {
				ta, tb := c.make(t)
				d, a := ends(t, k, ta, tb)
				f(t, d, a)
				d.Close()
				a.Close()
			})
		}
	}
}

// data is n bytes that differ from place to place.
func data(n int, seed uint64) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed)})
	b := make([]byte, n)
	r.Read(b)
	return b
}

func TestPeer(t *testing.T) {
	for _, k := range kinds(t) {
		ta, tb := transport.Pair()
		d, a := ends(t, k, ta, tb)
		var wantD, wantA Pin
		if k.dialler.Identity != nil {
			wantD, wantA = k.accepts.Identity.Pin(), k.dialler.Identity.Pin()
		}
		if d.Peer() != wantD || a.Peer() != wantA {
			t.Errorf("%s: %v and %v", k.name, d.Peer(), a.Peer())
		}
	}
}

func TestEcho(t *testing.T) {
	each(t, func(t *testing.T, d, a *Conn) {
		var wg sync.WaitGroup
		const rounds = 100
		wg.Go(func() {
			b := make([]byte, 64)
			for range rounds {
				if err := errors.Join(a.ReadFull(b), a.WriteAll(b)); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for i := range uint64(rounds) {
			want, got := data(64, i), make([]byte, 64)
			if err := errors.Join(d.WriteAll(want), d.ReadFull(got)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("round %d: other bytes came back", i)
			}
		}
		wg.Wait()
	})
}

// TestBulk sends both ways at once, in pieces of all sizes.
func TestBulk(t *testing.T) {
	each(t, func(t *testing.T, d, a *Conn) {
		size := 3 << 20
		if _, slow := d.Transport.(*dribble); slow {
			size = 600_000
		}
		var wg sync.WaitGroup
		for i, c := range []*Conn{d, a} {
			out, in := data(size, uint64(i)), data(size, uint64(1-i))
			wg.Go(func() {
				if err := transport.SendAll(c, pieced(out, uint64(i)), nil); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				got := make([]byte, size)
				if err := c.ReadFull(got); err != nil {
					t.Error(err)
				}
				if !bytes.Equal(got, in) {
					t.Error("other bytes came")
				}
			})
		}
		wg.Wait()
	})
}

// pieced is b in pieces of sizes from 0 to 200,000.
func pieced(b []byte, seed uint64) (bufs [][]byte) {
	r := rand.New(rand.NewPCG(seed, 1))
	for len(b) > 0 {
		n := min(len(b), r.IntN([]int{2, 30, 2000, 200_000}[r.IntN(4)]))
		bufs = append(bufs, b[:n])
		b = b[n:]
	}
	return bufs
}

func TestEnd(t *testing.T) {
	each(t, func(t *testing.T, d, a *Conn) {
		if err := d.WriteAll([]byte("last")); err != nil {
			t.Fatal(err)
		}
		d.Transport.Close()
		d.Transport, _ = transport.Pair()
		b := make([]byte, 4)
		if err := a.ReadFull(b); err != nil || string(b) != "last" {
			t.Fatalf("%q, %v", b, err)
		}
		for range 2 {
			if err := a.ReadFull(b); !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v", err)
			}
			if err := a.Poll(); err != nil { // returns at once
				t.Error(err)
			}
		}
	})
}

// TestWaitsSeePlaintext is that nobody waits for bytes when what they would bring has come
// already: the rest of a record, and the next one, which came with it.
func TestWaitsSeePlaintext(t *testing.T) {
	for _, k := range kinds(t) {
		synctest.Test(t, func(t *testing.T) { // which knows when all wait for ever
			ta, tb := transport.Pair()
			d, a := ends(t, k, ta, tb)
			for _, wait := range []func() error{a.Poll, a.Park, a.Rest} {
				if err := errors.Join(d.WriteAll([]byte("one")), d.WriteAll([]byte("two"))); err != nil {
					t.Fatal(err)
				}
				got := ""
				for len(got) < len("onetwo") {
					if err := wait(); err != nil {
						t.Fatal(err)
					}
					b := make([]byte, 2)
					n, _, err := a.Recv([][]byte{b})
					if err != nil && !errors.Is(err, mux.ErrAgain) {
						t.Fatal(err)
					}
					got += string(b[:n])
				}
				if got != "onetwo" {
					t.Errorf("%q came", got)
				}
			}
			d.Close()
			a.Close()
		})
	}
}

// TestSendKeepsItsWord is that bytes count as sent when they are out, all of them, and
// that it is noticed when others come in their place.
func TestSendKeepsItsWord(t *testing.T) {
	for _, k := range kinds(t) {
		ta, tb := transport.Pair()
		d, a := ends(t, k, ta, tb)
		body := data(3*transport.PairBuffer, 5)
		sent, err := 0, error(nil)
		for err == nil {
			var n int
			n, err = d.Send([][]byte{body[sent:]}, nil)
			sent += n
		}
		if err != mux.ErrAgain { // itself: that is what callers compare with
			t.Fatal(err)
		}
		if _, err := d.Send([][]byte{body[:1]}, nil); err == nil || errors.Is(err, mux.ErrAgain) {
			t.Errorf("%s: fewer bytes than are sealed: %v", k.name, err)
		}
		got := make([]byte, sent)
		if err := a.ReadFull(got); err != nil || !bytes.Equal(got, body[:sent]) {
			t.Errorf("%s: %d bytes were sent, and did not come: %v", k.name, sent, err)
		}
		n, err := d.Send([][]byte{body[sent:]}, nil)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		got = make([]byte, n)
		if err := a.ReadFull(got); err != nil || !bytes.Equal(got, body[sent:sent+n]) {
			t.Errorf("%s: the %d bytes that had waited are others: %v", k.name, n, err)
		}
		d.Close()
		a.Close()
	}
}
