package hexui

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/outwork-go/outwork/layout"
)

// maxOverlap is how many fields that begin before a byte are looked at for the one that
// it is in.
const maxOverlap = 64

// fields are the nodes of a structure: as a tree, and its leaves in order of their offsets.
type fields struct {
	nodes  []layout.Node
	parent []int // of each node; -1: none
	leaves []int // nodes
}

// newFields takes what a parser made of a hostile file: depths may skip, offsets may be
// anything.
func newFields(nodes []layout.Node) fields {
	f := fields{nodes: slices.Clone(nodes), parent: make([]int, len(nodes))}
	var path []int // the node itself last
	for i := range f.nodes {
		n := &f.nodes[i]
		n.Depth = min(max(n.Depth, 0), len(path))
		if n.Offset < 0 || n.Size < 0 || n.Size > math.MaxInt64-n.Offset {
			n.Offset, n.Size = 0, 0
		}
		f.parent[i] = -1
		if n.Depth > 0 {
			f.parent[i] = path[n.Depth-1]
		}
		path = append(path[:n.Depth], i)
	}
	for i := range f.nodes {
		if !f.inner(i) && f.nodes[i].Size > 0 {
			f.leaves = append(f.leaves, i)
		}
	}
	slices.SortStableFunc(f.leaves, func(a, b int) int {
		return cmp.Or(cmp.Compare(f.nodes[a].Offset, f.nodes[b].Offset), cmp.Compare(f.nodes[b].Size, f.nodes[a].Size))
	})
	return f
}

// inner reports whether a node has nodes inside.
func (f *fields) inner(i int) bool {
	return i+1 < len(f.nodes) && f.nodes[i+1].Depth > f.nodes[i].Depth
}

// at is the place in leaves of the field that a byte belongs to, or -1: of those that
// overlap, the one that begins last.
func (f *fields) at(off int64) int {
	end := f.after(off)
	for k := end - 1; k >= 0 && k >= end-maxOverlap; k-- {
		if n := f.nodes[f.leaves[k]]; off-n.Offset < n.Size {
			return k
		}
	}
	return -1
}

// after is the place of the first leaf that begins behind off.
func (f *fields) after(off int64) int {
	return sort.Search(len(f.leaves), func(k int) bool { return f.nodes[f.leaves[k]].Offset > off })
}

// before is the place of the last leaf that begins before off, or -1.
func (f *fields) before(off int64) int {
	return sort.Search(len(f.leaves), func(k int) bool { return f.nodes[f.leaves[k]].Offset >= off }) - 1
}

// path names a node by those around it: "IMAGE_DOS_HEADER.e_magic", "sections[3].Name".
func (f *fields) path(i int) string {
	var names []string
	for ; i >= 0; i = f.parent[i] {
		names = append(names, f.nodes[i].Name)
	}
	slices.Reverse(names)
	var b strings.Builder
	for k, name := range names {
		if k > 0 && !strings.HasPrefix(name, "[") {
			b.WriteByte('.')
		}
		b.WriteString(name)
	}
	return b.String()
}

// describe is a node with its type and value.
func (f *fields) describe(i int) string {
	n := f.nodes[i]
	return strings.TrimSuffix(f.path(i)+" "+valueOf(n), " ")
}

// valueOf is what is told of a node behind its name. A type of the same name goes without
// saying.
func valueOf(n layout.Node) string {
	s := n.Type
	if s == n.Name {
		s = ""
	}
	if n.Text != "" {
		s += " = " + n.Text
	}
	if n.Note != "" {
		s += " (" + n.Note + ")"
	}
	return s
}

// tree is the structure as lines, of which some are shut.
type tree struct {
	fields
	open  bool // it is shown
	focus bool // and takes the keys
	shut  []bool
	lines []int // the nodes that are to be seen
	line  int   // of the cursor
	top   int   // line at the top
}

func newTree(nodes []layout.Node) tree {
	t := tree{fields: newFields(nodes), shut: make([]bool, len(nodes))}
	for i, n := range t.nodes {
		t.shut[i] = n.Depth > 0 && t.inner(i)
	}
	t.unfold()
	return t
}

// unfold makes the lines anew.
func (t *tree) unfold() {
	t.lines = t.lines[:0]
	for i := 0; i < len(t.nodes); {
		t.lines = append(t.lines, i)
		depth, shut := t.nodes[i].Depth, t.shut[i]
		for i++; shut && i < len(t.nodes) && t.nodes[i].Depth > depth; i++ {
		}
	}
	t.line = min(t.line, max(len(t.lines)-1, 0))
}

// node is the one at the cursor, or -1.
func (t *tree) node() int {
	if t.line >= len(t.lines) {
		return -1
	}
	return t.lines[t.line]
}

// show moves the cursor to a node, and opens what it is in.
func (t *tree) show(i int) {
	for p := t.parent[i]; p >= 0; p = t.parent[p] {
		t.shut[p] = false
	}
	t.unfold()
	t.line = sort.SearchInts(t.lines, i)
}

func (t *tree) move(by int) {
	t.line = min(max(t.line+by, 0), max(len(t.lines)-1, 0))
}

// expand opens the structure at the cursor, or goes into it.
func (t *tree) expand() {
	i := t.node()
	switch {
	case i < 0 || !t.inner(i):
	case t.shut[i]:
		t.shut[i] = false
		t.unfold()
	default:
		t.move(1)
	}
}

// collapse shuts the structure at the cursor, or goes to the one around.
func (t *tree) collapse() {
	i := t.node()
	switch {
	case i < 0:
	case t.inner(i) && !t.shut[i]:
		t.shut[i] = true
		t.unfold()
	case t.parent[i] >= 0:
		t.line = sort.SearchInts(t.lines, t.parent[i])
	}
}

// scroll brings the cursor into rows lines.
func (t *tree) scroll(rows int) {
	t.top = max(min(t.top, t.line, len(t.lines)-rows), t.line-rows+1, 0)
}
