// Package deep lets package inspect tell who signed a PE, when Options.Deep asks for it: a
// program imports it for that alone. It is apart because it links the standard library's
// certificates and a parser of PKCS #7.
//
// A signature is checked against the certificate that comes with it, and against the bytes
// of the file. Who issued that certificate, and whether it was revoked, is not checked:
// there is no list of trusted issuers for PE files here.
package deep

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1"   // for crypto.Hash
	_ "crypto/sha256" // likewise
	_ "crypto/sha512" // likewise
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ayoubfaouzi/pkcs7"

	"github.com/outwork-go/outwork/inspect"
)

// Bounds of a signature. A key of more bits would keep its reader busy for minutes.
const (
	maxNested  = 8 // signatures inside a signature
	maxKeyBits = 16 << 10
)

func init() { inspect.UseSignatureReader(read) }

// read is what inspect.UseSignatureReader is given.
func read(signature []byte, digest func(crypto.Hash) ([]byte, error)) (facts []inspect.Fact, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("its reader panicked: %v", e)
		}
	}()
	for range maxNested {
		if err := checkDER(signature); err != nil {
			return facts, err
		}
		p, err := pkcs7.Parse(signature)
		if err != nil {
			return facts, err
		}
		one, err := describe(p, digest)
		facts = append(facts, one...)
		if err != nil {
			return facts, err
		}
		if signature = nested(p); signature == nil {
			return facts, nil
		}
	}
	return facts, errors.New("there are too many signatures inside it")
}

// nested is the further signature that one may have as an attribute.
func nested(p *pkcs7.PKCS7) []byte {
	var raw asn1.RawValue
	if p.UnmarshalUnsignedAttribute(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 4, 1}, &raw) != nil {
		return nil
	}
	return raw.FullBytes
}

// describe is the facts about one signature.
func describe(p *pkcs7.PKCS7, digest func(crypto.Hash) ([]byte, error)) ([]inspect.Fact, error) {
	signer := p.GetOnlySigner()
	if signer == nil {
		return nil, errors.New("it has not exactly one signer with a certificate")
	}
	facts := []inspect.Fact{
		{Name: "Signed by", Value: name(signer.Subject)},
		{Name: "Certificate", Value: fmt.Sprintf("issued by %s, number %x, valid from %s to %s", name(signer.Issuer),
			signer.SerialNumber, signer.NotBefore.Format(time.DateOnly), signer.NotAfter.Format(time.DateOnly))},
	}
	told, err := check(p, signer, digest)
	if err != nil {
		return facts, err
	}
	return append(facts, inspect.Fact{Name: "Signature", Value: told}), nil
}

// check says whether a signature is that of its certificate, and of this file.
func check(p *pkcs7.PKCS7, signer *x509.Certificate, digest func(crypto.Hash) ([]byte, error)) (string, error) {
	hash, signed, err := signedDigest(p.Content)
	if err != nil {
		return "", err
	}
	is, err := digest(hash)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(is, signed) {
		return fmt.Sprintf("of other bytes: the file's %v is %x, not %x", hash, is, signed), nil
	}
	if key, ok := signer.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxKeyBits {
		return "", fmt.Errorf("its key has %d bits: it is not checked", key.N.BitLen())
	}
	if err := p.Verify(); err != nil {
		return "not made with that certificate: " + err.Error(), nil
	}
	return fmt.Sprintf("right (%v of the file); whether its issuer is to be trusted is not checked", hash), nil
}

// indirectData is SpcIndirectDataContent without its outer sequence.
type indirectData struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

// signedDigest is the digest of a file that a signature is for.
func signedDigest(content []byte) (crypto.Hash, []byte, error) {
	var what asn1.RawValue // SpcAttributeTypeAndOptionalValue
	rest, err := asn1.Unmarshal(content, &what)
	if err != nil {
		return 0, nil, err
	}
	var data indirectData
	if _, err := asn1.Unmarshal(rest, &data); err != nil {
		return 0, nil, err
	}
	for _, known := range []struct {
		oid  asn1.ObjectIdentifier
		hash crypto.Hash
	}{
		{pkcs7.OIDDigestAlgorithmSHA1, crypto.SHA1},
		{pkcs7.OIDDigestAlgorithmSHA256, crypto.SHA256},
		{pkcs7.OIDDigestAlgorithmSHA384, crypto.SHA384},
		{pkcs7.OIDDigestAlgorithmSHA512, crypto.SHA512},
	} {
		if data.Algorithm.Algorithm.Equal(known.oid) {
			return known.hash, data.Digest, nil
		}
	}
	return 0, nil, fmt.Errorf("its digest %v is not known here", data.Algorithm.Algorithm)
}

// name is a certificate's name for people.
func name(n pkix.Name) string {
	parts := []string{n.CommonName}
	parts = append(parts, n.Organization...)
	parts = append(parts, n.Country...)
	return strings.ToValidUTF8(strings.Trim(strings.Join(parts, ", "), ", "), "?")
}
