package rag

import (
	"cmp"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/outline"
)

// candidatesOf are the stretches that are compared, in reading order. coded says that they have the question's codes, in or around them, and stand under no
// other; where no stretch has, all are compared.
func candidatesOf(question string, passages []core.Passage) (all []candidate, coded bool) {
	for i, p := range passages {
		all = append(all, stretchesFor(i, p)...)
	}
	seen := map[string]bool{}
	all = slices.DeleteFunc(all, func(c candidate) bool {
		text := c.text()
		twice := seen[text]
		seen[text] = true
		return twice
	})
	if len(newProfile(question).codes) == 0 && len(all) <= reading.most {
		return all, true // what follows looks at each closely
	}
	for i, p := range passages {
		profiled(all, i, p)
	}
	f := focusOf(question, all)
	var with []candidate
	other := underOther(all, f.asked.codes)
	for i, c := range all {
		if f.hasCodes(c.stretch) && !other[i] {
			with = append(with, c)
		}
	}
	if coded = len(with) > 0; coded {
		all = with
	}
	if len(all) <= reading.most {
		return all, coded
	}
	type ranked struct {
		at    int
		worth float64
	}
	order := make([]ranked, len(all))
	for i, c := range all {
		own := f.share(c.profile)
		order[i] = ranked{i, own + aroundShare*(f.share(c.profile, c.context)-own) - wrapCost*float64(c.lines-1) + 0.5*float64(len(passages)-c.passage)/float64(len(passages))}
	}
	slices.SortStableFunc(order, func(x, y ranked) int { return cmp.Compare(y.worth, x.worth) })
	order = order[:reading.most]
	slices.SortFunc(order, func(x, y ranked) int { return cmp.Compare(x.at, y.at) })
	some := make([]candidate, len(order))
	for i, o := range order {
		some[i] = all[o.at]
	}
	return some, coded
}

// focusOf weighs the question's words by the profiles of stretches.
func focusOf(question string, all []candidate) *focus {
	stretches := make([]stretch, len(all))
	for i, c := range all {
		stretches[i] = c.stretch
	}
	return newFocus(question, stretches)
}

// stretchesFor are the sentences and lines of a passage, and two or three of them together of which but the last neither end nor are followed by an empty line, each with the heading above it.
func stretchesFor(i int, p core.Passage) []candidate {
	rs := []rune(p.Text)
	spans := Sentences(p.Text)
	headings := headingsAbove(p.Text, spans)
	spans, headings = unwrapped(rs, spans, headings)
	var out []candidate
	for j, s := range spans {
		add := func(end, n int) {
			out = append(out, candidate{of: rs, heading: headings[j], stretch: stretch{passage: i, span: Span{s.Start, end}, text: string(rs[s.Start:end]), lines: n}})
		}
		for n := 1; n <= reading.window && j+n <= len(spans); n++ {
			last := spans[j+n-1].End
			add(last, n)
			if strings.ContainsRune("。．.!?！？:：;；」）)", rs[last-1]) || j+n < len(spans) && strings.Contains(string(rs[last:spans[j+n].Start]), "\n\n") {
				break
			}
		}
	}
	return out
}

// profiled gives the stretches of the i-th passage their words, those around them, and the codes above them.
func profiled(all []candidate, i int, p core.Passage) {
	spans := Sentences(p.Text)
	around := surroundings([]rune(p.Text), spans)
	for j, s := range spans {
		for k := range all {
			if c := &all[k]; c.passage == i && c.span.Start == s.Start {
				c.profile, c.context, c.headCode = newProfile(c.stretch.text), around[j].words, around[j].codes
			}
		}
	}
}

// headingsAbove is for each sentence the nearest heading above it in the passage, "" without one.
func headingsAbove(text string, spans []Span) []string {
	rs := []rune(text)
	chunks := make([]core.Chunk, len(spans))
	for i, s := range spans {
		chunks[i] = core.Chunk{Page: 1, Start: s.Start, End: s.End, Text: string(rs[s.Start:s.End])}
	}
	out := make([]string, len(spans))
	for i, above := range outline.Of([]core.Page{{Number: 1, Text: text}}, chunks) {
		if len(above) > 0 {
			out[i] = above[len(above)-1]
		}
	}
	return out
}
