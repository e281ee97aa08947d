package channel

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// soon stops transports that would wait for ever, in a synctest bubble at once.
func soon(ts ...mux.Transport) {
	time.AfterFunc(time.Minute, func() {
		for _, t := range ts {
			t.Stop()
		}
	})
}

// foreign is a TLS client that is not this package's, over t.
func foreign(t mux.Transport, cfg *tls.Config) *tls.Conn {
	return tls.Client(&tlsWire{wire: &wire{t: t}, shaking: true}, cfg)
}

// ecdsaCert is a certificate with a key of another kind.
func ecdsaCert(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: notBefore, NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// dated is id's key in a certificate with other dates and names.
func dated(t *testing.T, id *Identity, from, to time.Time) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: from, NotAfter: to, DNSNames: []string{"example.org"}}
	der, err := x509.CreateCertificate(nil, template, template, id.key.Public(), id.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: id.key}
}

// TestListenerRefuses has clients that are no diallers.
func TestListenerRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(cfg *tls.Config)
		says   string // empty: it is let in
	}{
		{"as it should be", func(*tls.Config) {}, ""},
		{"expired", func(cfg *tls.Config) {
			cfg.Certificates[0] = dated(t, newIdentity(t, 1), time.Unix(0, 0), time.Unix(1, 0))
		}, ""},
		{"not yet valid", func(cfg *tls.Config) {
			cfg.Certificates[0] = dated(t, newIdentity(t, 1), notAfter.AddDate(-1, 0, 0), notAfter)
		}, ""},
		{"TLS 1.2", func(cfg *tls.Config) { cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }, "version"},
		{"other ALPN", func(cfg *tls.Config) { cfg.NextProtos = []string{"h2"} }, "application protocol"},
		{"no ALPN", func(cfg *tls.Config) { cfg.NextProtos = nil }, "does not speak outwork/1"},
		{"no certificate", func(cfg *tls.Config) { cfg.Certificates = nil }, "certificate"},
		{"ECDSA key", func(cfg *tls.Config) { cfg.Certificates[0] = ecdsaCert(t) }, "Ed25519"},
		{"certificate without end", func(cfg *tls.Config) {
			for range 200 {
				cert := &cfg.Certificates[0]
				cert.Certificate = append(cert.Certificate, cert.Certificate[0])
			}
		}, "handshake of more than 32768 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ta, tb := transport.Pair()
				soon(ta, tb)
				cfg := tlsConfig(kinds(t)[0].dialler, dialler)
				cfg.VerifyConnection = nil
				c.change(cfg)
				go func() {
					conn := foreign(ta, cfg)
					conn.Handshake()
					conn.Write([]byte("x")) // a client has shaken hands before the server has looked at it
				}()
				a, err := Accept(tb, kinds(t)[0].accepts)
				if c.says == "" {
					if err != nil || a.Peer() != newIdentity(t, 1).Pin() {
						t.Fatal(err)
					}
					a.Close()
					return
				}
				if err == nil || rule(err) != "tls" || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want rule tls and %q", err, c.says)
				}
			})
		})
	}
}

// TestListenerGetsOther has peers that speak no TLS.
func TestListenerGetsOther(t *testing.T) {
	greet := greeting(dialler, nonceD)
	for name, b := range map[string][]byte{
		"HTTP":         []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"ssh":          []byte("SSH-2.0-OpenSSH_9.2p1\r\n"),
		"SSLv2":        {0x80, 0x2e, 1, 0, 2, 0, 0, 0, 0, 0},
		"record layer": greet[:],
		"noise":        data(1000, 9),
		"zeros":        make([]byte, 1000),
		"empty record": bytes.Repeat([]byte{22, 3, 1, 0, 0}, 100),
		"alert":        {21, 3, 3, 0, 2, 2, 40},
	} {
		_, err := Accept(&scripted{in: b}, kinds(t)[0].accepts)
		if rule(err) != "tls" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, in := range [][]byte{nil, {22, 3, 1, 2}, {22, 3, 1, 0, 200, 1}} {
		if _, err := Accept(&scripted{in: in}, kinds(t)[0].accepts); !errors.Is(err, io.EOF) {
			t.Errorf("an end after %d bytes: %v", len(in), err)
		}
	}
}

func TestWrongPin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ta, tb := transport.Pair()
		soon(ta, tb)
		k := kinds(t)[0]
		k.dialler.Pin[3] ^= 1
		refused := make(chan error, 1)
		go func() { _, err := Accept(tb, k.accepts); refused <- err }()
		_, err := Dial(ta, k.dialler)
		wrong, ok := errors.AsType[*KeyError](err)
		if !ok || wrong.Got != k.accepts.Identity.Pin() || wrong.Want != k.dialler.Pin {
			t.Errorf("%v", err)
		}
		if err := <-refused; rule(err) != "tls" || !strings.Contains(err.Error(), "bad certificate") {
			t.Errorf("who listens: %v", err)
		}
	})
}

func TestDiallerRefuses(t *testing.T) {
	for name, change := range map[string]func(cfg *tls.Config){
		"TLS 1.2":    func(cfg *tls.Config) { cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 },
		"other ALPN": func(cfg *tls.Config) { cfg.NextProtos = []string{"h2"} },
		"no ALPN":    func(cfg *tls.Config) { cfg.NextProtos = nil },
		"ECDSA key":  func(cfg *tls.Config) { cfg.Certificates[0] = ecdsaCert(t) },
	} {
		synctest.Test(t, func(t *testing.T) {
			ta, tb := transport.Pair()
			soon(ta, tb)
			cfg := tlsConfig(kinds(t)[0].accepts, listener)
			change(cfg)
			go func() {
				tls.Server(&tlsWire{wire: &wire{t: tb}, shaking: true}, cfg).Handshake()
				tb.Close()
			}()
			if _, err := Dial(ta, kinds(t)[0].dialler); rule(err) != "tls" {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// mangler changes what comes.
type mangler struct {
	mux.Transport
	seen  int // bytes
	flip  int // which byte; -1: none
	cutAt int // after how many bytes it ends; -1: never
}

func (m *mangler) Recv(bufs [][]byte) (int, []*os.File, error) {
	b := bufs[0]
	if m.cutAt >= 0 {
		if b = b[:min(len(b), m.cutAt-m.seen)]; len(b) == 0 {
			return 0, nil, io.EOF
		}
	}
	n, files, err := m.Transport.Recv([][]byte{b})
	if at := m.flip - m.seen; at >= 0 && at < n {
		b[at] ^= 0x20
	}
	m.seen += n
	return n, files, err
}

// Park does not wait when it has ended.
func (m *mangler) Park() error {
	if m.cutAt == m.seen {
		return nil
	}
	return m.Transport.Park()
}

// TestHandshakeMangled flips and cuts everywhere in the handshake, each way. Both sides
// end, and tell why; or nothing was hurt.
func TestHandshakeMangled(t *testing.T) {
	k := kinds(t)[0]
	for _, way := range []role{dialler, listener} {
		for _, cut := range []bool{false, true} {
			t.Run(fmt.Sprintf("to %d, cut %v", way, cut), func(t *testing.T) {
				hurt := 0
				for at := 0; at < 2500; at += 13 {
					synctest.Test(t, func(t *testing.T) { hurt += mangledHandshake(t, k, way, at, cut) })
				}
				if hurt < 50 {
					t.Errorf("%d handshakes were hurt: that is no test", hurt)
				}
			})
		}
	}
}

// mangledHandshake is one, of which what comes to way is changed. hurt is 1 when somebody
// noticed.
func mangledHandshake(t *testing.T, k kind, way role, at int, cut bool) (hurt int) {
	ta, tb := transport.Pair()
	m := &mangler{flip: at, cutAt: -1}
	if cut {
		m.flip, m.cutAt = -1, at
	}
	da, db := ta, tb
	if way == dialler {
		m.Transport, da = ta, m
	} else {
		m.Transport, db = tb, m
	}
	soon(ta, tb)
	var d, a *Conn
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { d, errs[0] = Dial(da, k.dialler) })
	wg.Go(func() { a, errs[1] = Accept(db, k.accepts) })
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			continue
		}
		hurt = 1
		if r := rule(err); r != "tls" && r != "EOF" && !errors.Is(err, errStopped) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	if mine := errs[way-1]; cut && mine != nil && !errors.Is(mine, io.EOF) {
		t.Errorf("cut at %d: %v", at, mine)
	}
	if m.seen <= at {
		m.flip = -1
	}
	if errs[0] == nil && errs[1] == nil && !cut { // then it works
		b := make([]byte, 4)
		if err := errors.Join(d.WriteAll([]byte("here")), a.ReadFull(b)); err != nil || string(b) != "here" {
			t.Errorf("byte %d: both took it, and then %q, %v", at, b, err)
		}
	}
	for _, c := range []*Conn{d, a} {
		if c != nil {
			c.Close()
		}
	}
	return hurt
}

// held is a transport whose sent bytes can be kept back.
type held struct {
	mux.Transport
	hold bool
	sent []byte
}

func (h *held) Send(bufs [][]byte, files []*os.File) (n int, err error) {
	if !h.hold {
		return h.Transport.Send(bufs, files)
	}
	for _, b := range bufs {
		h.sent = append(h.sent, b...)
		n += len(b)
	}
	return n, nil
}

// tlsRecords are b's.
func tlsRecords(b []byte) (recs [][]byte) {
	for len(b) > 0 {
		n := tlsHeader + announced(b)
		recs = append(recs, b[:n])
		b = b[n:]
	}
	return recs
}

// altered sends texts, a record each, over TLS; change makes of their records what
// arrives before the end. It returns what is delivered and why that ended.
func altered(t *testing.T, change func(recs [][]byte) []byte, texts ...string) (got string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ta, tb := transport.Pair()
		h := &held{Transport: ta}
		d, a := ends(t, kinds(t)[0], h, tb)
		h.hold = true
		for _, text := range texts {
			if err := d.WriteAll([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		h.hold = false
		b := change(tlsRecords(h.sent))
		if n, err := h.Send([][]byte{b}, nil); n != len(b) {
			t.Fatal(err)
		}
		ta.Close()
		for buf := make([]byte, 5); err == nil; {
			var n int
			n, _, err = a.Recv([][]byte{buf})
			got += string(buf[:n])
			if errors.Is(err, mux.ErrAgain) {
				err = a.Park()
			}
		}
		a.Close()
	})
	return got, err
}

func TestTLSFlipped(t *testing.T) {
	texts := []string{"one", "the second", "3"}
	size := tlsOverhead
	for record, before := 0, ""; record < len(texts); record++ {
		for at := range size + len(texts[record]) {
			got, err := altered(t, func(recs [][]byte) []byte {
				recs[record][at] ^= 1
				return slices.Concat(recs...)
			}, texts...)
			r := rule(err)
			if inLength := at == 3 || at == 4; got != before || r != "tls" && (!inLength || r != "EOF") {
				t.Errorf("record %d, byte %d: %q, %v", record, at, got, err)
			}
		}
		before += texts[record]
	}
}

func TestTLSCut(t *testing.T) {
	texts := []string{"one", "the second"}
	for n := range 2*tlsOverhead + 13 {
		want := ""
		if n >= tlsOverhead+3 {
			want = "one"
		}
		got, err := altered(t, func(recs [][]byte) []byte { return slices.Concat(recs...)[:n] }, texts...)
		if got != want || err != io.EOF {
			t.Errorf("cut at %d: %q, %v", n, got, err)
		}
	}
}

func TestTLSMoved(t *testing.T) {
	for name, c := range map[string]struct {
		order []int
		want  string
	}{
		"honest":         {[]int{0, 1, 2}, "onetwothree"},
		"replayed":       {[]int{0, 0}, "one"},
		"replayed later": {[]int{0, 1, 0}, "onetwo"},
		"swapped":        {[]int{0, 2, 1}, "one"},
		"dropped":        {[]int{1, 2}, ""},
	} {
		got, err := altered(t, func(recs [][]byte) (b []byte) {
			for _, i := range c.order {
				b = append(b, recs[i]...)
			}
			return b
		}, "one", "two", "three")
		if broken := rule(err); got != c.want || (broken != "tls") != (name == "honest") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestTLSTooLong is a record of a length that none may have: it is not waited for.
func TestTLSTooLong(t *testing.T) {
	got, err := altered(t, func(recs [][]byte) []byte { return append(recs[0], 23, 3, 3, 0x41, 1) }, "one")
	if got != "one" || rule(err) != "tls" {
		t.Errorf("%q, %v", got, err)
	}
}

// clientKeys writes records as a TLS client does, from its traffic secret.
type clientKeys struct {
	secret []byte
	suite  uint16
	seq    uint64
}

func (k *clientKeys) expand(label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	label = "tls13 " + label
	info = append(append(append(info, byte(len(label))), label...), 0)
	var b []byte
	var err error
	if k.suite == tls.TLS_AES_256_GCM_SHA384 {
		b, err = hkdf.Expand(sha512.New384, k.secret, string(info), n)
	} else {
		b, err = hkdf.Expand(sha256.New, k.secret, string(info), n)
	}
	if err != nil {
		panic(err)
	}
	return b
}

// record is one of the type kind with body.
func (k *clientKeys) record(kind byte, body ...byte) []byte {
	size := 16
	if k.suite == tls.TLS_AES_256_GCM_SHA384 {
		size = 32
	}
	block, err := aes.NewCipher(k.expand("key", size))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	nonce := k.expand("iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, k.seq) {
		nonce[4+i] ^= b
	}
	k.seq++
	plain := append(slices.Clone(body), kind)
	header := []byte{23, 3, 3, 0, byte(len(plain) + 16)}
	return aead.Seal(header, nonce, plain, header)
}

// update goes on to the next key.
func (k *clientKeys) update() { k.secret, k.seq = k.expand("traffic upd", len(k.secret)), 0 }

const (
	typeHandshake = 22
	typeData      = 23
)

// keyUpdate asks for the other side's, too.
var keyUpdate = []byte{24, 0, 0, 1, 1}

// updating is a listener whose client writes with keys of its own.
func updating(t *testing.T) (client *tls.Conn, raw mux.Transport, keys *clientKeys, a *Conn) {
	t.Helper()
	ta, tb := transport.Pair()
	soon(ta, tb)
	var log bytes.Buffer
	cfg := tlsConfig(kinds(t)[0].dialler, dialler)
	cfg.KeyLogWriter = &log
	client = foreign(ta, cfg)
	var wg sync.WaitGroup
	var errs [2]error
	wg.Go(func() { errs[0] = client.Handshake() })
	wg.Go(func() { a, errs[1] = Accept(tb, kinds(t)[0].accepts) })
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	keys = &clientKeys{suite: client.ConnectionState().CipherSuite}
	if keys.suite == tls.TLS_CHACHA20_POLY1305_SHA256 {
		const why = "this machine has no AES instructions: crypto/tls takes another cipher than this test knows"
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	for line := range strings.Lines(log.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			keys.secret, _ = hex.DecodeString(f[2])
		}
	}
	return client, ta, keys, a
}

func sendRaw(t *testing.T, to mux.Transport, b []byte) {
	t.Helper()
	if n, err := to.Send([][]byte{b}, nil); n != len(b) {
		t.Fatal(err)
	}
}

// TestKeyUpdate is that what TLS answers by itself leaves in its place among what is sent.
func TestKeyUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, raw, keys, a := updating(t)
		defer a.Close()
		for i := range byte(3) {
			sendRaw(t, raw, keys.record(typeHandshake, keyUpdate...))
			keys.update()
			if i == 0 { // alone, it is nothing to read
				if _, _, err := a.Recv([][]byte{make([]byte, 9)}); !errors.Is(err, mux.ErrAgain) {
					t.Fatal(err)
				}
			}
			sendRaw(t, raw, keys.record(typeData, 'x', i))
			b := make([]byte, 2)
			if err := a.ReadFull(b); err != nil || string(b) != string([]byte{'x', i}) {
				t.Fatalf("%q, %v", b, err)
			}
			if err := a.WriteAll([]byte{'y', i}); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(client, b); err != nil || string(b) != string([]byte{'y', i}) {
				t.Fatalf("round %d: %q, %v", i, b, err)
			}
		}
	})
}

// TestKeyUpdateFlood has a peer that makes this side answer, and never reads: what waits
// for it is bounded.
func TestKeyUpdateFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, raw, keys, a := updating(t)
		defer a.Close()
		var err error
		for i := 0; err == nil; i++ {
			if i > mostPending {
				t.Fatal("it goes on")
			}
			sendRaw(t, raw, keys.record(typeHandshake, keyUpdate...))
			keys.update()
			sendRaw(t, raw, keys.record(typeData, 'x'))
			err = a.ReadFull(make([]byte, 1))
		}
		if !errors.Is(err, errFlood) {
			t.Error(err)
		}
		if _, err := a.Send([][]byte{[]byte("y")}, nil); !errors.Is(err, errFlood) {
			t.Error(err)
		}
	})
}

// TestKeyUpdateAlone has a peer that does nothing else.
func TestKeyUpdateAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, raw, keys, a := updating(t)
		defer a.Close()
		for range 40 {
			sendRaw(t, raw, keys.record(typeHandshake, keyUpdate...))
			keys.update()
		}
		if err := a.ReadFull(make([]byte, 1)); rule(err) != "tls" {
			t.Error(err)
		}
	})
}

// TestAlert is that whatever TLS says of this side ends it, and close_notify is an end.
func TestAlert(t *testing.T) {
	for body, want := range map[[2]byte]string{{2, 40}: "tls", {1, 0}: "EOF"} {
		synctest.Test(t, func(t *testing.T) {
			_, raw, keys, a := updating(t)
			sendRaw(t, raw, slices.Concat(keys.record(typeData, 'x'), keys.record(21, body[:]...)))
			b := make([]byte, 1)
			if err := a.ReadFull(b); err != nil || b[0] != 'x' {
				t.Errorf("%q, %v", b, err)
			}
			if err := a.ReadFull(b); rule(err) != want {
				t.Errorf("alert %v: %v", body, err)
			}
			a.Close()
		})
	}
}

func TestSeed(t *testing.T) {
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	again, err := IdentityOf(id.Seed())
	if err != nil || again.Pin() != id.Pin() {
		t.Errorf("%v and %v, %v", id.Pin(), again.Pin(), err)
	}
	if newIdentity(t, 1).Pin() == newIdentity(t, 2).Pin() {
		t.Error("two seeds have one pin")
	}
}
