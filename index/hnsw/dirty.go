package hnsw

import "sync/atomic"

// blockSlots is how many slots are saved as one value: 1,024 codes of 384 bytes are 400 KB, their rows 128 KB.
const blockSlots = 1024

// dirty remembers the blocks that changed since the last snapshot: bit 0 of each codes, bit 1 rows.
type dirty struct {
	blocks []uint32
	upper  atomic.Bool
}

func (d *dirty) grow(slots int) {
	for len(d.blocks)*blockSlots < slots {
		d.blocks = append(d.blocks, 3)
	}
}

func (d *dirty) code(s uint32) { d.set(s, 1) }

func (d *dirty) link(s uint32, level int) {
	if level > 0 {
		d.upper.Store(true)
		return
	}
	d.set(s, 2)
}

func (d *dirty) set(s, bit uint32) {
	if b := &d.blocks[s/blockSlots]; atomic.LoadUint32(b)&bit == 0 {
		atomic.OrUint32(b, bit)
	}
}
