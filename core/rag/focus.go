package rag

import (
	"context"
	"fmt"
	"math"
	"strings"

	"kakoi/core"
)

// A small model answers from one sentence what it refuses or gets wrong among others: of 47 answerable questions about the
// samples the starter model had 38 right when shown that sentence first, and 31 when shown a full prompt only; of
// 17 others it answered two either way.
const (
	// focusHits is how many hits are looked through for the sentence.
	focusHits = 8
	// aroundShare is what a word of the question counts that stands in a line beside the sentence.
	aroundShare = 0.5
	// wrapCost is taken off for each further line.
	wrapCost = 0.05
	// off is how much less of the question's words than the focus a citation may have before the answer is doubted.
	off = 0.2
)

// focus is the stretch of the found passages that has most of the question's content words, rare ones counting more.
type focus struct {
	passage core.Passage // cut to the stretch
	own     float64      // share, 0 to 1, of the question in the stretch itself
	asked   profile
	weights map[string]float64 // of the question's content n-grams
}

// focusOn returns nil when no stretch has a content word of the question, or none all of its codes.
func focusOn(question string, passages []core.Passage) *focus {
	stretches := stretchesOf(passages)
	f := newFocus(question, stretches)
	best, bestScore := -1, 0.0
	for i, st := range stretches {
		if !f.hasCodes(st) {
			continue
		}
		own := f.share(st.profile)
		score := own + aroundShare*(f.share(st.profile, st.context)-own) - wrapCost*float64(st.lines-1)
		if score > bestScore {
			best, bestScore, f.own = i, score, own
		}
	}
	if best < 0 {
		return nil
	}
	f.passage = cutPassage(passages[stretches[best].passage], stretches[best].span)
	return f
}

// newFocus weighs the question's words by how many lines of the stretches have them.
func newFocus(question string, stretches []stretch) *focus {
	f := &focus{asked: newProfile(question), weights: map[string]float64{}}
	lines, with := 0.0, map[string]float64{}
	for _, st := range stretches {
		if st.lines > 1 {
			continue
		}
		lines++
		for _, g := range f.asked.order {
			if st.profile.has(g) {
				with[g]++
			}
		}
	}
	for g := range f.asked.isContent {
		f.weights[g] = f.asked.grams[g] * math.Log(1+lines/(1+with[g]))
	}
	return f
}

// share of the question's content words in any of the profiles.
func (f *focus) share(in ...profile) float64 {
	sum, total := 0.0, 0.0
	for _, g := range f.asked.order {
		w := f.weights[g]
		total += w
		for _, p := range in {
			if p.has(g) {
				sum += w
				break
			}
		}
	}
	if total == 0 {
		return 0
	}
	return sum / total
}

// hasCodes says whether the question's codes stand in the stretch or around it.
func (f *focus) hasCodes(st stretch) bool {
	for c := range f.asked.codes {
		if !st.profile.codes[c] && !st.context.codes[c] && !st.headCode[c] {
			return false
		}
	}
	return true
}

// answerFocused asks a small model with the focus alone. Lanes that gave an answer which the focus supports, and which says more than
// the question, have it then; the others are returned.
func (a *Asker) answerFocused(ctx context.Context, lanes []lane, q asked) (left []lane, err error) {
	f := q.focus
	shown := []core.Passage{f.passage}
	prompt, tokens, err := a.focusPrompt(ctx, q)
	if err != nil || tokens > smallPrompt {
		return lanes, err
	}
	// Nothing is emitted before it is known that the answer stays.
	reqs := requests(lanes, prompt, q)
	replies, err := a.Generator.Generate(ctx, reqs, func(int, core.Delta) error { return nil })
	if err != nil {
		return lanes, fmt.Errorf("generate from one sentence: %w", err)
	}
	if len(replies) != len(lanes) {
		return lanes, fmt.Errorf("generate from one sentence: %d replies: %w", len(replies), core.ErrCorrupt)
	}
	for i, l := range lanes {
		text := strings.TrimSpace(replies[i].Text)
		if Refused(text, q.template) || newProfile(withoutCopula(text)).sharedContent(f.asked) == 1 {
			left = append(left, l)
			continue
		}
		cites, unsupported, err := CiteAnswer(ctx, l.ans.Question, text, shown, a.Embedder)
		if err != nil {
			return lanes, err
		}
		if len(unsupported) > 0 || len(cites) == 0 {
			left = append(left, l)
			continue
		}
		l.ans.Text, l.ans.Passages, l.ans.Citations = text, shown, cites
		l.ans.PromptTokens, l.ans.NewTokens = tokens, replies[i].NewTokens
		sent(l.ans.Receipt, prompt)
		got(l.ans.Receipt, replies[i])
		told(l.ans, reqs[i].Refusal, q.opt.Refusal, replies[i].Refusal)
		if err := l.emit(core.Delta{Text: text, Tokens: replies[i].NewTokens}); err != nil {
			return left, err
		}
	}
	return left, nil
}

// doubt takes the citations from sentences whose place has clearly fewer of the question's words than the focus has: the
// value of another thing. The model did not answer from the focus.
func (f *focus) doubt(ans *core.Answer) {
	kept := ans.Citations[:0]
	for _, c := range ans.Citations {
		if f.share(newProfile(c.Text))+off < f.own {
			ans.Unsupported = append(ans.Unsupported, c.Sentence)
			continue
		}
		kept = append(kept, c)
	}
	ans.Citations = kept
}
