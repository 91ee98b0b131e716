package hnsw

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"

	"kakoi/core"
)

// Params are what an Index is made with. Only Dimension must be given.
type Params struct {
	Dimension      int
	M              int       // neighbours of a new vector in each layer, twice as many in layer 0 at most; 0: 16, at most 64
	EfConstruction int       // how many candidates its neighbours are chosen from; 0: 128
	Resident       bool      // keep the vectors in float16 beside the codes; without, Vectors must be set to search
	Center         []float32 // [Dimension] mean of the vectors to come, at best (Mean); nil: zero
	Seed           uint64    // of the layers
}

// Validate fills in the defaults: core.ErrUsage.
func (p *Params) Validate() error {
	if p.M == 0 {
		p.M = 16
	}
	if p.EfConstruction == 0 {
		p.EfConstruction = 128
	}
	if p.Dimension < 1 || p.Dimension > 1<<14 || p.M < 4 || p.M > maxM || p.EfConstruction < p.M || p.Center != nil && len(p.Center) != p.Dimension {
		return fmt.Errorf("vector index of dimension %d, M %d, efConstruction %d, centre of %d: %w",
			p.Dimension, p.M, p.EfConstruction, len(p.Center), core.ErrUsage)
	}
	return nil
}

const (
	maxM     = 64
	maxLevel = 15
	none     = ^uint32(0)         // no slot, no neighbour; the end of a row
	tree     = uint32(1) << 31    // of a neighbour: this edge belongs to the tree of layer 0
	slotMask = tree - 1           //
	maxSlots = int(slotMask) >> 1 // as 32-bit machines count too
)

// about is what is known of a slot besides its code and scale.
type about struct {
	bias  float32 // centre times what is left of the vector
	sum   int32   // of the code
	upper uint32  // first row of the layers above 0, times 16, plus the highest layer
}

func (a about) level() int { return int(a.upper & maxLevel) }

// Index is the graph. Safe for concurrent use. Its memory is outside the Go heap: the maker closes it.
type Index struct {
	p      Params
	stride int       // bytes of a code: Dimension rounded up to 64
	centre []float32 // [stride]
	norm   float32   // centre times centre

	// Vectors gives the vectors of labels in float16, little-endian, row after row, to score hits again. Not needed where
	// Params.Resident. Set before the first search.
	Vectors func(labels []uint64, dst []byte) error

	kernel kernel

	// changing serialises what changes the graph; mu is held shared by whoever reads or links, alone to move the slabs and to
	// give slots back. Neighbours are read and written as atomics, so that a walk beside Add reads whole numbers; a row is
	// written under its stripe, and what a slot holds is written before the first edge to it.
	changing sync.Mutex
	mu       sync.RWMutex
	stripes  [1024]sync.Mutex
	closed   bool

	slots    int // in use, ever
	count    atomic.Int64
	stale    atomic.Int64  // deleted and not repaired
	entry    atomic.Uint64 // highest layer << 32 | slot; none: empty
	root     atomic.Uint32 // of the tree of layer 0
	entering sync.Mutex    // held by an insertion that will be the new entry
	free     []uint32      // slots to use again
	uppers   int           // rows of upper in use

	codes  slab[byte]    // [slots, stride] uint8, 128 is zero
	scales slab[float32] // [slots], of the codes; 0: the slot is free
	about  slab[about]   // [slots]
	links  slab[uint32]  // [slots, 2M]
	upper  slab[uint32]  // [uppers, M]
	labels slab[uint64]  // [slots]
	dead   slab[uint64]  // a bit for each slot
	half   slab[byte]    // [slots, stride] float16, where Resident

	dirty   dirty
	saved   uint32 // version of the snapshot that this came from or went to
	walkers sync.Pool
}

// New makes an empty index.
func New(p Params) (*Index, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	x := &Index{p: p, stride: (p.Dimension + 63) &^ 63, kernel: kernels[0]}
	x.centre = make([]float32, x.stride)
	copy(x.centre, p.Center)
	x.norm = dot(x.centre, x.centre)
	x.entry.Store(uint64(none))
	x.root.Store(none)
	x.walkers.New = func() any { return x.newWalker() }
	return x, nil
}

// Close gives the memory back. Whatever is called afterwards finds an empty index or an error.
func (x *Index) Close() error {
	x.changing.Lock()
	defer x.changing.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	x.slots, x.free = 0, nil
	x.count.Store(0)
	x.stale.Store(0)
	x.entry.Store(uint64(none))
	return errors.Join(x.codes.free(), x.scales.free(), x.about.free(), x.links.free(), x.upper.free(), x.labels.free(), x.dead.free(), x.half.free())
}

// Params are those it was made with, defaults filled in.
func (x *Index) Params() Params { return x.p }

// Len is the number of vectors that a search can find.
func (x *Index) Len() int { return int(x.count.Load()) }

// Stale is the number of deleted vectors that Repair would take out.
func (x *Index) Stale() int { return int(x.stale.Load()) }

// Bytes is the memory of the slabs that is in use.
func (x *Index) Bytes() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	each := x.stride + 16 + 8*x.p.M + 8
	if x.p.Resident {
		each += 2 * x.stride
	}
	return x.slots*each + x.slots/8 + 4*x.uppers*x.p.M
}

// Each calls fn with every vector that a search can find.
func (x *Index) Each(fn func(slot uint32, label uint64)) {
	x.changing.Lock()
	defer x.changing.Unlock()
	for s := range x.slots {
		if x.scales.some[s] != 0 && !x.isDead(uint32(s)) {
			fn(uint32(s), x.labels.some[s])
		}
	}
}

// Holds says that a slot has a vector of that label, which a search can find.
func (x *Index) Holds(slot uint32, label uint64) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return int(slot) < x.slots && x.scales.some[slot] != 0 && !x.isDead(slot) && x.labels.some[slot] == label
}

func (x *Index) isDead(s uint32) bool {
	return atomic.LoadUint64(&x.dead.some[s>>6])>>(s&63)&1 != 0
}

// row is the neighbours of a slot in a layer: up to 2M, or M above layer 0, then none.
func (x *Index) row(s uint32, level int) []uint32 {
	if level == 0 {
		n := 2 * x.p.M
		return x.links.some[int(s)*n : int(s)*n+n : int(s)*n+n]
	}
	at := (int(x.about.some[s].upper>>4) + level - 1) * x.p.M
	return x.upper.some[at : at+x.p.M : at+x.p.M]
}

func (x *Index) stripe(s uint32) *sync.Mutex { return &x.stripes[s%uint32(len(x.stripes))] }

// levelOf is the highest layer of a slot: each has 1/M of the slots of the one below.
func (x *Index) levelOf(s uint32) int {
	u := float64(mix(x.p.Seed+uint64(s))>>11+1) / (1 << 53) // (0, 1]
	return min(maxLevel, int(-math.Log(u)/math.Log(float64(x.p.M))))
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// room makes slots for n more vectors and gives them, used ones first. The caller holds changing.
func (x *Index) room(n int) ([]uint32, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, fmt.Errorf("vector index is closed: %w", core.ErrUsage)
	}
	reuse := min(n, len(x.free))
	fresh := n - reuse
	if x.slots+fresh > maxSlots {
		return nil, fmt.Errorf("%d vectors: %w", x.slots+fresh, core.ErrTooLarge)
	}
	if err := x.grow(x.slots + fresh); err != nil {
		return nil, err
	}
	x.dirty.grow(x.slots + fresh)
	slots := append([]uint32(nil), x.free[len(x.free)-reuse:]...)
	x.free = x.free[:len(x.free)-reuse]
	rows := 0
	for i := range fresh {
		rows += x.levelOf(uint32(x.slots + i))
	}
	if err := x.upper.grow(more((x.uppers + rows) * x.p.M)); err != nil {
		return nil, err
	}
	for range fresh {
		s := uint32(x.slots)
		level := x.levelOf(s)
		x.about.some[s].upper = uint32(x.uppers)<<4 | uint32(level)
		x.uppers += level
		x.slots++
		for l := range level + 1 {
			clearRow(x.row(s, l))
		}
		slots = append(slots, s)
	}
	return slots, nil
}

// grow makes the slabs hold n slots, and some more: address space costs nothing.
func (x *Index) grow(n int) error {
	words := (more(n) + 63) / 64
	err := errors.Join(x.codes.grow(more(n)*x.stride), x.scales.grow(more(n)), x.about.grow(more(n)), x.links.grow(more(n)*2*x.p.M), x.labels.grow(more(n)), x.dead.grow(words))
	if x.p.Resident {
		err = errors.Join(err, x.half.grow(more(n)*2*x.stride))
	}
	return err
}

// more is n and a quarter, on a step, so that slabs seldom move.
func more(n int) int {
	step := 1 << max(10, bits.Len(uint(n))-3)
	return (n + n/8 + step) &^ (step - 1)
}

func clearRow(row []uint32) {
	for i := range row {
		row[i] = none
	}
}

func dot(a, b []float32) float32 {
	var sum float32
	for i, f := range a {
		sum += f * b[i]
	}
	return sum
}

// Mean of vectors of a width, row after row: a good Params.Center.
func Mean(dimension int, vectors []float32) []float32 {
	sum := make([]float64, dimension)
	for i := 0; i+dimension <= len(vectors); i += dimension {
		for j, f := range vectors[i : i+dimension] {
			sum[j] += float64(f)
		}
	}
	mean := make([]float32, dimension)
	if n := len(vectors) / max(1, dimension); n > 0 {
		for j, f := range sum {
			mean[j] = float32(f / float64(n))
		}
	}
	return mean
}
