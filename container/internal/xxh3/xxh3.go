// Package xxh3 is the hash XXH3 of 64 bits with the seed 0, as the xxHash project
// specifies it: quick, and no protection against anybody who means to mislead.
//
// The packages that have it in assembly look at the processor when a program starts
// (github.com/klauspost/cpuid: 0.28 ms in a virtual machine, a sixth of a worker's start).
// This one does nothing then.
package xxh3

import (
	"encoding/binary"
	"math/bits"
)

const (
	stripe    = 64               // bytes that are taken at a time
	block     = stripe * stripes // bytes after which the state is scrambled
	stripes   = (len(secret) - stripe) / 8
	shortMost = 240 // bytes: up to there it is another function
)

const (
	prime32n1 uint64 = 0x9E3779B1
	prime32n2 uint64 = 0x85EBCA77
	prime32n3 uint64 = 0xC2B2AE3D
	prime64n1 uint64 = 0x9E3779B185EBCA87
	prime64n2 uint64 = 0xC2B2AE3D27D4EB4F
	prime64n3 uint64 = 0x165667B19E3779F9
	prime64n4 uint64 = 0x85EBCA77C2B2AE63
	prime64n5 uint64 = 0x27D4EB2F165667C5
	primeMix1 uint64 = 0x165667919E3779F9
	primeMix2 uint64 = 0x9FB21C651E98DF25
)

// secret is the specification's own.
const secret = "" +
	"\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe\x7c\x01\x81\x2c\xf7\x21\xad\x1c\xde\xd4\x6d\xe9\x83\x90\x97\xdb\x72\x40\xa4\xa4\xb7\xb3\x67\x1f" +
	"\xcb\x79\xe6\x4e\xcc\xc0\xe5\x78\x82\x5a\xd0\x7d\xcc\xff\x72\x21\xb8\x08\x46\x74\xf7\x43\x24\x8e\xe0\x35\x90\xe6\x81\x3a\x26\x4c" +
	"\x3c\x28\x52\xbb\x91\xc3\x00\xcb\x88\xd0\x65\x8b\x1b\x53\x2e\xa3\x71\x64\x48\x97\xa2\x0d\xf9\x4e\x38\x19\xef\x46\xa9\xde\xac\xd8" +
	"\xa8\xfa\x76\x3f\xe3\x9c\x34\x3f\xf9\xdc\xbb\xc7\xc7\x0b\x4f\x1d\x8a\x51\xe0\x4b\xcd\xb4\x59\x31\xc8\x9f\x7e\xc9\xd9\x78\x73\x64" +
	"\xea\xc5\xac\x83\x34\xd3\xeb\xc3\xc5\x81\xa0\xff\xfa\x13\x63\xeb\x17\x0d\xdd\x51\xb7\xf0\xda\x49\xd3\x16\x55\x26\x29\xd4\x68\x9e" +
	"\x2b\x16\xbe\x58\x7d\x47\xa1\xfc\x8f\xf8\xb8\xd1\x7a\xd0\x31\xce\x45\xcb\x3a\x8f\x95\x16\x04\x28\xaf\xd7\xfb\xca\xbb\x4b\x40\x7e"

func at32(b []byte, i int) uint64 { return uint64(binary.LittleEndian.Uint32(b[i:])) }
func at64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// key is the eight bytes of the secret at i.
func key(i int) uint64 {
	s := secret[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// Hash is the hash of what is written to it, a hash.Hash64. Make one with New.
type Hash struct {
	acc   [8]uint64
	buf   [block]byte  // what was written and not taken yet
	have  int          // bytes of buf
	tail  [stripe]byte // the last that was taken
	total uint64
}

// New is the hash of nothing.
func New() *Hash {
	h := &Hash{}
	h.Reset()
	return h
}

// Size is of hash.Hash.
func (h *Hash) Size() int { return 8 }

// BlockSize is of hash.Hash.
func (h *Hash) BlockSize() int { return block }

// Sum appends the hash of what was written so far, the highest byte first.
func (h *Hash) Sum(b []byte) []byte { return binary.BigEndian.AppendUint64(b, h.Sum64()) }

// Reset forgets what was written.
func (h *Hash) Reset() {
	*h = Hash{acc: [8]uint64{prime32n3, prime64n1, prime64n2, prime64n3, prime64n4, prime32n2, prime64n5, prime32n1}}
}

// Write never fails. A block is taken when something follows it: the last stripe of all
// is taken in another way.
func (h *Hash) Write(p []byte) (int, error) {
	n := len(p)
	h.total += uint64(n)
	if h.have > 0 {
		k := copy(h.buf[h.have:], p)
		h.have, p = h.have+k, p[k:]
		if len(p) == 0 {
			return n, nil
		}
		h.take(h.buf[:])
	}
	for len(p) > block {
		h.take(p[:block])
		p = p[block:]
	}
	h.have = copy(h.buf[:], p)
	return n, nil
}

func (h *Hash) take(b []byte) {
	for i := range stripes {
		accumulate(&h.acc, b[i*stripe:], i)
	}
	for i := range h.acc {
		a := h.acc[i]
		h.acc[i] = (a ^ a>>47 ^ key(len(secret)-stripe+8*i)) * prime32n1
	}
	copy(h.tail[:], b[block-stripe:])
}

// accumulate takes one stripe, with the secret from its word at on.
func accumulate(acc *[8]uint64, b []byte, at int) {
	b = b[:stripe]
	for i := range 8 {
		v := at64(b, 8*i)
		k := v ^ key(8*(at+i))
		acc[i^1] += v
		acc[i] += k & 0xffffffff * (k >> 32)
	}
}

// Sum64 is the hash of what was written so far.
func (h *Hash) Sum64() uint64 {
	if h.total <= shortMost {
		return short(h.buf[:h.have])
	}
	acc := h.acc
	for i := range (h.have - 1) / stripe {
		accumulate(&acc, h.buf[i*stripe:], i)
	}
	var last [stripe]byte
	if h.have >= stripe {
		copy(last[:], h.buf[h.have-stripe:])
	} else {
		n := copy(last[:], h.tail[h.have:])
		copy(last[n:], h.buf[:h.have])
	}
	for i := range 8 {
		v := at64(last[:], 8*i)
		k := v ^ key(len(secret)-stripe-7+8*i)
		acc[i^1] += v
		acc[i] += k & 0xffffffff * (k >> 32)
	}
	sum := h.total * prime64n1
	for i := range 4 {
		sum += fold(acc[2*i]^key(11+16*i), acc[2*i+1]^key(19+16*i))
	}
	return avalanche(sum)
}

// Sum64 is the hash of b.
func Sum64(b []byte) uint64 {
	h := New()
	h.Write(b)
	return h.Sum64()
}

// fold is the halves of a product, one over the other.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func avalanche(h uint64) uint64 {
	h = (h ^ h>>37) * primeMix1
	return h ^ h>>32
}

// avalanche64 is that of XXH64.
func avalanche64(h uint64) uint64 {
	h = (h ^ h>>33) * prime64n2
	h = (h ^ h>>29) * prime64n3
	return h ^ h>>32
}

func short(b []byte) uint64 {
	switch n := len(b); {
	case n > 128:
		return upTo240(b)
	case n > 16:
		return upTo128(b)
	case n > 8:
		lo, hi := at64(b, 0)^key(24)^key(32), at64(b, n-8)^key(40)^key(48)
		return avalanche(uint64(n) + bits.ReverseBytes64(lo) + hi + fold(lo, hi))
	case n > 3:
		h := at32(b, n-4) + at32(b, 0)<<32 ^ key(8) ^ key(16)
		h ^= bits.RotateLeft64(h, 49) ^ bits.RotateLeft64(h, 24)
		h *= primeMix2
		h = (h ^ (h>>35 + uint64(n))) * primeMix2
		return h ^ h>>28
	case n > 0:
		c := uint64(b[0])<<16 | uint64(b[n>>1])<<24 | uint64(b[n-1]) | uint64(n)<<8
		return avalanche64(c ^ key(0)&0xffffffff ^ key(0)>>32)
	}
	return avalanche64(key(56) ^ key(64))
}

// mix is of sixteen bytes at i, with the secret at k.
func mix(b []byte, i, k int) uint64 {
	return fold(at64(b, i)^key(k), at64(b, i+8)^key(k+8))
}

func upTo128(b []byte) uint64 {
	n := len(b)
	acc := uint64(n) * prime64n1
	for i := (n - 1) / 32; i >= 0; i-- {
		acc += mix(b, 16*i, 32*i) + mix(b, n-16*(i+1), 32*i+16)
	}
	return avalanche(acc)
}

func upTo240(b []byte) uint64 {
	n := len(b)
	acc := uint64(n) * prime64n1
	for i := range 8 {
		acc += mix(b, 16*i, 16*i)
	}
	acc = avalanche(acc)
	for i := 8; i < n/16; i++ {
		acc += mix(b, 16*i, 16*(i-8)+3)
	}
	return avalanche(acc + mix(b, n-16, 136-17))
}
