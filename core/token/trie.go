package token

// trie maps byte strings to ids. Edges lie in one open-addressing table keyed by (node, byte): it is built in one
// pass over the pieces, in any order, which is what makes loading quick.
type trie struct {
	keys  []uint64 // node<<8 | byte, plus 1; 0 is free
	nodes []int32  // child of the edge in the same slot
	ids   []int32  // per node; -1 without
	mask  uint64
	used  int
	root  [256]int32 // first byte, the commonest step; 0 without
}

// newTrie makes a trie for about n bytes of keys.
func newTrie(n int) *trie {
	size := 64
	for size < n {
		size *= 2
	}
	return &trie{keys: make([]uint64, size), nodes: make([]int32, size), mask: uint64(size - 1), ids: []int32{-1}}
}

func slot(key uint64) uint64 { return (key * 0x9E3779B97F4A7C15) >> 20 }

// child is the node behind the edge, 0 if there is none.
func (t *trie) child(node int32, c byte) int32 {
	if node == 0 {
		return t.root[c]
	}
	key := uint64(node)<<8 | uint64(c) + 1<<40
	for i := slot(key) & t.mask; ; i = (i + 1) & t.mask {
		switch t.keys[i] {
		case key:
			return t.nodes[i]
		case 0:
			return 0
		}
	}
}

// add gives text its id; an id already there is kept.
func (t *trie) add(text string, id int32) {
	node := int32(0)
	for i := range len(text) {
		next := t.child(node, text[i])
		if next == 0 {
			next = int32(len(t.ids))
			t.ids = append(t.ids, -1)
			t.link(node, text[i], next)
		}
		node = next
	}
	if t.ids[node] < 0 {
		t.ids[node] = id
	}
}

func (t *trie) link(node int32, c byte, next int32) {
	if node == 0 {
		t.root[c] = next
		return
	}
	if t.used*2 >= len(t.keys) {
		t.grow()
	}
	t.put(uint64(node)<<8|uint64(c)+1<<40, next)
	t.used++
}

func (t *trie) put(key uint64, next int32) {
	i := slot(key) & t.mask
	for t.keys[i] != 0 {
		i = (i + 1) & t.mask
	}
	t.keys[i], t.nodes[i] = key, next
}

func (t *trie) grow() {
	keys, nodes := t.keys, t.nodes
	t.keys, t.nodes = make([]uint64, 2*len(keys)), make([]int32, 2*len(keys))
	t.mask = uint64(len(t.keys) - 1)
	for i, k := range keys {
		if k != 0 {
			t.put(k, nodes[i])
		}
	}
}

// find is the id of text, -1 without.
func (t *trie) find(text string) int32 {
	node := int32(0)
	for i := range len(text) {
		if node = t.child(node, text[i]); node == 0 {
			return -1
		}
	}
	return t.ids[node]
}

// longest is the length of the longest key that text begins with, 0 without.
func (t *trie) longest(text []byte) int {
	node, length := int32(0), 0
	for i, c := range text {
		if node = t.child(node, c); node == 0 {
			break
		}
		if t.ids[node] >= 0 {
			length = i + 1
		}
	}
	return length
}
