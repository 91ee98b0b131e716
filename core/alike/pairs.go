package alike

import (
	"cmp"
	"slices"
)

// Least is how alike two texts must be to count as versions of one.
const Least = 0.6

const (
	bandSize = 4
	// crowd bounds how many of a band one text is compared with: a thousand forms filled in alike are no thousand versions of each.
	crowd = 64
)

// Pair is two places in the signs that Pairs was asked about, A before B.
type Pair struct {
	A, B  int
	Same  bool
	Alike float64 // 1 for the same text
}

// Pairs gives the texts that are the same, and those at least Least alike, ordered by A, then by likeness. Of many that are the same, each is
// paired with the first of them only, and the first alone with versions.
func Pairs(signs []Sign) []Pair {
	type whole struct {
		whole uint64
		n     uint32
	}
	type band struct {
		at     int
		values [bandSize]uint16
	}
	var out []Pair
	first := map[whole]int{}
	bands := map[band][]int{}
	met := map[int]bool{}
	for i, s := range signs {
		if s.whole == 0 {
			continue
		}
		if f, ok := first[whole{s.whole, s.n}]; ok {
			out = append(out, Pair{A: f, B: i, Same: true, Alike: 1})
			continue
		}
		first[whole{s.whole, s.n}] = i
		if s.n < fewest {
			continue
		}
		clear(met)
		for at := range bins / bandSize {
			key := band{at: at, values: [bandSize]uint16(s.low[bandSize*at:])}
			for _, j := range bands[key] {
				if met[j] {
					continue
				}
				met[j] = true
				if a := s.Alike(signs[j]); a >= Least {
					out = append(out, Pair{A: j, B: i, Alike: a})
				}
			}
			if len(bands[key]) < crowd {
				bands[key] = append(bands[key], i)
			}
		}
	}
	slices.SortFunc(out, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(b.Alike, a.Alike), cmp.Compare(a.B, b.B))
	})
	return out
}
