package pattern

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
)

const (
	// maxDense is how many transitions are kept in tables, 4 bytes each. The nodes that
	// are nearest to the root have them; others have their children and a failure link.
	maxDense = 4 << 20

	// anyBlock is how many offsets are looked at together, at first.
	anyBlock = 16 << 10

	// maxFutile is how often more a block is looked through for where texts begin than
	// bytes are passed over by that, before it is given up.
	maxFutile = 512

	outFlag = 1 << 30 // of a transition: texts end at the node it leads to
)

// automaton finds many texts at once (Aho-Corasick). Its nodes are numbered from the root
// breadth first, so that the children of each are next to each other.
type automaton struct {
	texts   []run
	longest int
	check   bool // what fits the automaton need not fit the text

	class [256]uint8           // bytes that no text tells apart are of one class
	pairs [1 << 16 / 64]uint64 // which two bytes a text may begin with

	size  []int32 // bytes of each text
	order []int32 // the texts, sorted by their keys
	first []int32 // first child of a node; those of the next one end its own
	label []uint8 // the class that leads to a node
	fail  []int32 // the node of the longest proper suffix
	own   []span  // the texts in order that end at a node
	out   []int32 // the next node on the way of failure links where texts end, or 0

	dense []int32 // dense[node<<shift|class], of the first nodes
	shift uint
	rows  int32 // how many nodes those are
}

type span struct{ low, high int32 }

func newAutomaton(texts []run) *automaton {
	a := &automaton{texts: texts, order: make([]int32, len(texts)), size: make([]int32, len(texts))}
	keys := make([][]byte, len(texts))
	for i, t := range texts {
		keys[i] = t.value
		if t.mask != nil {
			keys[i] = upper(t.value)
			a.check = a.check || !bytes.Equal(keys[i], t.value) || !t.folds()
		}
		a.longest = max(a.longest, len(t.value))
		a.order[i], a.size[i] = int32(i), int32(len(t.value))
	}
	slices.SortStableFunc(a.order, func(x, y int32) int { return bytes.Compare(keys[x], keys[y]) })
	a.classify(keys, texts[0].mask != nil)
	a.grow(keys)
	a.link()
	a.fill()
	return a
}

func upper(b []byte) []byte {
	u := bytes.Clone(b)
	for i, c := range u {
		u[i] = upperByte(c)
	}
	return u
}

func upperByte(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c &^ 0x20
	}
	return c
}

// folds reports whether every letter of the run fits in either case.
func (r run) folds() bool {
	for i, c := range r.value {
		if letter(c) && r.mask[i] == 0xFF {
			return false
		}
	}
	return true
}

// classify numbers the bytes that the keys have, and notes what these begin with.
func (a *automaton) classify(keys [][]byte, fold bool) {
	var used [256]bool
	for _, key := range keys {
		for _, c := range key {
			used[c] = true
		}
	}
	classes := 0
	var number [256]uint8
	if slices.Contains(used[:], false) {
		classes++
	}
	for c := range used {
		if used[c] {
			number[c] = uint8(classes)
			classes++
		}
	}
	for c := range 256 {
		a.class[c] = number[c]
		if fold {
			a.class[c] = number[upperByte(byte(c))]
		}
	}
	a.shift = uint(bits.Len(uint(classes - 1)))
	a.notePairs(keys, fold)
}

func (a *automaton) notePairs(keys [][]byte, fold bool) {
	for _, key := range keys {
		for _, c := range cases(key[0], fold) {
			if len(key) > 1 {
				for _, d := range cases(key[1], fold) {
					a.notePair(c, d)
				}
				continue
			}
			for d := range 256 {
				a.notePair(c, byte(d))
			}
		}
	}
}

func (a *automaton) notePair(c, d byte) {
	k := uint(c)<<8 | uint(d)
	a.pairs[k/64] |= 1 << (k % 64)
}

// cases is the bytes that a byte of a key stands for.
func cases(c byte, fold bool) []byte {
	if fold && letter(c) {
		return []byte{c, c | 0x20}
	}
	return []byte{c}
}

// grow makes the nodes. Those of one depth are ranges of the sorted keys that begin with
// the same bytes.
func (a *automaton) grow(keys [][]byte) {
	level, depth := []span{{0, int32(len(keys))}}, 0
	a.label, a.own = []uint8{0}, make([]span, 0, 1)
	for made := int32(1); len(level) > 0; depth++ {
		var next []span
		for _, s := range level {
			a.first = append(a.first, made)
			low := s.low
			for low < s.high && len(keys[a.order[low]]) == depth {
				low++
			}
			a.own = append(a.own, span{s.low, low})
			for low < s.high {
				c, high := keys[a.order[low]][depth], low
				for high < s.high && keys[a.order[high]][depth] == c {
					high++
				}
				next = append(next, span{low, high})
				a.label = append(a.label, a.class[c])
				low = high
				made++
			}
		}
		level = next
	}
	a.first = append(a.first, int32(len(a.label)))
}

// link sets the failure links, which lead to nodes of lesser depth.
func (a *automaton) link() {
	nodes := int32(len(a.label))
	a.fail, a.out = make([]int32, nodes), make([]int32, nodes)
	for u := range nodes {
		for v := a.first[u]; v < a.first[u+1]; v++ {
			if u == 0 {
				continue
			}
			f := a.step(a.fail[u], a.label[v])
			a.fail[v], a.out[v] = f, f
			if a.own[f].low == a.own[f].high {
				a.out[v] = a.out[f]
			}
		}
	}
}

// step is where class leads from u.
func (a *automaton) step(u int32, class uint8) int32 {
	for {
		if u < a.rows {
			return a.dense[int(u)<<a.shift|int(class)] &^ outFlag
		}
		if v, ok := a.child(u, class); ok {
			return v
		}
		if u == 0 {
			return 0
		}
		u = a.fail[u]
	}
}

func (a *automaton) child(u int32, class uint8) (int32, bool) {
	low, high := a.first[u], a.first[u+1]
	i, ok := slices.BinarySearch(a.label[low:high], class)
	return low + int32(i), ok
}

// fill makes the tables: a node's is that of its failure link, but for its children.
func (a *automaton) fill() {
	rows := min(len(a.label), maxDense>>a.shift)
	a.dense = make([]int32, rows<<a.shift)
	for u := range rows {
		row := a.dense[u<<a.shift:][:1<<a.shift]
		if u > 0 {
			copy(row, a.dense[int(a.fail[u])<<a.shift:])
		}
		for v := a.first[u]; v < a.first[u+1]; v++ {
			row[a.label[v]] = v
			if a.ends(v) {
				row[a.label[v]] |= outFlag
			}
		}
	}
	a.rows = int32(rows)
}

// ends reports whether texts end at v.
func (a *automaton) ends(v int32) bool { return a.own[v].low < a.own[v].high || a.out[v] != 0 }

func (a *automaton) reach() int { return a.longest }

func (a *automaton) find(l *labour, b []byte, from, n int, base int64, found []Match) ([]Match, int) {
	if l.block == 0 {
		l.block = anyBlock
	}
	for from < n && len(found) < batch && !l.stop(l.block+a.longest) {
		end := min(from+l.block, n)
		before := len(found)
		var done int
		found, done = a.block(b[from:min(len(b), end+a.longest-1)], end-from, base+int64(from), found, l.block == 1)
		if done == 0 {
			l.block /= 2
			continue
		}
		order(found[before:])
		from += done
		if done == l.block {
			l.block = min(2*l.block, anyBlock)
		}
	}
	return found, from
}

// order sorts matches, which come sorted by their ends, and so nearly are.
func order(all []Match) {
	moves := 0
	for i := 1; i < len(all); i++ {
		m, k := all[i], i
		for ; k > 0 && compare(m, all[k-1]) < 0; k-- {
			all[k] = all[k-1]
		}
		all[k] = m
		if moves += i - k; moves > 8*len(all) {
			slices.SortFunc(all, compare)
			return
		}
	}
}

func compare(x, y Match) int {
	if x.Offset != y.Offset {
		return cmp.Compare(x.Offset, y.Offset)
	}
	return cmp.Compare(x.Index, y.Index)
}

// block appends the matches that begin in b[:n], by where they end, and returns n. When
// they are more than four batches, unless it has to get them all, it gives up, and returns
// of how many offsets it has the matches.
func (a *automaton) block(b []byte, n int, base int64, found []Match, must bool) ([]Match, int) {
	before := len(found)
	begins := b[:min(len(b), n+1)]
	shallow := a.first[1] - 1 // nodes of one byte, and the root: as if a text began with it
	dense, rows, class, shift := a.dense, a.rows, &a.class, a.shift&31
	s, worth := int32(0), 0
	for i := 0; i < len(b); i++ {
		if s <= shallow && worth > -maxFutile {
			from := i - int(min(s, 1))
			at := a.skip(begins, from)
			if at >= n {
				break
			}
			if worth += at - from - 1; at > from {
				s, i = 0, at
			}
		}
		var out bool
		if c := class[b[i]]; s < rows {
			t := dense[int(s)<<shift|int(c)]
			s, out = t&^outFlag, t&outFlag != 0
		} else {
			s = a.step(s, c)
			out = a.ends(s)
		}
		if !out {
			continue
		}
		if found = a.tell(found, b, s, i+1, n, base); len(found) > before+4*batch && !must {
			done := min(max(0, i+2-a.longest), n)
			return slices.DeleteFunc(found, func(m Match) bool { return m.Offset >= base+int64(done) }), done
		}
	}
	return found, n
}

// skip is the first place at i or behind where a text may begin. The last byte of b is
// one of those.
func (a *automaton) skip(b []byte, i int) int {
	for ; i+1 < len(b); i++ {
		k := uint(b[i])<<8 | uint(b[i+1])
		if a.pairs[k/64]>>(k%64)&1 != 0 {
			break
		}
	}
	return i
}

// tell appends the texts that end in b[:end], where the automaton is at node s.
func (a *automaton) tell(found []Match, b []byte, s int32, end, n int, base int64) []Match {
	for ; s != 0; s = a.out[s] {
		for _, t := range a.order[a.own[s].low:a.own[s].high] {
			size := int(a.size[t])
			at := end - size
			if at < n && (!a.check || a.texts[t].fits(b[at:])) {
				found = append(found, Match{Offset: base + int64(at), Length: int64(size), Index: int(t)})
			}
		}
	}
	return found
}
