package hnsw

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
)

// Delete takes vectors out of every later search. Free and deleted slots are left as they are. It gives how many it took.
func (x *Index) Delete(slots ...uint32) int {
	x.changing.Lock()
	defer x.changing.Unlock()
	x.mu.RLock()
	defer x.mu.RUnlock()
	n := 0
	for _, s := range slots {
		if int(s) < x.slots && x.scales.some[s] != 0 && !x.isDead(s) {
			x.bury(s)
			x.count.Add(-1)
			n++
		}
	}
	return n
}

func (x *Index) bury(s uint32) {
	x.stale.Add(1) // before the bit: who sees the bit must see that there are any
	atomic.OrUint64(&x.dead.some[s>>6], 1<<(s&63))
	x.dirty.code(s)
}

// Stale share from which deleted vectors cost a search more than their repair costs now.
const staleShare = 8

// WantsRepair says that more than an eighth of the slots are deleted vectors.
func (x *Index) WantsRepair() bool { return x.Stale()*staleShare > x.Stale()+x.Len() }

// Repair takes the deleted vectors out of the graph: their neighbours are linked to each other, the tree is made anew, and
// the slots are wiped and free. Once begun it goes to its end, about a second for a million vectors. Searches go on beside
// it but for its last part, the making of the tree; until then one with a large ef may miss some.
func (x *Index) Repair(ctx context.Context) error {
	x.changing.Lock()
	defer x.changing.Unlock()
	if err := ctx.Err(); err != nil || x.Stale() == 0 {
		return err
	}
	if x.Len() == 0 {
		return x.empty()
	}
	x.mu.RLock()
	x.relink()
	x.mu.RUnlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.newEntry()
	x.regrow()
	for s := range uint32(x.slots) {
		if x.isDead(s) {
			x.release(s)
		}
	}
	x.stale.Store(0)
	return nil
}

// empty frees every slot.
func (x *Index) empty() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entry.Store(uint64(none))
	x.root.Store(none)
	x.free = x.free[:0]
	for s := range uint32(x.slots) {
		x.release(s)
	}
	x.stale.Store(0)
	return nil
}

func (x *Index) release(s uint32) {
	x.wipe(s)
	for l := range x.about.some[s].level() + 1 {
		clearRow(x.row(s, l))
	}
	x.dead.some[s>>6] &^= 1 << (s & 63)
	x.free = append(x.free, s)
}

// relink gives every living slot with a deleted neighbour new ones, chosen from those that are left and those of the
// deleted.
func (x *Index) relink() {
	workers := max(1, min(runtime.GOMAXPROCS(0), x.slots/1000))
	each(x.slots, workers, 256, func(_ int, next func() (int, int)) {
		w := x.walkers.Get().(*walker)
		defer x.walkers.Put(w)
		for from, to := next(); from >= 0; from, to = next() {
			for s := uint32(from); s < uint32(to); s++ {
				if x.scales.some[s] == 0 || x.isDead(s) {
					continue
				}
				for l := range x.about.some[s].level() + 1 {
					x.heal(w, s, l)
				}
			}
		}
	})
}

// heal looks from s through its deleted neighbours, and theirs, at most enough of them to find a row full of living ones.
func (x *Index) heal(w *walker, s uint32, level int) {
	row := x.row(s, level)
	var living, gone []uint32
	for _, id := range row {
		if id == none {
			break
		}
		if id &= slotMask; x.isDead(id) {
			gone = append(gone, id)
		} else {
			living = append(living, id)
		}
	}
	if len(gone) == 0 {
		return
	}
	had := len(living) + len(gone)
	w.begin(x.slots)
	w.visited[s] = w.epoch
	for _, id := range living {
		w.visited[id] = w.epoch
	}
	for _, id := range gone {
		w.visited[id] = w.epoch
	}
	direct := len(gone)
	for i := 0; i < len(gone) && (i < direct || len(living) < len(row)); i++ {
		through := x.row(gone[i], level)
		for j := range through {
			id := atomic.LoadUint32(&through[j])
			if id == none {
				break
			}
			if id &= slotMask; w.visited[id] == w.epoch {
				continue
			}
			w.visited[id] = w.epoch
			if x.isDead(id) {
				gone = append(gone, id)
			} else {
				living = append(living, id)
			}
		}
	}
	x.left(&w.q, s)
	w.near = w.near[:0]
	for part := range slices.Chunk(living, len(w.ids)-8) {
		w.near = x.scored(w, &w.q, w.near, part)
	}
	slices.SortFunc(w.near, inOrder)
	chosen := x.fill(w, x.choose(w, w.near, len(row)), had)
	lock := x.stripe(s)
	lock.Lock()
	x.write(s, level, chosen)
	lock.Unlock()
}

// fill adds the nearest of w.near that were not chosen from it, until there are n: what the heuristic leaves is enough for a new slot, which
// others will link to, but a row that was healed with it alone would be thinner each time, and walks would miss more and more.
func (x *Index) fill(w *walker, chosen []entry, n int) []entry {
	at := 0
	left := w.near[:0] // chosen lies elsewhere, in the same order
	for _, e := range w.near {
		if at < len(chosen) && chosen[at].slot == e.slot {
			at++
		} else {
			left = append(left, e)
		}
	}
	for _, e := range left {
		if len(chosen) >= n {
			break
		}
		chosen = append(chosen, e)
	}
	w.chosen = chosen
	return chosen
}

// newEntry makes a living slot of the highest layer the entry and the root.
func (x *Index) newEntry() {
	at := x.entry.Load()
	if x.isDead(uint32(at)) {
		best, level := none, -1
		for s := range uint32(x.slots) {
			if a := x.about.some[s]; x.scales.some[s] != 0 && !x.isDead(s) && a.level() > level {
				best, level = s, a.level()
			}
		}
		x.entry.Store(uint64(level)<<32 | uint64(best))
	}
	if x.isDead(x.root.Load()) {
		x.root.Store(uint32(x.entry.Load()))
	}
}

// regrow makes the tree of layer 0 anew: breadth first along the edges there are; a slot that they do not lead to hangs on
// one near to it. The caller is alone, and no living slot has a deleted neighbour in its row.
func (x *Index) regrow() {
	w := x.walkers.Get().(*walker)
	defer x.walkers.Put(w)
	for s := range uint32(x.slots) {
		row := x.row(s, 0)
		for i, id := range row {
			if id == none {
				break
			}
			row[i] = id & slotMask
		}
	}
	seen := make([]bool, x.slots)
	var queue []uint32
	spread := func(from uint32) {
		seen[from] = true
		queue = append(queue[:0], from)
		for len(queue) > 0 {
			s := queue[0]
			queue = queue[1:]
			row, trees := x.row(s, 0), 0
			for i, id := range row {
				if id == none || trees == x.branches() {
					break
				}
				if id&tree != 0 {
					trees++ // hung by hand
				} else if !seen[id] {
					seen[id] = true
					row[i] |= tree
					trees++
					queue = append(queue, id)
				}
			}
		}
	}
	spread(x.root.Load())
	for s := range uint32(x.slots) {
		if x.scales.some[s] == 0 || x.isDead(s) || seen[s] {
			continue
		}
		x.hangNear(w, s, seen)
		spread(s)
	}
}

// hangNear hangs s on the nearest slot that hangs already and may have one more, and makes it a neighbour of those around
// it: none of them had it.
func (x *Index) hangNear(w *walker, s uint32, seen []bool) {
	at := x.entry.Load()
	x.left(&w.q, s)
	x.look(w, s, uint32(at), int(at>>32), 0)
	hung := false
	for _, e := range slices.Clone(w.near) {
		if hung = seen[e.slot] && x.addEdge(w, e.slot, s, 0, true); hung {
			break
		}
	}
	for to := x.root.Load(); !hung && !x.addEdge(w, to, s, 0, true); to = x.child(to, s) {
	}
	for _, e := range w.found[0] {
		x.addEdge(w, e.slot, s, 0, false)
	}
}
