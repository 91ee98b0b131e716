package hnsw

import "sync/atomic"

// blockSlots is how many slots are saved as one value: 1,024 codes of 384 bytes are 400 KB, their rows 128 KB.
const blockSlots = 1024

// dirty remembers the blocks of codes that changed since the last snapshot. Neighbours change everywhere; they are always
// saved whole.
type dirty struct{ blocks []uint32 }

func (d *dirty) grow(slots int) {
	for len(d.blocks)*blockSlots < slots {
		d.blocks = append(d.blocks, 1)
	}
}

func (d *dirty) code(s uint32) {
	if b := &d.blocks[s/blockSlots]; atomic.LoadUint32(b) == 0 {
		atomic.StoreUint32(b, 1)
	}
}

func (d *dirty) codes(block int) bool { return d.blocks[block] != 0 }

func (d *dirty) all() {
	for i := range d.blocks {
		d.blocks[i] = 1
	}
}

func (d *dirty) none() { clear(d.blocks) }
