package token

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"kakoi/core"
)

// trie maps byte strings to ids. Its edges lie in one open-addressing table keyed by (node, byte), eight bytes an
// edge, so that a step costs one cache line. addAll builds it from sorted pieces, which is what makes loading quick:
// each piece touches only the nodes it does not share with the one before.
type trie struct {
	edges []uint64 // node<<40 | byte<<32 | child; 0 is free
	ids   []int32  // per node; -1 without
	mask  uint64
	used  int
	root  [256]int32 // children of node 0, 0 without
	full  bool       // a key was left out for want of node numbers
}

// maxNodes is what fits beside a byte in an edge's key.
const maxNodes = 1 << 24

// newTrie makes a trie for about n nodes.
func newTrie(n int) *trie {
	size := 64
	for size*3 < n*4 {
		size *= 2
	}
	return &trie{edges: make([]uint64, size), mask: uint64(size - 1), ids: append(make([]int32, 0, n/2+1), -1)}
}

func slot(key uint64) uint64 { return (key * 0x9E3779B97F4A7C15) >> 32 }

// child is the node behind the edge, 0 if there is none.
func (t *trie) child(node int32, c byte) int32 {
	if node == 0 {
		return t.root[c]
	}
	key := uint64(node)<<8 | uint64(c)
	for i := slot(key) & t.mask; ; i = (i + 1) & t.mask {
		e := t.edges[i]
		if e>>32 == key {
			return int32(uint32(e))
		}
		if e == 0 {
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
			if len(t.ids) == maxNodes {
				t.full = true
				return
			}
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

// entry is a key on its way into a trie.
type entry struct {
	head  uint64 // first eight bytes of text, big-endian, zero-padded: decides most comparisons
	order int32  // of equal texts the lowest wins
	id    int32
	text  string
}

func newEntry(text string, id int32, order int) entry {
	var head [8]byte
	copy(head[:], text)
	return entry{binary.BigEndian.Uint64(head[:]), int32(order), id, text}
}

// addAll adds the entries to an empty trie and reorders them.
func (t *trie) addAll(entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int {
		if a.head != b.head {
			return cmp.Compare(a.head, b.head)
		}
		return cmp.Or(strings.Compare(a.text, b.text), cmp.Compare(a.order, b.order))
	})
	path := []int32{0} // nodes of the text before, root first
	before := ""
	for _, e := range entries {
		shared := 0
		for shared < len(before) && shared < len(e.text) && before[shared] == e.text[shared] {
			shared++
		}
		path = path[:shared+1]
		for i := shared; i < len(e.text); i++ {
			if len(t.ids) == maxNodes {
				t.full = true
				return
			}
			next := int32(len(t.ids))
			t.ids = append(t.ids, -1)
			t.link(path[i], e.text[i], next)
			path = append(path, next)
		}
		if node := path[len(e.text)]; t.ids[node] < 0 {
			t.ids[node] = e.id
		}
		before = e.text
	}
}

// err tells whether every key found room.
func (t *trie) err() error {
	if t.full {
		return fmt.Errorf("vocabulary of over %d nodes: %w", maxNodes, core.ErrTooLarge)
	}
	return nil
}

func (t *trie) link(node int32, c byte, next int32) {
	if node == 0 {
		t.root[c] = next
		return
	}
	if t.used*4 >= len(t.edges)*3 {
		t.grow()
	}
	t.put(uint64(node)<<8|uint64(c), next)
	t.used++
}

func (t *trie) put(key uint64, next int32) {
	i := slot(key) & t.mask
	for t.edges[i] != 0 {
		i = (i + 1) & t.mask
	}
	t.edges[i] = key<<32 | uint64(uint32(next))
}

func (t *trie) grow() {
	old := t.edges
	t.edges = make([]uint64, 2*len(old))
	t.mask = uint64(len(t.edges) - 1)
	for _, e := range old {
		if e != 0 {
			t.put(e>>32, int32(uint32(e)))
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
