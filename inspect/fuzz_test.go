package inspect_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/inspect"
)

// FuzzParse holds reports to their bounds, whatever the file.
func FuzzParse(f *testing.F) {
	for _, wide := range []bool{false, true} {
		f.Add(library(wide, binary.LittleEndian).build())
		f.Add(library(wide, binary.BigEndian).build())
		f.Add(inspect.SamplePE(wide))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := parse(t, b, inspect.Options{Deep: true})
		var text strings.Builder
		if err := r.Write(&text, 80, true); err != nil {
			t.Fatal(err)
		}
		if len(r.Structure) > inspect.MaxNodes || len(r.Exports) > inspect.MaxSymbols || len(r.Warnings) > inspect.MaxWarnings+1 {
			t.Errorf("%d nodes, %d exports, %d warnings", len(r.Structure), len(r.Exports), len(r.Warnings))
		}
		for _, n := range r.Structure {
			if n.Offset < 0 || n.Size < 0 || n.Depth < 0 {
				t.Errorf("a node of %d bytes at %d, at depth %d", n.Size, n.Offset, n.Depth)
			}
		}
	})
}
