package dataset

import (
	"maps"
	"slices"

	"kakoi/core"
)

// Split holds rows back, whole groups at a time, so that nothing a row of the rest teaches is asked in the exam. A group is what group
// gives: the row's document, as a rule. Groups are taken in a seeded order as long as they bring the held rows nearer to the share; a
// group by itself is never held unless another one stays. Groups of different languages, and those of refusals alone, are split by
// themselves, so that the exam asks of all sorts. It sets Held of every row, and returns how many are held.
func Split(rows []core.Row, share float64, seed uint64, group func(core.Row) string) int {
	type sort struct {
		japanese, answerable int
		rows                 int
	}
	groups := map[string]*sort{}
	for _, r := range rows {
		if r.State == core.RowDropped {
			continue
		}
		g := groups[group(r)]
		if g == nil {
			g = &sort{}
			groups[group(r)] = g
		}
		g.rows++
		if r.Language == "ja" {
			g.japanese++
		}
		if !r.Refusal {
			g.answerable++
		}
	}
	var sizes [4]map[string]int
	for i := range sizes {
		sizes[i] = map[string]int{}
	}
	for name, g := range groups {
		i := 0
		if 2*g.japanese > g.rows {
			i = 1
		}
		if g.answerable == 0 {
			i += 2
		}
		sizes[i][name] = g.rows
	}
	p := newPCG(seed, "split")
	held := map[string]bool{}
	for i := range sizes {
		hold(held, sizes[i], share, p)
	}
	if len(held) == 0 && share > 0 { // one document of each language: then they are one sort
		all := map[string]int{}
		for _, of := range sizes[:2] {
			maps.Copy(all, of)
		}
		hold(held, all, share, p)
	}
	count := 0
	for i := range rows {
		if rows[i].Held = held[group(rows[i])]; rows[i].Held && rows[i].State != core.RowDropped {
			count++
		}
	}
	return count
}

// hold chooses the groups that are held, of those with so many rows. With a share above 0 and two groups or more one is held: the one nearest
// to the share.
func hold(held map[string]bool, sizes map[string]int, share float64, p *pcg) {
	names := slices.Sorted(maps.Keys(sizes))
	total := 0
	for _, n := range sizes {
		total += n
	}
	p.shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	want := share * float64(total)
	n, groups := 0, 0
	off := func(n int) float64 { return max(want-float64(n), float64(n)-want) }
	for _, name := range names {
		if groups+1 < len(names) && off(n+sizes[name]) < off(n) {
			held[name] = true
			n += sizes[name]
			groups++
		}
	}
	if groups == 0 && share > 0 && len(names) > 1 {
		least := names[0]
		for _, name := range names {
			if off(sizes[name]) < off(sizes[least]) {
				least = name
			}
		}
		held[least] = true
	}
}
