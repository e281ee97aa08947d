package layout

import (
	"bytes"
	"strings"
	"testing"
)

// describe makes a structure of text: a field a line, and an inner structure in those
// before an empty line.
func describe(text string) (*Struct, error) {
	fields := func(text string) (all []Field) {
		for line := range strings.Lines(text) {
			name, typ, _ := strings.Cut(strings.TrimSpace(line), " ")
			all = append(all, Field{name, typ})
		}
		return all
	}
	first, second, _ := strings.Cut(text, "\n\n")
	inner, err := New("INNER", fields(first))
	if err != nil {
		return nil, err
	}
	return New("OUTER", fields(second), inner)
}

// FuzzRead reads any bytes by any description: it ends, within the bounds, and what it
// tells of lies in the bytes, field behind field.
func FuzzRead(f *testing.F) {
	f.Add("a u8\nb [3]u16be\n\nx INNER\ny [2]INNER\nz cstring(9)", []byte("0123456789012345678901234567890123456789\x00"), int64(3), true)
	f.Add("\n\na f64\nb char[3]\nc bytes[0]\nd [0]u8", make([]byte, 40), int64(0), false)
	f.Add("a [65535]u8\n\nb [65536]INNER", []byte{}, int64(0), false)
	f.Fuzz(func(t *testing.T, text string, data []byte, off int64, big bool) {
		s, err := describe(text)
		if err != nil {
			return
		}
		order := Little
		if big {
			order = Big
		}
		rec, err := s.Read(bytes.NewReader(data), off, order)
		if err != nil {
			return
		}
		if rec.Size() > maxSize || rec.Size() > 0 && off+rec.Size() > int64(len(data)) {
			t.Fatalf("%d bytes at %d of %d", rec.Size(), off, len(data))
		}
		nodes := rec.Nodes("it", 0)
		if len(nodes) > MaxValues {
			t.Fatalf("%d nodes", len(nodes))
		}
		at := off
		for i, n := range nodes {
			inside := i+1 < len(nodes) && nodes[i+1].Depth > n.Depth
			if n.Offset != at || n.Depth > MaxDepth {
				t.Fatalf("%+v, where %d is next", n, at)
			}
			if !inside {
				at += n.Size
			}
		}
		if at != off+rec.Size() {
			t.Fatalf("the fields end at %d, the structure at %d", at, off+rec.Size())
		}
	})
}
