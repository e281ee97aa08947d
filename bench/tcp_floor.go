package main

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/outwork-go/outwork/bench/internal/relayed"
)

// floorSession tells the other end what to do, and has no protocol beyond that.
type floorSession struct {
	net.Conn
	buf []byte
}

func dialFloor(c *net.TCPConn) (bulker, error) { return newFloor(c), nil }

func newFloor(c net.Conn) *floorSession {
	return &floorSession{Conn: c, buf: make([]byte, relayed.PieceBytes)}
}

func (f *floorSession) expect(n int) error { return relayed.WriteOrder(f, relayed.Echo, int64(n)) }

func (f *floorSession) echo(p []byte) error {
	if _, err := f.Write(p); err != nil {
		return err
	}
	_, err := io.ReadFull(f, f.buf[:len(p)])
	return err
}

func (f *floorSession) there(n int) error {
	err := relayed.WriteOrder(f, relayed.Sink, int64(n))
	if err == nil {
		err = relayed.GiveAll(f, f.buf, int64(n))
	}
	if err == nil {
		err = relayed.Take(f, f.buf, 1)
	}
	return err
}

func (f *floorSession) back(n int) error {
	if err := relayed.WriteOrder(f, relayed.Give, int64(n)); err != nil {
		return err
	}
	return relayed.Take(f, f.buf, int64(n))
}

func (f *floorSession) close() error { return f.Close() }

// tlsFloor is TLS 1.3 with a key like those of outwork's channels.
func tlsFloor() (*tls.Config, error) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, public, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		InsecureSkipVerify: true, // there is no one in between
		ClientAuth:         tls.RequireAnyClientCert,
	}, nil
}

func dialTLSFloor(c *net.TCPConn) (bulker, error) {
	cfg, err := tlsFloor()
	if err != nil {
		return nil, err
	}
	conn := tls.Client(c, cfg)
	return newFloor(conn), conn.Handshake()
}

func serveTLSFloor(c *net.TCPConn) error {
	cfg, err := tlsFloor()
	if err != nil {
		return err
	}
	conn := tls.Server(c, cfg)
	return relayed.Obey(conn, conn)
}
