package tcp

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/internal/channel"
)

// keys are how a listener is known.
func (c *ListenConfig) keys() (keys channel.Config, err error) {
	switch {
	case c.Secret != nil && c.Identity != nil:
		return keys, errors.New("with a secret there is no identity")
	case c.Secret != nil:
		keys.Secret, err = c.Secret, checkSecret(c.Secret)
	case c.Identity != nil:
		keys.Identity, err = parseIdentity(c.Identity)
	default:
		keys.Identity, err = channel.NewIdentity()
	}
	return keys, err
}

func checkSecret(secret []byte) error {
	if len(secret) < channel.MinSecret {
		return fmt.Errorf("the secret has %d bytes, and must have %d at least", len(secret), channel.MinSecret)
	}
	return nil
}

// identityBlock is the type of an identity's PEM block.
const identityBlock = "PRIVATE KEY"

// NewIdentity makes a key for ListenConfig.Identity, as PEM (PKCS #8, Ed25519). It is a
// secret.
func NewIdentity() ([]byte, error) {
	id, err := channel.NewIdentity()
	if err != nil {
		return nil, err
	}
	seed := id.Seed()
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: identityBlock, Bytes: der}), nil
}

func parseIdentity(text []byte) (*channel.Identity, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != identityBlock {
		return nil, errors.New("the identity is no PEM of a private key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the identity: %w", err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the identity is a %T, not an Ed25519 key", key)
	}
	return channel.IdentityOf([channel.SeedSize]byte(private.Seed()))
}
