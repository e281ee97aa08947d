package starlark

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// found is what a script makes of matches.
func found(matches ...[3]int64) any {
	list := []any{}
	for _, m := range matches {
		list = append(list, map[any]any{"offset": m[0], "length": m[1], "index": m[2]})
	}
	return list
}

func TestPatterns(t *testing.T) {
	const data = "xxMZ\x90\x00PE abcABC a\x00B\x00 12 345"
	for expr, want := range map[string]any{
		`c.search(pattern.hex("4D 5A ?? [0-2] 50"))`:               found([3]int64{2, 5, 0}),
		`c.search(pattern.text("ab", fold = True))`:                found([3]int64{9, 2, 0}, [3]int64{12, 2, 0}),
		`c.search(pattern.text("ab", utf16 = True, fold = True))`:  found([3]int64{16, 4, 0}),
		`c.search(pattern.any(["abc", "b", b"C"]))`:                found([3]int64{9, 3, 0}, [3]int64{10, 1, 1}, [3]int64{14, 1, 2}),
		`c.search(pattern.regexp(r"\d+"), back = True)`:            found([3]int64{24, 3, 0}, [3]int64{21, 2, 0}),
		`c.search(pattern.regexp(r"\d+"), back = True, limit = 1)`: found([3]int64{24, 3, 0}),
		`c.search(pattern.parse("re:[0-9]+"), 0, 23)`:              found([3]int64{21, 2, 0}),
		`c.search("abc")`:                                                found([3]int64{9, 3, 0}),
		`c.search(b"abc", 10)`:                                           found(),
		`c.search("abc", 0, 11)`:                                         found(),
		`c.search("abc", 0, 0)`:                                          found(),
		`c.search("abc", 1 << 62)`:                                       found(),
		`c.search("abc", end = 1 << 62, limit = 0)`:                      found(),
		`c.slice(9, 3).search(pattern.regexp(r"^[a-z]+$"))`:              found([3]int64{0, 3, 0}),
		`c.find(pattern.text("abc", fold = True), 10)`:                   int64(12),
		`c.find(pattern.hex("FF"))`:                                      nil,
		`c.find_all(pattern.text("abc", fold = True))`:                   []any{int64(9), int64(12)},
		`c.find_all(pattern.text("abc", fold = True), 1)`:                []any{int64(9)},
		`c.count(pattern.regexp("[0-9]"))`:                               int64(5),
		`find(b"..abc", pattern.hex("61"))`:                              int64(2),
		`find(c, pattern.hex("61"), 10)`:                                 int64(16),
		`container(b"aaa").search("aa")`:                                 found([3]int64{0, 2, 0}, [3]int64{1, 2, 0}),
		`[m.offset for m in c.search("abc")]`:                            []any{int64(9)},
		`c.search("abc")[0] == c.search(pattern.text("abc"))[0]`:         true,
		`str(c.search("abc")[0])`:                                        "match(offset = 9, length = 3, index = 0)",
		`json.encode(c.search("abc"))`:                                   `[{"index":0,"length":3,"offset":9}]`,
		`dir(c.search("abc")[0])`:                                        []any{"index", "length", "offset"},
		`str(pattern.hex("4d 5A"))`:                                      `pattern("hex:4d 5A")`,
		`type(pattern.parse("x"))`:                                       "pattern",
		`c.compare(c)`:                                                   nil,
		`c.compare(c.slice(0, 5))`:                                       int64(5),
		`container(b"abcd").compare(container(b"abxd"))`:                 int64(2),
		`container(b"123456789").crc32()`:                                int64(0xCBF43926),
		`container(b"").xxh3()`:                                          int64(0x2D06800538D394C2),
		`container(b"abc").slice(1).crc32() == container(b"bc").crc32()`: true,
	} {
		h := newHost(map[string]string{"data": data}, nil)
		got, err := h.run(t, "def main():\n    c = shared('data')\n    return "+expr+"\n")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v; want %v", expr, got, err, want)
		}
	}
}

func TestPatternErrors(t *testing.T) {
	for expr, want := range map[string]string{
		`c.search("")`:                                          "an empty pattern is everywhere",
		`c.search(3)`:                                           "search: for parameter pattern: got int, want bytes, string or pattern",
		`c.search("a", -1)`:                                     "search: start is -1, and cannot be negative",
		`c.search("a", end = -1)`:                               "search: end is -1, and cannot be negative",
		`c.search("a", limit = -1)`:                             "search: limit is -1, and cannot be negative",
		`c.search("a", limit = "x")`:                            "search: for parameter limit",
		`c.search(pattern.regexp("(?=a)"))`:                     "regular expression: ",
		`c.search(pattern.regexp("a*"))`:                        "matches the empty string",
		`pattern.hex("4G")`:                                     `hex pattern: "4G" at 0 is no byte`,
		`pattern.hex(pattern.hex("41"))`:                        "pattern.hex: for parameter pattern: got pattern, want bytes or string",
		`pattern.any(["a", ""])`:                                "pattern.any: text 1: want bytes or a string, and not an empty one",
		`pattern.any([])`:                                       "pattern.any: ",
		`pattern.any(["a"] * 70000)`:                            "pattern.any: more than 65536 texts",
		`pattern.text(b"\xff", utf16 = True)`:                   "not UTF-8",
		`{pattern.hex("41"): 1}`:                                "unhashable type: pattern",
		`c.search("a") and c.search("a")[0] < c.search("a")[0]`: "matches are equal or not, and in no order",
		`c.compare(b"x")`:                                       "compare: for parameter other: got bytes, want container",
		`c.crc32(1)`:                                            "crc32: ",
		`container(b"a" * (1 << 21)).search("a")`:               "search: more than 1048576 matches",
	} {
		h := newHost(map[string]string{"data": "aa"}, nil)
		e := h.fails(t, "def main():\n    c = shared('data')\n    return "+expr+"\n")
		wantText(t, e.Msg, want)
		if strings.Count(e.Msg, "\n") > 0 {
			t.Errorf("%s: more than one line: %q", expr, e.Msg)
		}
	}
}

func TestLayout(t *testing.T) {
	for expr, want := range map[string]any{
		`layout.read(c, 0, [("magic", "char[2]"), ("n", "u16le"), ("s", "i8")], name = "HEAD").magic`: "MZ",
		`layout.read(c, 0, [("magic", "char[2]"), ("n", "u16"), ("s", "i8")], order = "be").n`:        int64(0x0102),
		`layout.read(c, 0, [("magic", "char[2]"), ("n", "u16le"), ("s", "i8")]).s`:                    int64(-1),
		`[x for x in layout.read(c, 2, [("n", "u16le"), ("a", "[2]u8")])]`: []any{
			[]any{"n", int64(0x0201), int64(2), int64(2)}, []any{"a", []any{int64(255), int64(0)}, int64(4), int64(2)},
		},
		`layout.read(c, 2, [("b", "bytes[3]"), ("t", "cstring(9)")])`:                                      map[any]any{"b": []byte{1, 2, 255}, "t": ""},
		`str(layout.read(c, 2, [("n", "u16le")], name = "X"))`:                                             "X(n = 513)",
		`layout.read(c.slice(2), 0, layout.struct("P", [("x", "u8"), ("y", "u8")])).y`:                     int64(2),
		`layout.read(c, 2, layout.struct("L", [("p", "[2]P")], layout.struct("P", [("x", "u8")]))).p[1].x`: int64(2),
		`layout.read(c, 6, [("f", "f32")]).f`:                                                              1.0,
		`layout.read(c, 2, [("x", "char[3]")]).x`:                                                          "\x01\x02\uFFFD",
		`dir(layout.read(c, 2, [("n", "u16le")]))`:                                                         []any{"n"},
	} {
		h := newHost(map[string]string{"data": "MZ\x01\x02\xff\x00\x00\x00\x80\x3f"}, nil)
		got, err := h.run(t, "def main():\n    c = shared('data')\n    return "+expr+"\n")
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v; want %v", expr, got, err, want)
		}
	}
}

func TestLayoutErrors(t *testing.T) {
	for expr, want := range map[string]string{
		`layout.read(c, 9, [("n", "u32")])`:                                              `layout.read: struct: the bytes end before the 4 of n at 0x9`,
		`layout.read(c.slice(0, 1), 0, [("n", "u32")])`:                                  `the bytes end before`,
		`layout.read(c, -1, [("n", "u32")])`:                                             `there are no bytes at -1`,
		`layout.read(c, 0, [("n", "u33")])`:                                              `layout.read: struct: the field "n": "u33" is no type`,
		`layout.read(c, 0, [("n", 3)])`:                                                  `layout.read: field 1 is not (name, type), both strings`,
		`layout.read(c, 0, [("n", "u8"), ("n", "u8")])`:                                  `the field "n" is there twice`,
		`layout.read(c, 0, 3)`:                                                           `the fields are a int, not a list of (name, type)`,
		`layout.read(c, 0, [("n", "u8")], order = "pdp")`:                                `layout.read: order is "pdp", not le or be`,
		`layout.read(b"x", 0, [("n", "u8")])`:                                            `got bytes, want container`,
		`layout.read(c, 0, [("n", "[100000]u8")])`:                                       `at most 65536`,
		`layout.struct("P", [("x", "u8")], 3)`:                                           `layout.struct: got int behind the fields, want layout.struct`,
		`layout.read(c, 0, [("n", "u8")]).m`:                                             `has no .m`,
		`str([layout.read(container(b"a" * 1000), 0, [("n", "bytes[1000]")])] * 100000)`: "the text would be longer than about",
	} {
		h := newHost(map[string]string{"data": "MZ\x01\x02\xff\x00\x00\x00\x80\x3f"}, nil)
		wantText(t, h.fails(t, "def main():\n    c = shared('data')\n    return "+expr+"\n").Msg, want)
	}
}

func TestManyMatchesFit(t *testing.T) {
	h := newHost(map[string]string{"data": strings.Repeat("a", maxMatches)}, nil)
	v, err := h.run(t, `def main(): return len(shared("data").search("a"))`)
	if err != nil || v != int64(maxMatches) {
		t.Error(fmt.Sprint(v), err)
	}
}
