package hexui

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	valueBytes = 8  // that the values at the cursor are made of
	valueWidth = 26 // columns of a value with its label
	timeFormat = "2006-01-02 15:04:05"
)

// value is a reading of the bytes at the cursor.
type value struct{ label, text string }

// values are all readings of b, those of both byte orders beside each other. One for which
// b is too short, or that makes no sense, is "-".
func values(b []byte) []value {
	all := []value{
		{"u8", whole(b, 1, func() string { return strconv.Itoa(int(b[0])) })},
		{"i8", whole(b, 1, func() string { return strconv.Itoa(int(int8(b[0]))) })},
		{"bits", whole(b, 1, func() string { return fmt.Sprintf("%04b %04b", b[0]>>4, b[0]&15) })},
		{"char", inUTF8(b)},
	}
	for _, r := range readings {
		for _, o := range []order{{"le", binary.LittleEndian}, {"be", binary.BigEndian}} {
			all = append(all, value{r.label + o.suffix, whole(b, r.size, func() string { return r.read(o, b) })})
		}
	}
	return all
}

// order is a byte order, and how labels tell it.
type order struct {
	suffix string
	binary.ByteOrder
}

func whole(b []byte, size int, read func() string) string {
	if len(b) < size {
		return "-"
	}
	return read()
}

// reading is one that depends on the byte order.
type reading struct {
	label string
	size  int // bytes that are needed
	read  func(o order, b []byte) string
}

var readings = [...]reading{
	{"u16", 2, func(o order, b []byte) string { return strconv.Itoa(int(o.Uint16(b))) }},
	{"i16", 2, func(o order, b []byte) string { return strconv.Itoa(int(int16(o.Uint16(b)))) }},
	{"u32", 4, func(o order, b []byte) string { return strconv.FormatUint(uint64(o.Uint32(b)), 10) }},
	{"i32", 4, func(o order, b []byte) string { return strconv.Itoa(int(int32(o.Uint32(b)))) }},
	{"u64", 8, func(o order, b []byte) string { return strconv.FormatUint(o.Uint64(b), 10) }},
	{"i64", 8, func(o order, b []byte) string { return strconv.FormatInt(int64(o.Uint64(b)), 10) }},
	{"f32", 4, func(o order, b []byte) string { return float(float64(math.Float32frombits(o.Uint32(b))), 32) }},
	{"f64", 8, func(o order, b []byte) string { return float(math.Float64frombits(o.Uint64(b)), 64) }},
	{"t32", 4, func(o order, b []byte) string { return moment(time.Unix(int64(int32(o.Uint32(b))), 0)) }},
	{"t64", 8, func(o order, b []byte) string { return unix(int64(o.Uint64(b))) }},
	{"ft", 8, func(o order, b []byte) string { return filetime(o.Uint64(b)) }},
	{"dos", 4, func(o order, b []byte) string { return dosTime(o.Uint32(b)) }},
	{"c16", 2, inUTF16},
}

// float has at most 20 columns.
func float(f float64, bits int) string {
	s := strconv.FormatFloat(f, 'g', -1, bits)
	if len(s) > 20 {
		s = strconv.FormatFloat(f, 'g', 12, bits)
	}
	return s
}

// moment is a time of four-digit years, in UTC.
func moment(t time.Time) string {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return "-"
	}
	return t.Format(timeFormat)
}

// unix is seconds since 1970. Those of years with more than four digits overflow what
// package time computes with.
func unix(seconds int64) string {
	const year10000 = 253402300800
	if seconds < -year10000 || seconds > year10000 {
		return "-"
	}
	return moment(time.Unix(seconds, 0))
}

// filetime is Windows' count of 100 ns since 1601.
func filetime(ticks uint64) string {
	const (
		perSecond = 10_000_000
		to1970    = 11644473600
	)
	return unix(int64(ticks/perSecond) - to1970)
}

// dosTime has the date in the upper half, the time in the lower.
func dosTime(v uint32) string {
	year, month, day := 1980+int(v>>25), int(v>>21&15), int(v>>16&31)
	hour, minute, second := int(v>>11&31), int(v>>5&63), int(v&31)*2
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Month() != time.Month(month) || t.Day() != day || t.Hour() != hour || t.Minute() != minute || t.Second() != second {
		return "-"
	}
	return t.Format(timeFormat)
}

func inUTF8(b []byte) string {
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n <= 1 {
		return "-"
	}
	return character(r)
}

func inUTF16(o order, b []byte) string {
	r := rune(o.Uint16(b))
	if utf16.IsSurrogate(r) {
		if len(b) < 4 {
			return "-"
		}
		if r = utf16.DecodeRune(r, rune(o.Uint16(b[2:]))); r == utf8.RuneError {
			return "-"
		}
	}
	return character(r)
}

func character(r rune) string {
	if !strconv.IsPrint(r) {
		return fmt.Sprintf("U+%04X", r)
	}
	return fmt.Sprintf("%c U+%04X", r, r)
}
