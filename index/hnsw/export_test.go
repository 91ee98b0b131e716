package hnsw

import "fmt"

// Kernels names the kernels of this machine.
func Kernels() (names []string) {
	for _, k := range kernels {
		names = append(names, k.name)
	}
	return names
}

// UseKernel makes new indexes score with that kernel; the returned function takes it back.
func UseKernel(name string) (back func()) {
	before := kernels
	for _, k := range before {
		if k.name == name {
			kernels = []kernel{k}
		}
	}
	return func() { kernels = before }
}

// Check looks whether the graph is what the package comment says: rows without holes, doubles, or slots that are free or of
// a lower layer; every slot hangs on the root, once.
func (x *Index) Check() error {
	x.changing.Lock()
	defer x.changing.Unlock()
	used, living := 0, 0
	hangs := make([]int, x.slots)
	for s := range uint32(x.slots) {
		a := x.about.some[s]
		if x.scales.some[s] == 0 {
			continue
		}
		used++
		if !x.isDead(s) {
			living++
		}
		for l := range a.level() + 1 {
			seen, end, trees := map[uint32]bool{s: true}, false, 0
			for _, id := range x.row(s, l) {
				if id == none {
					end = true
					continue
				}
				if id&tree != 0 && l == 0 {
					trees++
					hangs[id&slotMask]++
				}
				id &= slotMask
				if end || seen[id] || int(id) >= x.slots || x.scales.some[id] == 0 || x.about.some[id].level() < l {
					return fmt.Errorf("slot %d, layer %d: neighbour %d in %v", s, l, id, x.row(s, l))
				}
				seen[id] = true
			}
			if trees > x.branches() {
				return fmt.Errorf("%d slots hang on slot %d", trees, s)
			}
		}
	}
	if used == 0 {
		return nil
	}
	if living != x.Len() || used-living != x.Stale() {
		return fmt.Errorf("%d living and %d deleted slots, counted %d and %d", living, used-living, x.Len(), x.Stale())
	}
	reached := map[uint32]bool{x.root.Load(): true}
	for queue := []uint32{x.root.Load()}; len(queue) > 0; queue = queue[1:] {
		for _, id := range x.row(queue[0], 0) {
			if id != none && id&tree != 0 && !reached[id&slotMask] {
				reached[id&slotMask] = true
				queue = append(queue, id&slotMask)
			}
		}
	}
	if len(reached) != used {
		return fmt.Errorf("%d of %d slots hang on the root", len(reached), used)
	}
	for s, n := range hangs {
		if n > 1 {
			return fmt.Errorf("slot %d hangs %d times", s, n)
		}
	}
	return nil
}

// Narrow is a float16.
func Narrow(f float32) uint16 { return narrow(f) }

// Code is the code of a slot, as it lies in the files.
func (x *Index) Code(s uint32) []byte {
	return append([]byte(nil), x.codes.some[int(s)*x.stride : (int(s)+1)*x.stride][:x.p.Dimension]...)
}
