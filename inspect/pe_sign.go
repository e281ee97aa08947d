package inspect

import (
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/layout"
)

// Bounds of signatures.
const (
	maxSignatures  = 16      // in the table of certificates
	maxCertificate = 1 << 20 // bytes of one
)

// certificatePKCS7 is the type of the certificates that are signatures.
const certificatePKCS7 = 2

var readSignature func(signature []byte, digest func(crypto.Hash) ([]byte, error)) ([]Fact, error)

// UseSignatureReader lets Options.Deep tell of signatures: package inspect/deep calls it,
// during initialisation, so that programs without that package need not link what it is
// made of. read tells of one signature of a PE, which is PKCS #7 in BER. digest is that of the
// image, as Authenticode takes it: of all bytes but the checksum, the certificates and where
// those are said to be.
func UseSignatureReader(read func(signature []byte, digest func(crypto.Hash) ([]byte, error)) ([]Fact, error)) {
	readSignature = read
}

// readSignatures tells what is only known from all bytes of the file.
func (p *PE) readSignatures() {
	if err := p.checkSum(); err != nil {
		return // failed says why
	}
	dir := p.directory(dirSecurity)
	if dir.RVA == 0 || dir.Size == 0 {
		return
	}
	if readSignature == nil {
		p.r.warn("signatures are not read: the program was built without package inspect/deep")
		return
	}
	at, end := int64(dir.RVA), min(int64(dir.RVA)+int64(dir.Size), p.src.size)
	for range maxSignatures {
		if end-at < 8 {
			return
		}
		n, err := p.signature(at, end)
		if err != nil {
			p.r.warn("the signature at %#x: %v", at, err)
		}
		if n == 0 || p.src.failed != nil {
			return
		}
		at += n
	}
	p.r.warn("there are more than %d signatures: the rest is left out", maxSignatures)
}

// signature tells of the entry at an offset, and how far the next one is; 0 if that is not
// known.
func (p *PE) signature(at, end int64) (next int64, err error) {
	var head [8]byte
	if _, err := p.src.ReadAt(head[:], at); err != nil {
		return 0, err
	}
	size := int64(binary.LittleEndian.Uint32(head[:]))
	if size <= 8 || size > end-at || size > maxCertificate {
		return 0, fmt.Errorf("it is said to have %d bytes", size)
	}
	next = int64(roundUp(uint64(size), 8))
	kind := binary.LittleEndian.Uint16(head[6:])
	p.node(layout.Node{Name: "Certificate", Type: "WIN_CERTIFICATE", Offset: at, Size: size})
	if kind != certificatePKCS7 {
		return next, fmt.Errorf("it has the unknown type %d", kind)
	}
	b := make([]byte, size-8)
	if _, err := p.src.ReadAt(b, at+8); err != nil {
		return 0, err
	}
	facts, err := readSignature(b, p.digest)
	p.r.Facts = append(p.r.Facts, facts...)
	return next, err
}

// digest is the one that Authenticode signs.
func (p *PE) digest(h crypto.Hash) ([]byte, error) {
	if !h.Available() {
		return nil, fmt.Errorf("the digest %v is not known here", h)
	}
	sum := h.New()
	from := int64(0)
	for _, without := range p.unsigned() {
		if err := p.copy(sum, from, without.Offset); err != nil {
			return nil, err
		}
		from = max(from, without.Offset+without.Size)
	}
	if err := p.copy(sum, from, p.src.size); err != nil {
		return nil, err
	}
	return sum.Sum(nil), nil
}

// unsigned is what a signature does not cover, in order.
func (p *PE) unsigned() []Span {
	spans := []Span{{p.optional.FieldOffset("CheckSum"), 4}}
	if p.dirCount > dirSecurity {
		spans = append(spans, Span{p.dirs.FieldOffset(dirNames[dirSecurity]), 8})
	}
	dir := p.directory(dirSecurity)
	return append(spans, Span{int64(dir.RVA), int64(dir.Size)})
}

// copy writes the bytes of the file up to an offset to w. They do not count against the
// bounds of a parse: how long a whole file takes is bounded by the context alone.
func (p *PE) copy(w io.Writer, from, to int64) error {
	b := make([]byte, 256<<10)
	for from < min(to, p.src.size) {
		n, err := container.ReadAt(p.src.ctx, p.src.c, b[:min(int64(len(b)), to-from, p.src.size-from)], from)
		if n == 0 || err != nil && !errors.Is(err, io.EOF) {
			p.src.failed = fmt.Errorf("read at %#x: %w", from, err)
			return p.src.failed
		}
		_, _ = w.Write(b[:n])
		from += int64(n)
	}
	return nil
}

// checkSum tells whether the checksum in the headers is that of the file: the sum of all
// its u16, with what is carried, and its size.
func (p *PE) checkSum() error {
	stated := uint32(p.optional.Uint("CheckSum"))
	if stated == 0 {
		return nil
	}
	at := p.optional.FieldOffset("CheckSum")
	var sum wordSum
	err := errors.Join(p.copy(&sum, 0, at), p.copy(&sum, at+4, p.src.size))
	if err != nil {
		return err
	}
	told := "right"
	if is := sum.fold() + uint32(p.src.size); is != stated {
		told = fmt.Sprintf("wrong: it would be %#x", is)
	}
	p.r.fact("Checksum is", "%s", told)
	return nil
}

// wordSum adds up what is written to it as u16.
type wordSum struct {
	sum uint64
	odd bool
}

func (s *wordSum) Write(b []byte) (int, error) {
	for _, c := range b {
		if s.odd {
			s.sum += uint64(c) << 8
		} else {
			s.sum += uint64(c)
		}
		s.odd = !s.odd
	}
	return len(b), nil
}

func (s *wordSum) fold() uint32 {
	n := s.sum
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	return uint32(n)
}
