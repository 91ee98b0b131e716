package hnsw

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"

	"kakoi/core"
)

// Hit is a vector with its score: the dot product, with the vector in float16.
type Hit struct {
	Slot  uint32
	Label uint64
	Score float32
}

// entry is a slot on a walk's list.
type entry struct {
	score float32
	slot  uint32 // with the bit opened once its neighbours were looked at
}

const opened = tree

// walker is what one walk at a time needs.
type walker struct {
	q, other query
	vector   []float32 // [stride], the query as it was asked
	visited  []uint16  // [slots]: epoch when the slot was met on this walk
	epoch    uint16
	pool     []entry // best first
	late     []entry // scored, and not on the list yet
	next     uint32
	dead     int // in pool
	ids      [2*maxM + 8]uint32
	sums     [2*maxM + 8]int32
	scores   [2*maxM + 8]float32
	chosen   []entry
	near     []entry
	found    [maxLevel + 1][]entry
	rows     []byte
	labels   []uint64
	hits     []Hit
}

func (x *Index) newWalker() *walker {
	return &walker{q: x.newQuery(), other: x.newQuery(), vector: aligned[float32](x.stride)}
}

// begin makes every slot unvisited.
func (w *walker) begin(slots int) {
	if len(w.visited) < slots {
		w.visited = make([]uint16, more(slots))
		w.epoch = 0
	}
	w.epoch++
	if w.epoch == 0 {
		clear(w.visited)
		w.epoch = 1
	}
	w.pool, w.dead = w.pool[:0], 0
}

// touchCodes asks for what score will read of the first n of w.ids: while it is on its way, other things can be done.
func (x *Index) touchCodes(w *walker, n int) {
	x.kernel.touch(unsafe.Pointer(unsafe.SliceData(x.codes.some)), uintptr(x.stride), &w.ids[0], uintptr(n))
	x.kernel.touch(unsafe.Pointer(unsafe.SliceData(x.scales.some)), 4, &w.ids[0], uintptr(n))
}

// touchRow asks for the neighbours of a slot in layer 0.
func (x *Index) touchRow(w *walker, s uint32) {
	w.next = s & slotMask
	x.kernel.touch(unsafe.Pointer(unsafe.SliceData(x.links.some)), uintptr(8*x.p.M), &w.next, 1)
}

// score fills w.scores for the first n of w.ids.
func (x *Index) score(w *walker, q *query, n int) {
	for i := n; i&3 != 0; i++ {
		w.ids[i] = w.ids[0]
	}
	x.kernel.dots(q.pointer(), unsafe.SliceData(x.codes.some), uintptr(x.stride), &w.ids[0], uintptr(n), &w.sums[0])
	scales := x.scales.some
	for i, id := range w.ids[:n] {
		w.scores[i] = q.base + q.scale*scales[id]*float32(w.sums[i]-q.shift)
	}
	if q.bias {
		for i, id := range w.ids[:n] {
			w.scores[i] += x.about.some[id].bias
		}
	}
}

const shortList = 64

// hopeless says that a score is too low for a list of ef.
func (w *walker) hopeless(score float32, ef int) bool {
	return len(w.pool)-w.dead >= ef && score <= w.pool[len(w.pool)-1].score
}

// offer puts a slot on the list when it is among the ef best living ones; the deleted come along without being counted.
func (x *Index) offer(w *walker, e entry, ef int) int {
	if w.hopeless(e.score, ef) {
		return len(w.pool)
	}
	gone := x.stale.Load() != 0 && x.isDead(e.slot)
	if n := len(w.pool); n <= shortList && w.dead == 0 && !gone { // short: moving one by one is faster than looking for the place
		if n < ef {
			w.pool = append(w.pool, entry{})
		} else {
			n--
		}
		for ; n > 0 && w.pool[n-1].score < e.score; n-- {
			w.pool[n] = w.pool[n-1]
		}
		w.pool[n] = e
		return n
	}
	lo, hi := 0, len(w.pool)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if w.pool[mid].score >= e.score {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	w.pool = append(w.pool, entry{})
	copy(w.pool[lo+1:], w.pool[lo:])
	w.pool[lo] = e
	if gone {
		w.dead++
	}
	for len(w.pool)-w.dead > ef || w.dead > 0 && len(w.pool)-w.dead == ef && x.isDead(w.pool[len(w.pool)-1].slot&slotMask) {
		if w.dead > 0 && x.isDead(w.pool[len(w.pool)-1].slot&slotMask) {
			w.dead--
		}
		w.pool = w.pool[:len(w.pool)-1]
	}
	return lo
}

// start puts slots on an empty list.
func (x *Index) start(w *walker, q *query, ef int, slots ...uint32) {
	for _, s := range slots {
		if s == none || w.visited[s] == w.epoch {
			continue
		}
		w.visited[s] = w.epoch
		w.ids[0] = s
		x.score(w, q, 1)
		x.offer(w, entry{w.scores[0], s}, ef)
	}
}

// walk opens the best unopened slot of the list until there is none: the list is then the ef best that the layer leads to.
//
// Most of the time is the way from memory, so what is needed next is asked for before it is known for certain what is next: the
// scores of one slot's neighbours wait in w.late while the neighbours of the slot that will be opened after them are fetched.
// The order in which slots are opened is that of a walk that puts each score on the list at once.
func (x *Index) walk(w *walker, q *query, level, ef int) {
	w.late = w.late[:0]
	for at := 0; ; {
		for at < len(w.pool) && w.pool[at].slot&opened != 0 {
			at++
		}
		if best, any := w.bestLate(); any && (at >= len(w.pool) || best.score > w.pool[at].score) {
			if level == 0 {
				x.touchRow(w, best.slot)
			}
			at = x.offerLate(w, at, ef)
			continue
		}
		if at >= len(w.pool) {
			return
		}
		s := w.pool[at].slot
		w.pool[at].slot |= opened
		at++
		n := w.unmet(x.row(s, level))
		x.touchCodes(w, n)
		if at < len(w.pool) && level == 0 {
			x.touchRow(w, w.pool[at].slot)
		}
		at = x.offerLate(w, at, ef)
		if n == 0 {
			continue
		}
		x.score(w, q, n)
		for i, s := range w.scores[:n] {
			if !w.hopeless(s, ef) {
				w.late = append(w.late, entry{s, w.ids[i]})
			}
		}
	}
}

// bestLate is the highest score that is not on the list yet.
func (w *walker) bestLate() (best entry, any bool) {
	for i, e := range w.late {
		if i == 0 || e.score > best.score {
			best = e
		}
	}
	return best, len(w.late) > 0
}

// offerLate puts what waits on the list; the answer is the first place of the list that may be unopened.
func (x *Index) offerLate(w *walker, at, ef int) int {
	for _, e := range w.late {
		at = min(at, x.offer(w, e, ef))
	}
	w.late = w.late[:0]
	return at
}

// unmet fills w.ids with the neighbours of a row that this walk has not met, marks them, and says how many they are.
func (w *walker) unmet(row []uint32) int {
	n := 0
	for i := range row {
		id := atomic.LoadUint32(&row[i])
		if id == none {
			break
		}
		id &= slotMask
		fresh := uint32(w.visited[id] ^ w.epoch) // no branch: nobody could guess it
		w.visited[id] = w.epoch
		w.ids[n&127] = id
		n += int(-fresh >> 31)
	}
	return n
}

// descend gives the best slot of the layers above to.
func (x *Index) descend(w *walker, q *query, from uint32, level, to int) uint32 {
	w.begin(x.slots)
	w.visited[from] = w.epoch
	w.ids[0] = from
	x.score(w, q, 1)
	best := entry{w.scores[0], from}
	for ; level > to; level-- {
		for moved := true; moved; {
			moved = false
			row := x.row(best.slot, level)
			n := 0
			for i := range row {
				id := atomic.LoadUint32(&row[i])
				if id == none {
					break
				}
				if w.visited[id] == w.epoch { // not better than best
					continue
				}
				w.visited[id] = w.epoch
				w.ids[n] = id
				n++
			}
			if n == 0 {
				break
			}
			x.touchCodes(w, n)
			if level > 1 { // a row above layer 0 is found through it
				x.kernel.touch(unsafe.Pointer(unsafe.SliceData(x.about.some)), unsafe.Sizeof(about{}), &w.ids[0], uintptr(n))
			}
			x.score(w, q, n)
			for i, s := range w.scores[:n] {
				if s > best.score {
					best, moved = entry{s, w.ids[i]}, true
				}
			}
		}
	}
	return best.slot
}

// beam is how many slots of layer 1 a search comes down from. One is enough in a new graph. The first vectors of a graph have edges that lead
// far; when they have been deleted, a walk that follows one slot only ends in the wrong cluster now and then: when half of the vectors was
// deleted and added again four times, one query in fifty found nothing that was right. With four, none did (BenchmarkReadd).
const beam = 4

// land begins the list of layer 0 with the best that layer 1 has.
func (x *Index) land(w *walker, from uint32, top, ef int) {
	from = x.descend(w, &w.q, from, top, 1)
	w.begin(x.slots)
	x.start(w, &w.q, beam, from)
	if top > 0 {
		x.walk(w, &w.q, 1, beam)
	}
	w.near = append(w.near[:0], w.pool...)
	w.begin(x.slots)
	for _, e := range w.near {
		e.slot &= slotMask
		w.visited[e.slot] = w.epoch
		x.offer(w, e, ef)
	}
}

// Search gives the k vectors with the highest dot product to v, best first, as far as a walk with a list of ef finds them;
// ef below k is k, ef of at least Len is exact. core.ErrDimension.
func (x *Index) Search(v []float32, k, ef int) ([]Hit, error) { return x.AppendHits(nil, v, k, ef) }

// AppendHits is Search into a slice that is used again.
func (x *Index) AppendHits(dst []Hit, v []float32, k, ef int) ([]Hit, error) {
	if err := x.check(v); err != nil {
		return dst, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if k <= 0 || x.Len() == 0 {
		return dst, nil
	}
	w := x.walkers.Get().(*walker)
	defer x.walkers.Put(w)
	at := x.entry.Load()
	ef = max(ef, k)
	x.ask(&w.q, v)
	x.land(w, uint32(at), int(at>>32), ef)
	x.start(w, &w.q, ef, x.root.Load())
	x.walk(w, &w.q, 0, ef)
	keep := k + k/2 + 4 // the walk's order is almost right
	if ef >= x.Len() {
		keep = len(w.pool)
	}
	return x.again(dst, w, v, k, keep)
}

// again scores the best living ones of the list with their float16 vectors.
func (x *Index) again(dst []Hit, w *walker, v []float32, k, keep int) ([]Hit, error) {
	copy(w.vector, v)
	w.hits = w.hits[:0]
	gone := x.stale.Load() != 0
	for _, e := range w.pool {
		if len(w.hits) == keep {
			break
		}
		if s := e.slot & slotMask; !gone || !x.isDead(s) {
			w.hits = append(w.hits, Hit{Slot: s, Label: x.labels.some[s], Score: e.score})
		}
	}
	width := 2 * x.stride
	if x.p.Resident {
		for i := range w.hits {
			x.kernel.touch(unsafe.Pointer(unsafe.SliceData(x.half.some)), uintptr(width), &w.hits[i].Slot, 1)
		}
		for i := range w.hits {
			h := &w.hits[i]
			h.Score = x.kernel.half(&w.vector[0], &x.half.some[int(h.Slot)*width], uintptr(x.stride))
		}
	} else if err := x.fetch(w); err != nil {
		return dst, err
	}
	for i := 1; i < len(w.hits); i++ { // almost in order already
		for j := i; j > 0 && better(w.hits[j], w.hits[j-1]) < 0; j-- {
			w.hits[j], w.hits[j-1] = w.hits[j-1], w.hits[j]
		}
	}
	return append(dst, w.hits[:min(k, len(w.hits))]...), nil
}

// fetch scores with the vectors that the owner keeps.
func (x *Index) fetch(w *walker) error {
	if x.Vectors == nil {
		return fmt.Errorf("vector index without vectors: %w", core.ErrUsage)
	}
	w.labels = w.labels[:0]
	for _, h := range w.hits {
		w.labels = append(w.labels, h.Label)
	}
	n := 2 * x.p.Dimension
	w.rows = slices.Grow(w.rows[:0], n*len(w.hits))[:n*len(w.hits)]
	if err := x.Vectors(w.labels, w.rows); err != nil {
		return fmt.Errorf("fetch %d vectors: %w", len(w.labels), err)
	}
	var padded [64]byte // of the last, incomplete 32 components
	for i := range w.hits {
		row := w.rows[i*n : (i+1)*n]
		whole := x.p.Dimension &^ 31
		score := float32(0)
		if whole > 0 {
			score = x.kernel.half(&w.vector[0], &row[0], uintptr(whole))
		}
		if whole < x.p.Dimension {
			clear(padded[:])
			copy(padded[:], row[2*whole:])
			score += x.kernel.half(&w.vector[whole], &padded[0], 32)
		}
		w.hits[i].Score = score
	}
	return nil
}

// better orders hits by score, then label.
func better(a, b Hit) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	}
	return cmp.Compare(a.Label, b.Label)
}

// Exact is Search by looking at every vector, where Resident: what recall is measured against.
func (x *Index) Exact(v []float32, k int) ([]Hit, error) {
	if err := x.check(v); err != nil {
		return nil, err
	}
	if !x.p.Resident {
		return nil, fmt.Errorf("exact search without vectors: %w", core.ErrUsage)
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	vector := aligned[float32](x.stride)
	copy(vector, v)
	var best []Hit
	for s := range x.slots {
		if x.scales.some[s] == 0 || x.isDead(uint32(s)) {
			continue
		}
		h := Hit{uint32(s), x.labels.some[s], x.kernel.half(&vector[0], &x.half.some[2*s*x.stride], uintptr(x.stride))}
		if len(best) == k && better(h, best[k-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, h, better)
		best = slices.Insert(best, at, h)
		best = best[:min(k, len(best))]
	}
	return best, nil
}

// vector is the float16 vector of a slot, little-endian, where Resident.
func (x *Index) vector(s uint32) []float32 {
	out := make([]float32, x.p.Dimension)
	for i := range out {
		out[i] = widen(binary.LittleEndian.Uint16(x.half.some[2*int(s)*x.stride+2*i:]))
	}
	return out
}
