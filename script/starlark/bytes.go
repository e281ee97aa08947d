package starlark

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

func findBuiltin(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var data starlark.Value
	var what needle
	var start int64
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "data", &data, "pattern", &what, "start?", &start); err != nil {
		return nil, err
	}
	switch data := data.(type) {
	case starlark.Bytes:
		return whole(memory(data)).first(runOf(t), what, start)
	case *containerValue:
		return data.first(runOf(t), what, start)
	}
	return nil, fmt.Errorf("find: data is a %s, not bytes or a container", data.Type())
}

func hexBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var data starlark.Bytes
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "bytes", &data); err != nil {
		return nil, err
	}
	return starlark.String(hex.EncodeToString([]byte(data))), nil
}

func unhexBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var s string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "string", &s); err != nil {
		return nil, err
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		return nil, fmt.Errorf("unhex: %s", strings.TrimPrefix(err.Error(), "encoding/hex: "))
	}
	return starlark.Bytes(data), nil
}

func textBuiltin(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var data starlark.Bytes
	encoding, onError := "utf-8", "strict"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "bytes", &data, "encoding?", &encoding, "errors?", &onError); err != nil {
		return nil, err
	}
	if onError != "strict" && onError != "replace" {
		return nil, fmt.Errorf("text: errors is %q, not strict or replace", onError)
	}
	next := decoders[encoding]
	if next == nil {
		return nil, fmt.Errorf("text: no encoding is named %q: there are ascii, latin-1, utf-8, utf-16be, utf-16le", encoding)
	}
	s, bad := decode(string(data), next)
	if bad >= 0 && onError == "strict" {
		return nil, fmt.Errorf("text: the byte at %d is not %s", bad, encoding)
	}
	return starlark.String(s), nil
}

// decoder is the first character of s, which is not empty, and its size in
// bytes; ok is false if s does not begin with one.
type decoder func(s string) (c rune, size int, ok bool)

var decoders = map[string]decoder{
	"utf-8":    nextUTF8,
	"ascii":    nextASCII,
	"latin-1":  func(s string) (rune, int, bool) { return rune(s[0]), 1, true },
	"utf-16le": nextUTF16(binary.LittleEndian),
	"utf-16be": nextUTF16(binary.BigEndian),
}

// decode returns the text and the offset of the first malformed character, or
// -1. Malformed ones become U+FFFD.
func decode(s string, next decoder) (text string, bad int) {
	bad = -1
	var b strings.Builder
	b.Grow(len(s))
	for at := 0; at < len(s); {
		c, size, ok := next(s[at:])
		if !ok {
			c = utf8.RuneError
			if bad < 0 {
				bad = at
			}
		}
		b.WriteRune(c)
		at += size
	}
	return b.String(), bad
}

func nextUTF8(s string) (rune, int, bool) {
	c, size := utf8.DecodeRuneInString(s)
	return c, size, c != utf8.RuneError || size > 1
}

func nextASCII(s string) (rune, int, bool) {
	return rune(s[0]), 1, s[0] < utf8.RuneSelf
}

func nextUTF16(order binary.ByteOrder) decoder {
	return func(s string) (rune, int, bool) {
		if len(s) < 2 {
			return 0, len(s), false
		}
		c := rune(order.Uint16([]byte(s[:2])))
		if !utf16.IsSurrogate(c) {
			return c, 2, true
		}
		if len(s) < 4 {
			return 0, 2, false
		}
		pair := utf16.DecodeRune(c, rune(order.Uint16([]byte(s[2:4]))))
		if pair == utf8.RuneError {
			return 0, 2, false
		}
		return pair, 4, true
	}
}
