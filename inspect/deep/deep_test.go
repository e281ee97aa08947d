package deep

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ayoubfaouzi/pkcs7"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
)

// Where things are in the image of these tests: headers alone.
const (
	optionalAt = 0x40 + 24
	checkSumAt = optionalAt + 64
	securityAt = optionalAt + 112 + 4*8
	imageSize  = 0x200
)

// image is a PE32+ of headers, with one certificate behind it.
func image(certificate []byte) []byte {
	b := make([]byte, imageSize)
	copy(b, "MZ")
	b[0x3c] = 0x40
	copy(b[0x40:], "PE\x00\x00\x64\x86")
	binary.LittleEndian.PutUint16(b[0x40+20:], 240)
	b[0x40+22] = 2
	copy(b[optionalAt:], "\x0b\x02")
	b[optionalAt+68] = 10
	b[optionalAt+108] = 16
	b[imageSize-1] = 77
	if certificate == nil {
		return b
	}
	binary.LittleEndian.PutUint32(b[securityAt:], imageSize)
	binary.LittleEndian.PutUint32(b[securityAt+4:], uint32(8+len(certificate)))
	b = binary.LittleEndian.AppendUint32(b, uint32(8+len(certificate)))
	b = append(b, "\x00\x02\x02\x00"...)
	return append(b, certificate...)
}

// digest is what a signature of image signs.
func digest() []byte {
	b := image(nil)
	h := sha256.New()
	h.Write(b[:checkSumAt])
	h.Write(b[checkSumAt+4 : securityAt])
	h.Write(b[securityAt+8:])
	return h.Sum(nil)
}

// content is the SpcIndirectDataContent of a digest, without its outer sequence.
func content(t *testing.T, digest []byte) []byte {
	t.Helper()
	type attribute struct{ Type asn1.ObjectIdentifier }
	what, err := asn1.Marshal(attribute{asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 1, 15}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := asn1.Marshal(indirectData{pkix.AlgorithmIdentifier{Algorithm: pkcs7.OIDDigestAlgorithmSHA256}, digest})
	if err != nil {
		t.Fatal(err)
	}
	return append(what, data...)
}

// sign is a signature of content by a certificate that its key made for itself.
func sign(t *testing.T, content []byte) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), Subject: pkix.Name{CommonName: "A Signer", Country: []string{"XX"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSigner(cert, key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	out, err := signed.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func parse(t *testing.T, b []byte) *inspect.Report {
	t.Helper()
	r, err := inspect.Parse(t.Context(), container.FromBytes(b), inspect.Options{Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fact(r *inspect.Report, name string) string {
	i := slices.IndexFunc(r.Facts, func(f inspect.Fact) bool { return f.Name == name })
	if i < 0 {
		return ""
	}
	return r.Facts[i].Value
}

func TestSignature(t *testing.T) {
	good := image(sign(t, content(t, digest())))
	change := func(at int) []byte {
		b := slices.Clone(good)
		b[at] ^= 1
		return b
	}
	for _, test := range []struct {
		name, want string
		b          []byte
	}{
		{"good", "right (SHA-256 of the file)", good},
		{"another checksum", "right (SHA-256 of the file)", change(checkSumAt)},
		{"another byte", "of other bytes: the file's SHA-256 is", change(imageSize - 1)},
		{"more behind it", "of other bytes: the file's SHA-256 is", append(slices.Clone(good), make([]byte, 16)...)},
		{"another signature", "not made with that certificate: ", change(len(good) - 1)},
	} {
		r := parse(t, test.b)
		if got := fact(r, "Signature"); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %q, warnings %q", test.name, got, r.Warnings)
		}
	}
	r := parse(t, good)
	if got := fact(r, "Signed by"); got != "A Signer, XX" {
		t.Error(got)
	}
	if got := fact(r, "Certificate"); !strings.HasPrefix(got, "issued by A Signer, XX, number abc, valid from ") {
		t.Error(got)
	}
}

func TestCheckSum(t *testing.T) {
	b := image(nil)
	binary.LittleEndian.PutUint32(b[checkSumAt:], 1)
	told := fact(parse(t, b), "Checksum is")
	want, ok := strings.CutPrefix(told, "wrong: it would be ")
	if !ok {
		t.Fatal(told)
	}
	n, ok := new(big.Int).SetString(want, 0)
	if !ok {
		t.Fatal(want)
	}
	binary.LittleEndian.PutUint32(b[checkSumAt:], uint32(n.Uint64()))
	if told := fact(parse(t, b), "Checksum is"); told != "right" {
		t.Error(told)
	}
}

// nest is that many sequences inside each other.
func nest(n int) []byte {
	b := make([]byte, 6*n)
	for i := range n {
		b[6*i], b[6*i+1] = 0x30, 0x84
		binary.BigEndian.PutUint32(b[6*i+2:], uint32(6*(n-i-1)))
	}
	return b
}

func TestBrokenSignatures(t *testing.T) {
	good := sign(t, content(t, digest()))
	for _, test := range []struct {
		name        string
		certificate []byte
		want        string
	}{
		{"none", []byte{}, "the signature at 0x200: it is said to have 8 bytes"},
		{"cut off", good[:len(good)/2], "the signature at 0x200: a value of it reaches beyond its end"},
		{"no signature", []byte("\x30\x03\x02\x01\x01"), "the signature at 0x200: "},
		{"no digest", sign(t, []byte("text")), "the signature at 0x200: "},
		{"of unknown length", bytes.Repeat([]byte("\x30\x80"), 400_000), "the signature at 0x200: it is not in DER, as signatures of a PE are"},
		{"deep", nest(60_000), "the signature at 0x200: more than 64 of its values are inside each other"},
		{"too much", make([]byte, 1<<20), "the signature at 0x200: it is said to have 1048584 bytes"},
	} {
		r := parse(t, image(test.certificate))
		if len(r.Warnings) == 0 || !strings.HasPrefix(r.Warnings[len(r.Warnings)-1], test.want) {
			t.Errorf("%s: %.300q", test.name, r.Warnings)
		}
	}
}

// A digest that cannot be had is told, and a panic of the parser is.
func TestReadTellsWhatFails(t *testing.T) {
	b := sign(t, content(t, digest()))
	_, err := read(b, func(crypto.Hash) ([]byte, error) { panic("oh") })
	if err == nil || err.Error() != "its reader panicked: oh" {
		t.Error(err)
	}
}

// A signature that is changed in a byte, or cut off, has an answer.
func TestMutations(t *testing.T) {
	good := sign(t, content(t, digest()))
	outcomes := map[bool]int{}
	for at := range good {
		b := slices.Clone(good)
		b[at] ^= 1 << (at % 8)
		for _, b := range [][]byte{b, good[:at]} {
			facts, err := read(b, func(crypto.Hash) ([]byte, error) { return digest(), nil })
			if err == nil && len(facts) == 0 {
				t.Fatalf("byte %d changed, %d in all: no answer", at, len(b))
			}
			outcomes[err == nil]++
		}
	}
	if outcomes[true] == 0 || outcomes[false] < len(good) {
		t.Errorf("answers and errors: %v", outcomes)
	}
}
