package calibrate

import "math/rand/v2"

// CrossFit is what the modes come to on questions that their bounds were not found on: rows are dealt into two halves, and each half is
// judged by the other's bounds, of its own language. group (nil: each row by itself) says which rows belong together, like those of one document;
// they are dealt together. Rows of a language that has too few in one of the halves are left out; none are left when that holds for all.
// Point.Bound has no meaning here.
func CrossFit(rows []Row, group func(i int) string, seed uint64) Bounds {
	rng := rand.New(rand.NewPCG(seed, 0))
	half := make([]int, len(rows))
	of := map[string]int{}
	for i := range rows {
		h := rng.IntN(2)
		if group != nil {
			name := group(i)
			if was, ok := of[name]; ok {
				h = was
			}
			of[name] = h
		}
		half[i] = h
	}
	type place struct {
		language string
		half     int
	}
	parts := map[place][]Row{}
	for i, r := range rows {
		at := place{r.Language, half[i]}
		parts[at] = append(parts[at], r)
	}
	found := map[place]Bounds{}
	for at, part := range parts {
		if b, err := Find(part); err == nil {
			found[at] = b
		}
	}
	type judged struct {
		Row
		by Bounds
	}
	var all []judged
	for i, r := range rows {
		mine, other := found[place{r.Language, half[i]}], found[place{r.Language, 1 - half[i]}]
		if mine != nil && other != nil {
			all = append(all, judged{r, other})
		}
	}
	out := Bounds{}
	if len(all) == 0 {
		return out
	}
	left := make([]Row, len(all))
	for i, j := range all {
		left[i] = j.Row
	}
	for _, mode := range Modes {
		i := 0
		out[mode] = Each(left, func(Row) float64 { i++; return all[i-1].by[mode].Bound })
	}
	return out
}
