package dataset

import (
	"context"
	"fmt"
	"slices"

	"kakoi/core"
)

// refusals makes so many refusal rows: a third of other collections' questions, where there are any, a third of questions of rows with a word
// changed, the rest of the questions of rows as they are, without the passage that answers them. Where one sort falls short the other two fill up.
func (b *builder) refusals(ctx context.Context, rows []core.Row, want int) ([]core.Row, error) {
	if want <= 0 {
		return nil, nil
	}
	var twice, twiceChanged similar
	out, err := b.elsewhere(ctx, int(elsewhereShare*float64(want)), &twice)
	if err != nil {
		return nil, err
	}
	var from []core.Row
	for _, r := range rows {
		if !r.Refusal && r.Source != nil && !b.general[r.ID] {
			from = append(from, r)
		}
	}
	slices.SortStableFunc(from, order)
	newPCG(b.Seed, "refusals").shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	total := b.done + int64(min(2*len(from), 2*want))
	fill := func(from []core.Row, most int, twice *similar, work func(context.Context, core.Row) made) (rest []core.Row, err error) {
		used := 0
		err = inOrder(ctx, from, work, func(r core.Row, m made) (bool, error) {
			if m.err != nil {
				return false, fmt.Errorf("make a refusal of %q: %w", r.Question, m.err)
			}
			if len(out) >= most {
				return false, nil
			}
			used++
			b.done++
			b.report(total)
			b.keep(&out, m, twice)
			return true, nil
		})
		return from[used:], err
	}
	words := swapWords(from)
	changed := func(ctx context.Context, r core.Row) made { return b.contrast(ctx, r, words) }
	rest, err := fill(from, want-int(contrastShare*float64(want)), &twice, b.without)
	if err == nil {
		slices.Reverse(from) // those first that have no refusal yet
		_, err = fill(from, want, &twiceChanged, changed)
	}
	if err == nil {
		slices.Reverse(from)
		_, err = fill(rest, want, &twice, b.without)
	}
	return out, err
}

func (b *builder) keep(out *[]core.Row, m made, twice *similar) {
	switch {
	case m.reason == unchanged:
	case m.reason != "":
		b.drop(m.reason)
	case twice.seen(m.row.Question, ""):
		b.drop(LeftTwice)
	default:
		*out = append(*out, m.row)
	}
}

// without asks a row's question of a library that lacks its answer's place.
func (b *builder) without(ctx context.Context, r core.Row) made {
	p, err := b.Retriever.Prepare(ctx, r.Question, []core.RowSource{*r.Source})
	if reason, err := reasonOf(p, err); reason != "" || err != nil {
		return made{reason: reason, err: err}
	}
	words := contentOf(r.Question)
	for _, passage := range slices.Concat(p.Passages, p.FocusPassages) {
		if Holds(passage.Text, b.answerOf(r)) || covered(words, passage.Text) >= mayAnswer {
			return made{reason: LeftElsewhere}
		}
	}
	d := Draft{Question: r.Question, Refusal: true, Origin: core.RowWithout, Source: *r.Source}
	return made{row: b.shaped(newRow(d, p), p, nil)}
}

// answerOf is what stands at a row's place, without what makes it an answer.
func (b *builder) answerOf(r core.Row) string {
	if doc, ok := b.documents[r.Source.Document]; ok && r.Origin != core.RowCorrection && r.Origin != core.RowFile {
		if rs := []rune(doc.page(r.Source.Page)); r.Source.Start >= 0 && r.Source.Start < r.Source.End && r.Source.End <= len(rs) {
			return string(rs[r.Source.Start:r.Source.End])
		}
	}
	return r.Answer
}

// elsewhere asks this collection the questions of others.
func (b *builder) elsewhere(ctx context.Context, want int, twice *similar) ([]core.Row, error) {
	if want == 0 {
		return nil, nil
	}
	documents := slices.Clone(b.Elsewhere)
	slices.SortFunc(documents, byName)
	var drafts []Draft
	for _, doc := range documents {
		made, err := Drafts(ctx, doc)
		if err != nil {
			return nil, err
		}
		for _, d := range made {
			if d.Kind != KindHeading && d.Kind != KindPair && !b.asked[fold(d.Question)] {
				drafts = append(drafts, d)
			}
		}
	}
	newPCG(b.Seed, "elsewhere").shuffle(len(drafts), func(i, j int) { drafts[i], drafts[j] = drafts[j], drafts[i] })
	var out []core.Row
	total := b.done + int64(min(len(drafts), 3*want))
	err := inOrder(ctx, drafts, b.other, func(d Draft, m made) (bool, error) {
		if m.err != nil {
			return false, fmt.Errorf("ask %q: %w", d.Question, m.err)
		}
		if len(out) >= want {
			return false, nil
		}
		b.done++
		b.report(total)
		b.keep(&out, m, twice)
		return true, nil
	})
	return out, err
}

// other is a question of another collection.
func (b *builder) other(ctx context.Context, d Draft) made {
	p, err := b.Retriever.Prepare(ctx, d.Question, nil)
	if reason, err := reasonOf(p, err); reason != "" || err != nil {
		return made{reason: reason, err: err}
	}
	words := contentOf(d.Question)
	for _, passage := range slices.Concat(p.Passages, p.FocusPassages) {
		if Holds(passage.Text, d.Core) || covered(words, passage.Text) >= mayAnswerOthers {
			return made{reason: LeftElsewhere}
		}
	}
	d.Refusal, d.Origin = true, core.RowElsewhere
	return made{row: b.shaped(newRow(d, p), p, nil)}
}
