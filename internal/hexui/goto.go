package hexui

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/internal/legible"
)

// place is where a view is, for what is typed to go elsewhere.
type place struct {
	cursor, size int64
	base         int64
}

// parse is the offset that text means: an address as it is shown (0x1f0, 123), a distance
// from the cursor (+0x10, -16), a share of all (50%), or the "end".
func (p place) parse(text string) (int64, error) {
	text = strings.TrimSpace(text)
	at, err := p.meaning(text)
	if err != nil {
		return 0, err
	}
	last := new(big.Int).SetInt64(max(p.size-1, 0))
	switch {
	case at.Sign() < 0:
		return 0, fmt.Errorf("%s is before the first byte, which is at 0x%x", text, uint64(p.base))
	case at.Cmp(last) > 0:
		return 0, fmt.Errorf("%s is behind the last byte, which is at 0x%x", text, uint64(p.base)+last.Uint64())
	}
	return at.Int64(), nil
}

// meaning is an offset that may be outside. (Sums of 64-bit numbers are made of larger
// ones.)
func (p place) meaning(text string) (*big.Int, error) {
	last := big.NewInt(max(p.size-1, 0))
	switch share, isShare := strings.CutSuffix(text, "%"); {
	case text == "end" || text == "$":
		return last, nil
	case text == "start" || text == "^":
		return new(big.Int), nil
	case isShare:
		return share100(text, share, last)
	}
	number, sign, relative := text, int64(1), false
	if strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		number, relative = text[1:], true
		if text[0] == '-' {
			sign = -1
		}
	}
	n, err := offset(number)
	if err != nil {
		return nil, noOffset(text)
	}
	at := new(big.Int).SetUint64(n)
	if !relative {
		return at.Sub(at, new(big.Int).SetUint64(uint64(p.base))), nil
	}
	at.Mul(at, big.NewInt(sign))
	return at.Add(at, big.NewInt(p.cursor)), nil
}

func share100(text, share string, last *big.Int) (*big.Int, error) {
	f, err := strconv.ParseFloat(share, 64)
	if err != nil || !(f >= 0 && f <= 100) {
		return nil, fmt.Errorf("%q is no share: write 0%% to 100%%", legible.Cut(text, maxEcho))
	}
	product := new(big.Float).Mul(big.NewFloat(f/100), new(big.Float).SetInt(last))
	at, _ := product.Int(nil)
	return at, nil
}

// offset reads a number without a sign.
func offset(s string) (uint64, error) {
	if digits, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		return strconv.ParseUint(digits, 16, 64)
	}
	return strconv.ParseUint(s, 10, 64)
}

func noOffset(text string) error {
	if _, err := strconv.ParseUint(text, 16, 64); err == nil {
		return fmt.Errorf("%q is no decimal number: write 0x%s if it is hexadecimal", legible.Cut(text, maxEcho), legible.Cut(text, maxEcho))
	}
	return fmt.Errorf("%q is no offset: write 0x1f0, 123, +0x10, -16, 50%% or end", legible.Cut(text, maxEcho))
}

// maxEcho is how many characters of what was typed a message repeats.
const maxEcho = 32
