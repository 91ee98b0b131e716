package core

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// mostFindings of a document are kept: they lie in its record, beside its name.
	mostFindings = 400
	// mostRuns of pages of one kind have a Finding each where there are too many: the last has the others in Also.
	mostRuns = 40
)

// Findings puts findings in order and joins those of neighbouring pages that say the same. No more than a few hundred are kept. What is about
// pages is not lost by that: a Finding then names further pages (Also), and those of pages that text recognition reads, or has read, may lose
// the name of the file inside that they are of. Of the others those that need attention are kept first, and the last says how many are not.
func Findings(all []Finding) []Finding {
	if len(all) == 0 {
		return nil
	}
	out := joined(all)
	if len(out) > mostFindings {
		out = folded(out)
	}
	if len(out) > mostFindings { // each of another file inside
		out = folded(joined(nameless(out)))
	}
	if len(out) > mostFindings {
		slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(a.weight(), b.weight()) })
		rest := len(out) - mostFindings + 1
		out = append(out[:mostFindings-1], Finding{What: FindingMore, Count: rest})
	}
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(a.Page, b.Page) })
	return out
}

// Readable says whether it is about pages that text recognition could read.
func (f Finding) Readable() bool {
	return (f.What == FindingPicture || f.What == FindingGarbled) && f.Page > 0
}

// weight is what a Finding is kept by, the least first.
func (f Finding) weight() int {
	switch {
	case f.Readable(), f.What == FindingOCR, f.What == FindingNoOCR:
		return 0
	case f.Attention():
		return 1
	}
	return 2
}

// joined orders findings and joins those of neighbouring pages.
func joined(all []Finding) []Finding {
	var out []Finding
	for _, f := range all { // a run each
		first := true
		for r := range f.runs() {
			one := f
			one.Page, one.Last, one.Also = r.first, 0, ""
			if r.last > r.first {
				one.Last = r.last
			}
			if !first && f.What != FindingOCR { // the count is the sum of all
				one.Count = 0
			}
			out, first = append(out, one), false
		}
		if first {
			out = append(out, f)
		}
	}
	all = out
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Page, b.Page))
	})
	out = nil
	sum := 0 // of the confidences of the pages joined
	for _, f := range all {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if last.alike(f) && last.Page > 0 && f.Page > 0 && f.Page <= max(last.Page, last.Last)+1 {
				if f.What == FindingOCR {
					sum += f.Count * f.Pages()
					last.Count = sum / (last.Pages() + f.Pages())
				} else {
					last.Count += f.Count
				}
				if end := max(f.Page, f.Last); end > last.Page {
					last.Last = max(last.Last, end)
				}
				continue
			}
		}
		sum = f.Count * f.Pages()
		out = append(out, f)
	}
	return out
}

// alike says whether two say the same of their pages.
func (f Finding) alike(g Finding) bool {
	return f.What == g.What && f.Why == g.Why && f.Name == g.Name && f.Attention() == g.Attention()
}

// nameless takes the names of files inside from findings about pages that are pictures, or were.
func nameless(all []Finding) []Finding {
	out := slices.Clone(all)
	for i, f := range out {
		if f.weight() == 0 {
			out[i].Name = ""
		}
	}
	return out
}

// folded keeps a Finding for each of the first runs of pages that say the same, and one for all others.
func folded(all []Finding) []Finding {
	type group struct {
		n    int             // Findings
		last int             // its index in out
		sum  int             // of the confidences of last's pages
		also strings.Builder // of last
	}
	var out []Finding
	groups := map[Finding]*group{}
	for _, f := range all {
		key := Finding{What: f.What, Why: f.Why, Name: f.Name}
		if f.Attention() {
			key.Count = 1
		}
		g := groups[key]
		if g == nil {
			g = &group{}
			groups[key] = g
		}
		if f.Page == 0 || g.n < mostRuns {
			g.n, g.last, g.sum = g.n+1, len(out), f.Count*f.Pages()
			out = append(out, f)
			continue
		}
		g.sum += f.Count * f.Pages()
		if g.also.Len() > 0 {
			g.also.WriteByte(',')
		}
		g.also.WriteString(run{f.Page, max(f.Page, f.Last)}.String())
		if f.What != FindingOCR {
			out[g.last].Count += f.Count
		}
	}
	for _, g := range groups {
		if g.also.Len() == 0 {
			continue
		}
		last := &out[g.last]
		last.Also = g.also.String()
		if last.What == FindingOCR {
			last.Count = g.sum / last.Pages()
		}
	}
	return out
}
