package hnsw

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"kakoi/core"
)

// branches is how many edges of the tree may leave one slot: the other places of its row are for the nearest.
func (x *Index) branches() int { return x.p.M }

// Add puts vectors in, row after row, and gives the slots they lie in. The same vector or label may be added any number of
// times. Large additions use all processors. core.ErrDimension, core.ErrCorrupt for what is not finite; nothing is added
// then. When ctx ends, the vectors that are in are deleted again.
func (x *Index) Add(ctx context.Context, labels []uint64, vectors []float32) ([]uint32, error) {
	n, d := len(labels), x.p.Dimension
	if len(vectors) != n*d {
		return nil, fmt.Errorf("%d numbers for %d vectors of %d: %w", len(vectors), n, d, core.ErrDimension)
	}
	for i := range n {
		if err := x.check(vectors[i*d : (i+1)*d]); err != nil {
			return nil, fmt.Errorf("vector %d: %w", i, err)
		}
	}
	x.changing.Lock()
	defer x.changing.Unlock()
	slots, err := x.room(n)
	if err != nil {
		return nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	workers := max(1, min(runtime.GOMAXPROCS(0), n/16))
	each(n, workers, 1, func(_ int, next func() (int, int)) {
		for i, _ := next(); i >= 0; i, _ = next() {
			x.encode(slots[i], vectors[i*d:(i+1)*d], labels[i])
		}
	})
	in := make([]bool, n)
	each(n, workers, 1, func(_ int, next func() (int, int)) {
		w := x.walkers.Get().(*walker)
		defer x.walkers.Put(w)
		for i, _ := next(); i >= 0 && ctx.Err() == nil; i, _ = next() {
			x.insert(w, slots[i])
			in[i] = true
		}
	})
	if slices.Contains(in, false) {
		for i, s := range slots { // what is linked is deleted, the rest was never there
			if in[i] {
				x.bury(s)
			} else {
				x.wipe(s)
				x.free = append(x.free, s)
			}
		}
		return nil, ctx.Err()
	}
	x.count.Add(int64(n))
	return slots, nil
}

// each shares n items among workers, in portions.
func each(n, workers, portion int, fn func(worker int, next func() (from, to int))) {
	var at atomic.Int64
	next := func() (int, int) {
		from := int(at.Add(int64(portion))) - portion
		if from >= n {
			return -1, -1
		}
		return from, min(n, from+portion)
	}
	var wait sync.WaitGroup
	for w := 1; w < workers; w++ {
		wait.Go(func() { fn(w, next) })
	}
	fn(0, next)
	wait.Wait()
}

// insert links an encoded slot: looks for its neighbours from the top down, then ties it in from the bottom up. The edge of
// the tree comes first, so that a slot which another insertion can find already hangs on the root; otherwise two of them
// might hang on each other.
func (x *Index) insert(w *walker, s uint32) {
	level := x.about.some[s].level()
	at := x.entry.Load()
	if uint32(at) == none || level > int(at>>32) {
		x.entering.Lock()
		defer x.entering.Unlock()
		if at = x.entry.Load(); uint32(at) == none {
			x.root.Store(s)
			x.entry.Store(uint64(level)<<32 | uint64(s))
			return
		}
	}
	top := int(at >> 32)
	x.left(&w.q, s)
	x.look(w, s, uint32(at), top, min(level, top))
	x.tieIn(w, s, w.found[0])
	for l := 1; l <= min(level, top); l++ {
		x.write(s, l, w.found[l])
		for _, e := range w.found[l] {
			x.addEdge(w, e.slot, s, l, false)
		}
	}
	if level > top {
		x.entry.Store(uint64(level)<<32 | uint64(s))
	}
}

// look fills w.found with the neighbours of s, which is w.q, in the layers up to level.
func (x *Index) look(w *walker, s, from uint32, top, level int) {
	ef := x.p.EfConstruction
	from = x.descend(w, &w.q, from, top, level)
	w.begin(x.slots)
	x.start(w, &w.q, ef, from)
	for l := level; ; l-- {
		if l == 0 {
			x.start(w, &w.q, ef, x.root.Load())
		}
		x.walk(w, &w.q, l, ef)
		w.near = w.near[:0]
		gone := x.stale.Load() != 0
		for _, e := range w.pool {
			if e.slot &= slotMask; e.slot != s && (!gone || !x.isDead(e.slot)) {
				w.near = append(w.near, e)
			}
		}
		w.found[l] = append(w.found[l][:0], x.choose(w, w.near, x.p.M)...)
		if l == 0 {
			return
		}
		w.begin(x.slots) // the layer below begins with what this one found
		for _, e := range w.near {
			w.visited[e.slot] = w.epoch
			x.offer(w, e, ef)
		}
	}
}

// tieIn links s in layer 0 with chosen, nearest first.
func (x *Index) tieIn(w *walker, s uint32, chosen []entry) {
	x.write(s, 0, chosen)
	hung := none
	for _, e := range chosen {
		if x.addEdge(w, e.slot, s, 0, true) {
			hung = e.slot
			break
		}
	}
	if hung == none {
		at := x.root.Load()
		if len(chosen) > 0 {
			at = chosen[0].slot
		}
		for !x.addEdge(w, at, s, 0, true) { // down the tree: a leaf has room
			at = x.child(at, s)
		}
	}
	for _, e := range chosen {
		if e.slot != hung {
			x.addEdge(w, e.slot, s, 0, false)
		}
	}
}

// child is one of those that hang on a slot.
func (x *Index) child(of, which uint32) uint32 {
	var children []uint32
	row := x.row(of, 0)
	for i := range row {
		if id := atomic.LoadUint32(&row[i]); id != none && id&tree != 0 {
			children = append(children, id&slotMask)
		}
	}
	return children[int(which)%len(children)]
}

// choose keeps, of candidates in order, up to m that are each nearer to the left side than to one kept before (the
// heuristic of the paper): neighbours in all directions, not one dense spot. An edge of the tree is kept always. The result
// is valid until the next call.
func (x *Index) choose(w *walker, from []entry, m int) []entry {
	w.chosen = w.chosen[:0]
	kept := 0
	for _, e := range from {
		if e.slot&tree != 0 {
			kept++
		}
	}
	for _, e := range from {
		if e.slot&tree != 0 {
			kept--
		} else if len(w.chosen)+kept >= m || !x.apart(w, e) {
			continue
		}
		w.chosen = append(w.chosen, e)
	}
	return w.chosen
}

// apart says that e is not nearer to one of the chosen than to the left side.
func (x *Index) apart(w *walker, e entry) bool {
	if len(w.chosen) == 0 {
		return true
	}
	x.left(&w.other, e.slot)
	for at := 0; at < len(w.chosen); at += 8 {
		n := min(8, len(w.chosen)-at)
		for i, c := range w.chosen[at : at+n] {
			w.ids[i] = c.slot & slotMask
		}
		x.touchCodes(w, n)
		x.score(w, &w.other, n)
		for _, s := range w.scores[:n] {
			if s > e.score {
				return false
			}
		}
	}
	return true
}

// write sets a row; the caller holds its stripe, or nobody can find the slot yet.
func (x *Index) write(s uint32, level int, to []entry) {
	row := x.row(s, level)
	for i := range row {
		id := none
		if i < len(to) {
			id = to[i].slot
		}
		if row[i] != id {
			atomic.StoreUint32(&row[i], id)
		}
	}
}

// addEdge makes to a neighbour of from, and chooses a full row anew. With hang the edge is one of the tree, or is not made
// and the answer is false: from may have no more of them.
func (x *Index) addEdge(w *walker, from, to uint32, level int, hang bool) bool {
	lock := x.stripe(from)
	lock.Lock()
	defer lock.Unlock()
	row := x.row(from, level)
	n, trees, there := 0, 0, -1
	for ; n < len(row) && row[n] != none; n++ {
		if row[n]&tree != 0 {
			trees++
		}
		if row[n]&slotMask == to {
			there = n
		}
	}
	id := to
	if hang {
		if trees >= x.branches() {
			return false
		}
		id |= tree
	}
	switch {
	case there >= 0:
		if hang {
			atomic.StoreUint32(&row[there], id)
		}
	case n < len(row):
		atomic.StoreUint32(&row[n], id)
	default:
		x.left(&w.other, from)
		w.near = x.scored(w, &w.other, w.near[:0], row)
		w.ids[0] = to
		x.score(w, &w.other, 1)
		w.near = append(w.near, entry{w.scores[0], id})
		slices.SortFunc(w.near, inOrder)
		x.write(from, level, x.choose(w, w.near, len(row)))
		return true
	}
	return true
}

// scored appends the slots of a row with their scores.
func (x *Index) scored(w *walker, q *query, dst []entry, row []uint32) []entry {
	n := 0
	for n < len(row) && row[n] != none {
		w.ids[n] = row[n] & slotMask
		n++
	}
	if n == 0 {
		return dst
	}
	x.touchCodes(w, n)
	x.score(w, q, n)
	for i, s := range w.scores[:n] {
		dst = append(dst, entry{s, row[i]})
	}
	return dst
}

func inOrder(a, b entry) int {
	if a.score != b.score {
		return cmp.Compare(b.score, a.score)
	}
	return cmp.Compare(a.slot&slotMask, b.slot&slotMask)
}
