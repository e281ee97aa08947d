package pattern

// gapped looks for runs with gaps of a choice of lengths between them. It looks for each
// run in a block, and joins the places from the last run to the first: the time is that
// of as many searches as there are runs, whatever the bytes.
type gapped struct {
	runs []*finder
	gaps []gap // gaps[i] is before runs[i]
	span int   // bytes of the longest match
	rare int   // the run that is looked for first: without it there is no match
}

// gapBlock is how many offsets are looked at together.
const gapBlock = 32 << 10

func newGapped(runs []run, gaps []gap) *gapped {
	g := &gapped{gaps: gaps}
	for i, r := range runs {
		g.runs = append(g.runs, newFinder(r.plain()))
		g.span += gaps[i].most + len(r.value)
		if g.runs[i].worth() > g.runs[g.rare].worth() {
			g.rare = i
		}
	}
	return g
}

// worth is how much sooner than others a run tells that there is no match.
func (f *finder) worth() int {
	switch {
	case len(f.literal) > 1 && !flat(f.literal):
		return 256 * len(f.literal)
	case f.any:
		return 0
	}
	return 256 - common(f.value[f.at])
}

func (g *gapped) reach() int { return g.span }

func (g *gapped) find(l *labour, b []byte, from, n int, base int64, found []Match) ([]Match, int) {
	for from < n && len(found) < batch && !l.stop(gapBlock) {
		end := min(from+gapBlock, n)
		for _, p := range g.block(l, b[:min(len(b), end+g.span-1)], from, end) {
			found = append(found, Match{Offset: base + int64(p.at), Length: int64(p.end - p.at)})
		}
		from = end
	}
	return found, from
}

// place is where a run was found, and where the shortest match of it and the runs behind
// it ends.
type place struct{ at, end int32 }

// block is the places of the first run in b[from:end] with what follows it. They are
// valid until the next call.
func (g *gapped) block(l *labour, b []byte, from, end int) []place {
	if l.places == nil {
		l.places = make([][]place, len(g.runs))
	}
	rare := g.runs[g.rare]
	if c := rare.candidates(b, len(b)-len(rare.value)+1); c.next(from) < 0 {
		return nil
	}
	all := l.places
	low, high := from, end // where the next run may begin
	for i, f := range g.runs {
		if i > 0 {
			low += g.gaps[i].least
			high += g.gaps[i].most
		}
		if all[i] = f.places(l, b, low, high, all[i][:0]); len(all[i]) == 0 {
			return nil
		}
		low = int(all[i][0].end)
		high = int(all[i][len(all[i])-1].end) + 1
	}
	for i := len(all) - 2; i >= 0; i-- {
		all[i] = join(all[i], all[i+1], len(g.runs[i].value), g.gaps[i+1])
	}
	return all[0]
}

// places appends to all where f is found in b[low:high].
func (f *finder) places(l *labour, b []byte, low, high int, all []place) []place {
	high = min(high, len(b)-len(f.value)+1)
	c := f.candidates(b, high)
	for low < high {
		i := c.next(low)
		if i < 0 || l.stop(len(f.value)) {
			break
		}
		if f.mask == nil || f.fits(b[i:]) {
			all = append(all, place{int32(i), int32(i + len(f.value))})
		}
		low = i + 1
	}
	return all
}

// join keeps those of first, which has size bytes, that one of then follows within the
// gap, with the least end that these have.
func join(first, then []place, size int, g gap) []place {
	kept := first[:0]
	var queue []place // of then within reach, with ends that grow: the least is in front
	next := 0
	for _, p := range first {
		low, high := p.at+int32(size+g.least), p.at+int32(size+g.most)
		for ; next < len(then) && then[next].at <= high; next++ {
			for len(queue) > 0 && queue[len(queue)-1].end >= then[next].end {
				queue = queue[:len(queue)-1]
			}
			queue = append(queue, then[next])
		}
		for len(queue) > 0 && queue[0].at < low {
			queue = queue[1:]
		}
		if len(queue) > 0 {
			kept = append(kept, place{p.at, queue[0].end})
		}
	}
	return kept
}
