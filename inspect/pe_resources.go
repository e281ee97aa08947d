package inspect

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/outwork-go/outwork/layout"
)

// Bounds of resources. There are three levels of directories: type, name and language.
const (
	maxResources   = 4096 // entries of directories
	resourceLevels = 3
)

var resourceTypes = constants{
	{1, "RT_CURSOR", "cursor"},
	{2, "RT_BITMAP", "bitmap"},
	{3, "RT_ICON", "icon"},
	{4, "RT_MENU", "menu"},
	{5, "RT_DIALOG", "dialog"},
	{6, "RT_STRING", "string table"},
	{7, "RT_FONTDIR", "font directory"},
	{8, "RT_FONT", "font"},
	{9, "RT_ACCELERATOR", "accelerators"},
	{10, "RT_RCDATA", "data"},
	{11, "RT_MESSAGETABLE", "message table"},
	{12, "RT_GROUP_CURSOR", "cursor group"},
	{14, "RT_GROUP_ICON", "icon group"},
	{resourceVersion, "RT_VERSION", "version"},
	{17, "RT_DLGINCLUDE", "dialog include"},
	{19, "RT_PLUGPLAY", "plug and play"},
	{20, "RT_VXD", "VxD"},
	{21, "RT_ANICURSOR", "animated cursor"},
	{22, "RT_ANIICON", "animated icon"},
	{23, "RT_HTML", "HTML"},
	{24, "RT_MANIFEST", "manifest"},
}

const resourceVersion = 16

// resources reads the tree of resources, which may point anywhere, itself included: the
// levels and the entries are counted.
type resources struct {
	p       *PE
	base    uint64
	entries int
	count   map[string]int // of each type
	order   []string       // the types, as they came
	bytes   int64
	version Span // of the first version resource
}

// readResources tells of the resources, and what version the file says it has.
func (p *PE) readResources() {
	dir := p.directory(dirResource)
	if dir.RVA == 0 {
		return
	}
	off, ok := p.inFile("resources", dir)
	if !ok {
		return
	}
	p.node(layout.Node{Name: "Resources", Type: "IMAGE_RESOURCE_DIRECTORY", Offset: off, Size: 16})
	r := &resources{p: p, base: uint64(dir.RVA), count: map[string]int{}}
	if err := r.directory(r.base, nil); err != nil {
		p.r.warn("the resources end early: %v", err)
	}
	var told []string
	for _, name := range r.order {
		told = append(told, fmt.Sprintf("%d %s", r.count[name], name))
	}
	if len(told) > 0 {
		p.r.fact("Resources", "%s; %d bytes", strings.Join(told[:min(len(told), 32)], ", "), r.bytes)
	}
	if r.version.Size > 0 {
		p.readVersion(r.version)
	}
}

// directory reads the directory at an address; path is the names that lead there.
func (r *resources) directory(rva uint64, path []string) error {
	named, err := r.p.number(rva+12, 2)
	if err != nil {
		return err
	}
	numbered, err := r.p.number(rva+14, 2)
	if err != nil {
		return err
	}
	for i := range named + numbered {
		if r.entries++; r.entries > maxResources {
			return fmt.Errorf("there are more than %d", maxResources)
		}
		if err := r.entry(rva+16+8*i, path); err != nil {
			return err
		}
	}
	return nil
}

func (r *resources) entry(rva uint64, path []string) error {
	id, err := r.p.number(rva, 4)
	if err != nil {
		return err
	}
	to, err := r.p.number(rva+4, 4)
	if err != nil {
		return err
	}
	const high = 1 << 31
	name := strconv.FormatUint(id, 10)
	switch {
	case id&high != 0:
		name = r.name(r.base + id&^high)
	case len(path) == 0:
		name = resourceTypes.short(id)
	}
	path = append(slices.Clip(path), name)
	switch {
	case to&high == 0:
		return r.data(r.base+to, path)
	case len(path) < resourceLevels:
		return r.directory(r.base+to&^high, path)
	}
	return fmt.Errorf("%s has more than %d levels", strings.Join(path, "/"), resourceLevels)
}

// name reads the name at an address: u16 length, UTF-16.
func (r *resources) name(rva uint64) string {
	n, err := r.p.number(rva, 2)
	if err != nil {
		return "?"
	}
	src, off, err := r.p.at(rva + 2)
	if err != nil {
		return "?"
	}
	b := make([]byte, 2*min(n, 256))
	if _, err := src.ReadAt(b, off); err != nil {
		return "?"
	}
	return fromUTF16(b)
}

// data takes note of one resource.
func (r *resources) data(rva uint64, path []string) error {
	at, err := r.p.number(rva, 4)
	if err != nil {
		return err
	}
	size, err := r.p.number(rva+4, 4)
	if err != nil {
		return err
	}
	off, n, _ := r.p.locate(at)
	if int64(size) > n {
		r.p.r.warn("the resource %s, %d bytes at the address %#x, is not in the file", strings.Join(path, "/"), size, at)
		return nil
	}
	kind := path[0]
	if r.count[kind]++; r.count[kind] == 1 {
		r.order = append(r.order, kind)
	}
	r.bytes += int64(size)
	if r.version.Size == 0 && kind == resourceTypes.short(resourceVersion) {
		r.version = Span{off, int64(size)}
	}
	r.show(strings.Join(path, "/"), Span{off, int64(size)})
	return nil
}

// show adds one resource to the structure. Its name counts as all others of the file do,
// since many may be made of a few long ones.
func (r *resources) show(name string, at Span) {
	p := r.p
	if p.src.text += int64(len(name)); p.src.text > maxText {
		p.crowd("%v: the rest is left out", errText)
	}
	p.node(layout.Node{Depth: 1, Name: name, Type: "resource", Offset: at.Offset, Size: at.Size})
}

// fromUTF16 is little-endian UTF-16 as UTF-8.
func fromUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
