package channel

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"time"
)

// Pin is what a key is known by: the SHA-256 of its SubjectPublicKeyInfo.
type Pin [32]byte

// String is p in hexadecimal.
func (p Pin) String() string { return hex.EncodeToString(p[:]) }

// SeedSize is the length of an identity's seed, in bytes.
const SeedSize = ed25519.SeedSize

// Identity is a side's key. It does not change, and is safe for concurrent use.
type Identity struct {
	pin  Pin
	key  ed25519.PrivateKey
	cert tls.Certificate
}

// NewIdentity makes a key.
func NewIdentity() (*Identity, error) {
	var seed [SeedSize]byte
	rand.Read(seed[:])
	return IdentityOf(seed)
}

// Certificates hold from the first to the last time that one can name: nobody looks, and
// no clock can be wrong.
var (
	notBefore = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// IdentityOf is the key of that seed.
func IdentityOf(seed [SeedSize]byte) (*Identity, error) {
	key := ed25519.NewKeyFromSeed(seed[:])
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: notBefore, NotAfter: notAfter}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &Identity{
		pin:  pinOf(leaf),
		key:  key,
		cert: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
	}, nil
}

// pinOf is the pin of c's key.
func pinOf(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// Seed is what IdentityOf makes the key of again. It is a secret.
func (i *Identity) Seed() (seed [SeedSize]byte) {
	copy(seed[:], i.key.Seed())
	return seed
}

// Pin is what the key is known by.
func (i *Identity) Pin() Pin { return i.pin }
