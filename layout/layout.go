// Package layout reads structures out of bytes by a description of their fields, and keeps
// where each value was found: for dumps, and for views that colour them.
//
// A [Struct] is made once, of names and types that are words:
//
//	u8 u16 u32 u64, i8 i16 i32 i64   integers
//	f32 f64                          IEEE 754
//	u32le, u32be, …                  in that byte order, whatever the one of the read
//	char[8]                          text of 8 bytes, which ends at a NUL in them
//	bytes[16]                        16 bytes
//	cstring(256)                     text that a NUL ends, of at most 256 bytes without it
//	[4]u16, [2][3]u8                 arrays
//	IMAGE_DATA_DIRECTORY             another Struct, by its name
//
// Fields follow each other without gaps. All is bounded, which is checked when a Struct is
// made: a description may come from anywhere, and so may the bytes. A Struct has at most
// MaxValues values, which reading makes, in 1 MiB, which reading keeps, and a name has at most
// 256 bytes.
//
// A Struct, once made, and what was read with it may be used from several goroutines.
package layout

// Bounds of one Struct, those inside it included.
const (
	MaxValues = 64 << 10 // fields, elements of arrays and structures, all together
	MaxDepth  = 16       // arrays and structures inside each other
)

const (
	maxSize = 1 << 20 // bytes, of each cstring the most that it may have
	maxName = 256     // bytes of a name, and of a type as it is written
)

// Order is a byte order.
type Order uint8

// The byte orders.
const (
	Little Order = iota
	Big
)

func (o Order) String() string {
	if o == Big {
		return "be"
	}
	return "le"
}

// Node is one value of a structure, or a structure itself. A structure is a list of nodes
// in which each is followed by those inside it, one deeper: so it crosses to another
// process, and is drawn as a tree, line by line.
type Node struct {
	Depth  int    `json:"depth"`
	Name   string `json:"name"`   // of the field: "e_lfanew"; of an element of an array: "[3]"
	Type   string `json:"type"`   // "u32le", "char[8]", "IMAGE_DOS_HEADER"
	Offset int64  `json:"offset"` // bytes, in the container
	Size   int64  `json:"size"`
	Text   string `json:"text,omitempty"` // the value for people: 0x3c "260", "MZ"; empty for a structure
	Note   string `json:"note,omitempty"` // what it means, where that is known: "IMAGE_FILE_MACHINE_AMD64"
}
