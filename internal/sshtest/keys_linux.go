package sshtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
)

// keyType is the only kind of key here: the standard library writes private ones in a
// form that ssh and sshd read.
const keyType = "ecdsa-sha2-nistp256"

// newKey makes a key: the private half as a file, the public one as a line without its
// end.
func newKey() (private []byte, public string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, "", fmt.Errorf("make a key: %w", err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, "", fmt.Errorf("make a key: %w", err)
	}
	private = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return private, keyType + " " + base64.StdEncoding.EncodeToString(publicBlob(point)), nil
}

// publicBlob is a public key as RFC 5656 has it: three strings.
func publicBlob(point []byte) []byte {
	var blob []byte
	for _, s := range [][]byte{[]byte(keyType), []byte("nistp256"), point} {
		blob = binary.BigEndian.AppendUint32(blob, uint32(len(s)))
		blob = append(blob, s...)
	}
	return blob
}
