package e5

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"kakoi/core"
)

// charsmap builds sentencepiece's precompiled normalisation table (the "precompiled_charsmap" of a tokenizer.json):
// u32 length of a double array in bytes, the double array of darts-clone, then NUL-terminated outputs. The double
// array is a trie over UTF-8: the unit of a node holds the byte that leads to it and the offset to its children, its
// child by byte c stands at (node ^ offset) ^ c; c = 0 is the value of a key that ends there, an offset of outputs.
func charsmap(table map[rune]string) ([]byte, error) {
	b := &builder{taken: make([]bool, 256), bases: map[uint32]bool{}, units: make([]uint32, 256), starts: map[string]uint32{}}
	b.taken[0] = true
	keys := make([]entry, 0, len(table))
	for _, from := range slices.Sorted(maps.Keys(table)) {
		// A NUL ends a key and cannot be in one.
		if from > 0 && utf8.ValidRune(from) {
			keys = append(keys, entry{string(from), table[from]})
		}
	}
	slices.SortFunc(keys, func(x, y entry) int { return cmp.Compare(x.key, y.key) })
	if len(keys) > 0 {
		if err := b.place(0, keys, 0); err != nil {
			return nil, err
		}
	}
	out := binary.LittleEndian.AppendUint32(nil, uint32(4*len(b.units)))
	for _, u := range b.units {
		out = binary.LittleEndian.AppendUint32(out, u)
	}
	return append(out, b.outputs...), nil
}

type entry struct{ key, value string }

type builder struct {
	units   []uint32
	taken   []bool
	bases   map[uint32]bool // a base serves one node only, or bytes of another could be mistaken for its own
	free    uint32          // no free unit below
	outputs []byte
	starts  map[string]uint32 // of outputs
}

// place puts the children of node, which the sorted keys of that prefix of depth bytes have, and theirs.
func (b *builder) place(node uint32, keys []entry, depth int) error {
	var labels []byte
	var groups [][]entry
	for from := 0; from < len(keys); {
		label := labelOf(keys[from].key, depth)
		to := from + 1
		for to < len(keys) && labelOf(keys[to].key, depth) == label {
			to++
		}
		labels, groups = append(labels, label), append(groups, keys[from:to])
		from = to
	}
	base := b.fit(labels)
	offset := base ^ node
	if offset >= 1<<21 {
		return fmt.Errorf("normalisation table: offset %d: %w", offset, core.ErrUnsupported)
	}
	b.units[node] |= offset << 10
	for i, label := range labels {
		child := base ^ uint32(label)
		if label == 0 {
			b.units[node] |= 1 << 8
			b.units[child] = 1<<31 | b.output(groups[i][0].value)
			continue
		}
		b.units[child] = uint32(label)
	}
	for i, label := range labels {
		if label == 0 {
			continue
		}
		if err := b.place(base^uint32(label), groups[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}

func labelOf(key string, depth int) byte {
	if depth < len(key) {
		return key[depth]
	}
	return 0
}

// fit takes an unused base whose places for labels are free.
func (b *builder) fit(labels []byte) uint32 {
	for b.taken[b.free] {
		b.free++
		b.grow(b.free)
	}
	for at := b.free; ; at++ {
		b.grow(at)
		base := at ^ uint32(labels[0])
		if b.taken[at] || b.bases[base] || !b.fits(base, labels) {
			continue
		}
		b.bases[base] = true
		for _, l := range labels {
			b.taken[base^uint32(l)] = true
		}
		return base
	}
}

func (b *builder) fits(base uint32, labels []byte) bool {
	for _, l := range labels {
		if b.taken[base^uint32(l)] {
			return false
		}
	}
	return true
}

// grow makes room for the block of 256 units that at is in.
func (b *builder) grow(at uint32) {
	for int(at) >= len(b.units) {
		b.units = append(b.units, make([]uint32, 256)...)
		b.taken = append(b.taken, make([]bool, 256)...)
	}
}

func (b *builder) output(value string) uint32 {
	start, ok := b.starts[value]
	if !ok {
		start = uint32(len(b.outputs))
		b.starts[value] = start
		b.outputs = append(append(b.outputs, value...), 0)
	}
	return start
}
