package codec

// children calls yield for each node directly inside n.
func (n *node) children(yield func(*node) bool) {
	if n.key != nil && !yield(n.key) {
		return
	}
	if n.elem != nil && !yield(n.elem) {
		return
	}
	for i := range n.fields {
		if !yield(n.fields[i].node) {
			return
		}
	}
}

// reaches reports whether target lies somewhere inside n.
func (n *node) reaches(target *node, seen map[*node]bool) bool {
	for c := range n.children {
		if c == target {
			return true
		}
		if !seen[c] {
			seen[c] = true
			if c.reaches(target, seen) {
				return true
			}
		}
	}
	return false
}

func (n *node) reachesCycle(seen map[*node]bool) bool {
	if n.cyclic {
		return true
	}
	for c := range n.children {
		if !seen[c] {
			seen[c] = true
			if c.reachesCycle(seen) {
				return true
			}
		}
	}
	return false
}

// measure sets the depth of n, which must not loop, and of all that it holds.
func (n *node) measure() int {
	if n.depth > 0 {
		return n.depth
	}
	for c := range n.children {
		n.depth = max(n.depth, c.measure())
	}
	switch n.kind {
	case kindSlice, kindArray, kindMap, kindStruct:
		n.depth++
	}
	return n.depth
}

func (b *builder) findCycles() {
	for _, n := range b.nodes {
		n.cyclic = n.reaches(n, map[*node]bool{})
	}
	for _, n := range b.nodes {
		n.loops = n.reachesCycle(map[*node]bool{})
	}
}

// sound refuses what shows only in the whole graph.
func (n *node) sound() error {
	if !n.loops && n.measure() > MaxDepth {
		return refuse("it is nested deeper than %d levels", MaxDepth)
	}
	for _, f := range n.fields {
		if n.cyclic && f.node.kind == kindBeside {
			return below("."+f.name, refuse("%s cannot cross in a type that contains itself", f.node.typ))
		}
	}
	return nil
}
