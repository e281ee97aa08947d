package layout_test

import (
	"cmp"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/outwork-go/outwork/layout"
)

var header = layout.Must("Header", `
	magic   char[4]
	version u16
	count   u16
	sizes   [2]u32be
`)

func ExampleStruct_Read() {
	r, err := header.Read(strings.NewReader("DATA\x02\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00\x09"), 0, layout.Little)
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range r.Nodes("header", 0) {
		fmt.Printf("%*s%d %s %s %s\n", 2*n.Depth, "", n.Offset, n.Name, n.Type, cmp.Or(n.Text, "…"))
	}
	// Output:
	// 0 header Header …
	//   0 magic char[4] "DATA"
	//   4 version u16le 2
	//   6 count u16le 7
	//   8 sizes [2]u32be …
	//     8 [0] u32be 0x100
	//     12 [1] u32be 9
}

// What a number means is told beside it.
func ExampleEnum() {
	entry := layout.Must("Entry", `
		kind u8
		mode u8
	`).Note("kind", layout.Enum{1: "FILE", 2: "LINK"}).Note("mode", layout.Flags{{Mask: 1, Name: "READ"}, {Mask: 2, Name: "WRITE"}})
	r, err := entry.Read(strings.NewReader("\x02\x03"), 0, layout.Little)
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range r.Nodes("entry", 0)[1:] {
		fmt.Println(n.Name, n.Text, n.Note)
	}
	// Output:
	// kind 2 LINK
	// mode 3 READ WRITE
}

func ExampleRecord_Field() {
	r, err := header.Read(strings.NewReader("DATA\x02\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00\x09"), 0, layout.Little)
	if err != nil {
		log.Fatal(err)
	}
	for _, size := range r.Field("sizes").List() {
		fmt.Println(size.Offset(), size.Type(), size.Uint())
	}
	// Output:
	// 8 u32be 256
	// 12 u32be 9
}

func ExampleEndError() {
	_, err := header.Read(strings.NewReader("DATA\x02"), 0, layout.Little)
	if e, ok := errors.AsType[*layout.EndError](err); ok {
		fmt.Println(e.Field, "at", e.Offset)
	}
	// Output: version at 4
}
