package app

import (
	"context"
	"fmt"
	"strings"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/dataset"
	"kakoi/core/exam"
	"kakoi/core/rag"
)

// refusalOf asks behind a prompt how likely its refusal is, as a chat does with the bounds that are found of it: with the same common beginning, since a
// probability of other tokens would have another bound.
func (a *examiner) refusalOf(l rag.Lane, t *rag.Template, prompt string) *core.Refusal {
	if t == nil {
		return nil
	}
	r := rag.RefusalOf(l, t, calibrate.Off, prompt)
	if common, ok := a.common[t.Name()]; ok && r != nil && strings.HasPrefix(r.Text, common) {
		r.Common = common
	}
	return r
}

// commonOf is by language what the refusal shares with the right answers to all of the questions.
func (a *examiner) commonOf(items []record.ExamItem) map[string]string {
	texts, labels := map[string]string{}, map[string][]string{}
	for i := range items {
		item := &items[i]
		t := a.template(item)
		if t == nil {
			continue
		}
		if texts[t.Name()] == "" {
			texts[t.Name()] = rag.Follow(item.Inputs, t.Refusal())
		}
		if !item.Refusal {
			labels[t.Name()] = append(labels[t.Name()], rag.Follow(item.Inputs, item.Expected))
		}
	}
	for language, text := range texts {
		texts[language] = calibrate.Common(text, labels[language])
	}
	return texts
}

// outcome is what one who answered came to: the mark of the answer as the model gave it, and what a bound needs to know of it.
type outcome struct {
	mark    exam.Mark
	refusal *record.ExamRefusal
}

// put has lanes answer some questions in one batch, as each does by itself. Where one refused what the documents answer, it is asked once
// more with the refusal forbidden: what a higher bound would come to. A question with evidence is refused, or asked with the refusal forbidden, as a chat
// does that has no bounds. The results are in the order of items, then of lanes.
func (a *examiner) put(ctx context.Context, items []*record.ExamItem, lanes []rag.Lane) ([]outcome, error) {
	reqs := make([]core.GenerateRequest, 0, len(items)*len(lanes))
	for _, item := range items {
		sampling := a.sampling
		t := a.template(item)
		if t != nil {
			sampling.Stop = append(append([]string{}, sampling.Stop...), t.Stop()...)
		}
		for _, l := range lanes {
			r := a.refusalOf(l, t, item.Inputs)
			if r != nil && item.Evidence != "" {
				r.Decide, r.Bound = true, 1
			}
			reqs = append(reqs, core.GenerateRequest{Prompt: item.Inputs, Sampling: sampling, Adapter: l.Dir, Refusal: r})
		}
	}
	replies, err := a.generate(ctx, reqs)
	if err != nil {
		return nil, err
	}
	out := make([]outcome, len(reqs))
	var again []int
	for i, r := range replies {
		item := items[i/len(lanes)]
		if out[i].mark, err = a.mark(ctx, item, strings.TrimSpace(r.Text)); err != nil {
			return nil, err
		}
		if r.Refusal == nil {
			continue
		}
		out[i].refusal = &record.ExamRefusal{Probability: r.Refusal.Probability}
		if item.Evidence != "" {
			if err := a.evident(ctx, item, &out[i]); err != nil {
				return nil, err
			}
			continue
		}
		if out[i].mark.Refused && !item.Refusal {
			again = append(again, i)
		}
	}
	if len(again) == 0 {
		return out, nil
	}
	forced := make([]core.GenerateRequest, len(again))
	for k, i := range again {
		forced[k] = reqs[i]
		q := *reqs[i].Refusal
		q.Decide, q.Bound = true, 1
		forced[k].Refusal = &q
	}
	if replies, err = a.generate(ctx, forced); err != nil {
		return nil, err
	}
	for k, i := range again {
		open, err := a.mark(ctx, items[i/len(lanes)], strings.TrimSpace(replies[k].Text))
		if err != nil {
			return nil, err
		}
		out[i].refusal.Open = &open
	}
	return out, nil
}

// evident makes of an answer with the refusal forbidden what a chat would have given.
func (a *examiner) evident(ctx context.Context, item *record.ExamItem, o *outcome) (err error) {
	open := o.mark
	o.refusal.Open = &open
	if t := a.template(item); t != nil && !open.Right && !item.Refusal {
		// A chat quotes the evidence where it does not find the model's answer borne out by it.
		if read, ok := t.Context(item.Inputs, item.Question); ok {
			quoted, err := a.mark(ctx, item, rag.Quoted(read))
			if err != nil {
				return err
			}
			if quoted.Right {
				open = quoted
			}
		}
	}
	if o.refusal.Probability = rag.EvidenceRefusal(item.Answerable, o.refusal.Probability); o.refusal.Probability > rag.RefusalBound() {
		o.mark, err = a.mark(ctx, item, a.template(item).Refusal())
	}
	return err
}

func (a *examiner) generate(ctx context.Context, reqs []core.GenerateRequest) ([]core.Reply, error) {
	replies, err := a.gen.Generate(ctx, reqs, func(int, core.Delta) error { return nil })
	if err != nil {
		return nil, fmt.Errorf("answer %d prompts: %w", len(reqs), err)
	}
	if len(replies) != len(reqs) {
		return nil, fmt.Errorf("%d replies to %d prompts: %w", len(replies), len(reqs), core.ErrCorrupt)
	}
	return replies, nil
}

// bounds finds the bounds of one who answered: nil where the engine told no probabilities, or there are too few questions.
func (a *examiner) bounds(items []record.ExamItem, of func(*record.ExamItem) outcome) (*calibrate.Record, error) {
	var rows []calibrate.Row
	var plain []bool
	var groups []string
	sentences := map[string]string{}
	evidence := evidenceOf(items)
	for i := range items {
		item := &items[i]
		m, t := of(item), a.template(item)
		if m.refusal == nil || t == nil || item.Evidence != evidence {
			continue // probabilities with evidence and without are not of one kind
		}
		if !item.Refusal && !dataset.Holds(item.Inputs, item.Expected) {
			continue // what was found for the question does not answer it: refusing it would be no mistake
		}
		r := calibrate.Row{Language: t.Name(), Refusal: item.Refusal, Probability: m.refusal.Probability, Right: m.mark.Right}
		if m.refusal.Open != nil {
			r.Right = m.refusal.Open.Right
		}
		rows, plain, groups = append(rows, r), append(plain, m.mark.Refused), append(groups, item.Group())
		sentences[t.Name()] = t.Refusal()
	}
	found, err := calibrate.New(rows, func(i int) bool { return plain[i] }, sentences, a.commonOf(items), func(i int) string { return groups[i] })
	if err == nil {
		found.Evidence = evidence
	}
	return found, err
}

// evidenceOf is the evidence that most questions have; "" where most have none.
func evidenceOf(items []record.ExamItem) string {
	n := map[string]int{}
	best := ""
	for _, i := range items {
		if n[i.Evidence]++; n[i.Evidence] > n[best] {
			best = i.Evidence
		}
	}
	return best
}
