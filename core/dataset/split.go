package dataset

import (
	"maps"
	"slices"
	"strings"

	"kakoi/core"
)

// Split holds rows back, whole groups at a time, so that nothing a row of the rest teaches is asked in the exam. A group is what group
// gives: the row's document, as a rule. Groups are taken in a seeded order as long as they bring the held rows nearer to the share; a
// group by itself is never held unless another one stays. Groups of refusals alone are split by themselves, so that the exam asks of
// both sorts. It sets Held of every row, and returns how many are held.
func Split(rows []core.Row, share float64, seed uint64, group func(core.Row) string) int {
	answerable, refusals := map[string]int{}, map[string]int{}
	for _, r := range rows {
		if r.State != core.RowDropped && !r.Refusal {
			answerable[group(r)]++
		}
	}
	for _, r := range rows {
		if g := group(r); r.State != core.RowDropped && r.Refusal {
			if _, ok := answerable[g]; ok {
				answerable[g]++
			} else {
				refusals[g]++
			}
		}
	}
	p := newPCG(seed, "split")
	held := map[string]bool{}
	hold(held, answerable, share, p)
	hold(held, refusals, share, p)
	count := 0
	for i := range rows {
		if rows[i].Held = held[group(rows[i])]; rows[i].Held && rows[i].State != core.RowDropped {
			count++
		}
	}
	return count
}

// hold chooses the groups that are held, of those with so many rows.
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
}

// Group is what rows are split by: the document that a row's answer, or what was hidden of it, stands in. Rows of no document
// are a group with those that have the same passages before the question, since a file may ask several questions of a text.
func Group(r core.Row) string {
	if r.Source != nil {
		return "document " + r.Source.Document
	}
	if i := strings.LastIndex(r.Inputs, r.Question); i > 0 && r.Question != "" {
		return "passages " + core.RowID(r.Inputs[:i], "")
	}
	return "inputs " + core.RowID(r.Inputs, "")
}
