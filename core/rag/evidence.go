package rag

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/outline"
)

// A narrow model (isSmall) writes a short answer well and finds and judges badly. With an Asker.Evidence, a cross-encoder (Nogueira and Cho 2019)
// reads the question with every stretch of what was found; the model is asked once, with the best stretches alone, and how likely the best one
// answers says whether the documents do. docs/decisions/0037-evidence.md has the reasons and the figures.

// reading are the numbers of this way of asking.
var reading = struct {
	hits      int     // best hits whose passages are looked through
	window    int     // sentences or lines of a stretch at most, but of a whole passage
	whole     int     // characters up to which a passage is a stretch as it is
	most      int     // stretches that are compared at most: those with most of the question's words, the better hits first
	longer    float64 // taken off the log-odds for each sentence of a stretch beyond the first, when the best is chosen
	noCode    float64 // taken off the log-odds where the question names a code that stands nowhere
	shown     int     // stretches that the model reads at most, of different places
	share     float64 // of the best one's probability that another must have to be read, too
	heading   bool    // the heading line above a stretch goes into the prompt
	ofOdds    float64 // weight of the log-odds that the evidence does not answer, in those of the refusal
	ofOwnOdds float64 // weight of the log-odds of the model's own refusal; 0: it is not asked where the evidence refuses
	bound     float64 // of the refusal, where none was calibrated
}{
	hits: 8, window: 3, whole: 300, most: 120, longer: 0, noCode: 2,
	shown: 2, share: 0.5, heading: true,
	ofOdds: 1, ofOwnOdds: 0, bound: 0.5,
}

// Reading counts the ways of asking from evidence: it is raised whenever the numbers above change, or the stretches.
const Reading = 1

// Narrow says whether a model is one that is asked from one sentence, or from evidence.
func Narrow(model core.GeneratorInfo) bool { return isSmall(model) }

// candidate is a stretch with what the cross-encoder reads of it.
type candidate struct {
	stretch
	heading     string
	logit       float64
	probability float64
}

// text is what is put to the cross-encoder.
func (c candidate) text() string { return headed(c.heading, c.stretch.text) }

func headed(heading, text string) string {
	if heading == "" {
		return text
	}
	return heading + "\n" + text
}

// evidence is what a narrow model is asked with.
type evidence struct {
	passages []core.Passage // those looked through
	id       string
	read     int
	best     float64     // probability that the documents answer
	chosen   []candidate // best first
}

// evidenceIn reads the question with the stretches of passages; nil when they have none.
func (a *Asker) evidenceIn(ctx context.Context, question string, passages []core.Passage) (*evidence, error) {
	all, coded := candidatesOf(question, passages)
	if len(all) == 0 {
		return nil, nil
	}
	texts := make([]string, len(all))
	for i, c := range all {
		texts[i] = c.text()
	}
	logits, err := a.Evidence.Rerank(ctx, question, texts)
	if err != nil {
		return nil, fmt.Errorf("read %d stretches as evidence: %w", len(texts), err)
	}
	if len(logits) != len(texts) {
		return nil, fmt.Errorf("read %d stretches as evidence: %d scores: %w", len(texts), len(logits), core.ErrCorrupt)
	}
	for i := range all {
		l := float64(logits[i])
		if math.IsNaN(l) {
			return nil, fmt.Errorf("read %d stretches as evidence: score %d is no number: %w", len(texts), i, core.ErrCorrupt)
		}
		if !coded {
			l -= reading.noCode
		}
		all[i].logit, all[i].probability = l, fromOdds(l)
	}
	worth := func(c candidate) float64 { return c.logit - reading.longer*float64(c.lines-1) }
	slices.SortStableFunc(all, func(x, y candidate) int { return cmp.Compare(worth(y), worth(x)) })
	e := &evidence{passages: passages, id: a.Evidence.Info().ID, read: len(all)}
	for _, c := range all {
		e.best = max(e.best, c.probability)
	}
	for _, c := range all {
		if len(e.chosen) == max(1, reading.shown) || len(e.chosen) > 0 && c.probability < reading.share*e.chosen[0].probability {
			break
		}
		if !slices.ContainsFunc(e.chosen, c.meets) {
			e.chosen = append(e.chosen, c)
		}
	}
	return e, nil
}

// meets says whether two stretches share text.
func (c candidate) meets(o candidate) bool {
	return c.stretch.text == o.stretch.text || c.passage == o.passage && c.span.Start < o.span.End && o.span.Start < c.span.End
}

// candidatesOf are the stretches that are compared, in reading order. coded says that they have the question's codes, in or around them; where
// no stretch has, all are compared.
func candidatesOf(question string, passages []core.Passage) (all []candidate, coded bool) {
	for i, p := range passages {
		all = append(all, stretchesFor(i, p)...)
	}
	stretches := make([]stretch, len(all))
	for i, c := range all {
		stretches[i] = c.stretch
	}
	f := newFocus(question, stretches)
	with := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return !f.hasCodes(c.stretch) })
	if coded = len(with) > 0; coded {
		all = with
	}
	seen := map[string]bool{}
	all = slices.DeleteFunc(all, func(c candidate) bool {
		twice := seen[c.text()]
		seen[c.text()] = true
		return twice
	})
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

// stretchesFor are the sentences and lines of a passage, two and three of them together, and all of a short one, each with the heading above it.
func stretchesFor(i int, p core.Passage) []candidate {
	rs := []rune(p.Text)
	spans := Sentences(p.Text)
	headings := headingsAbove(p.Text, spans)
	var out []candidate
	codes := map[string]bool{} // of the passage up to here
	for j, s := range spans {
		around := Span{spans[max(0, j-2)].Start, spans[min(len(spans)-1, j+1)].End}
		context := newProfile(string(rs[around.Start:around.End]))
		add := func(end, n int) {
			text := string(rs[s.Start:end])
			c := candidate{heading: headings[j], stretch: stretch{passage: i, span: Span{s.Start, end}, text: text, profile: newProfile(text), lines: n, context: context, headCode: map[string]bool{}}}
			for code := range codes {
				c.headCode[code] = true
			}
			out = append(out, c)
		}
		for n := 1; n <= reading.window && j+n <= len(spans); n++ {
			add(spans[j+n-1].End, n)
		}
		if j == 0 && len(spans) > reading.window && len(rs) <= reading.whole {
			add(spans[len(spans)-1].End, len(spans))
		}
		for code := range newProfile(string(rs[s.Start:s.End])).codes {
			codes[code] = true
		}
	}
	return out
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

// shownPassages are the chosen stretches as passages of their own.
func (e *evidence) shownPassages() []core.Passage {
	out := make([]core.Passage, len(e.chosen))
	for i, c := range e.chosen {
		out[i] = cutPassage(e.passages[c.passage], c.span)
	}
	return out
}

// evidencePrompt is the prompt of as many chosen stretches as it has room for, the first one at least.
func (a *Asker) evidencePrompt(ctx context.Context, q asked) (shown []core.Passage, prompt string, tokens int, err error) {
	e := q.evidence
	all := e.shownPassages()
	type form struct {
		n       int
		heading bool
	}
	var forms []form
	for n := len(all); n > 0; n-- {
		forms = append(forms, form{n, reading.heading})
	}
	if reading.heading {
		forms = append(forms, form{1, false})
	}
	texts := make([]string, len(forms))
	for i, f := range forms {
		read := slices.Clone(all[:f.n])
		for j := range read {
			// Each cell of a table's row stands on a line of its own, which small models read better.
			read[j].Text = strings.ReplaceAll(read[j].Text, " | ", "\n")
			if f.heading {
				read[j].Text = headed(e.chosen[j].heading, read[j].Text)
			}
		}
		texts[i] = q.template.Prompt(read, q.question)
	}
	counts, err := count(ctx, a.Generator, texts)
	if err != nil {
		return nil, "", 0, err
	}
	budget := promptTokens(q.model, q.opt, q.room)
	for i, f := range forms {
		// A long question, and a long sentence, take what they need.
		if counts[i] <= budget || f.n == 1 && counts[i] <= q.room {
			return all[:f.n], texts[i], counts[i], nil
		}
	}
	return Fit(ctx, a.Generator, q.template, all[:1], q.question, q.room)
}

// receipt notes the evidence.
func (e *evidence) receipt(shown []core.Passage) *core.Evidence {
	out := &core.Evidence{ID: e.id, Read: e.read, Answerable: e.best, Stretches: []core.EvidenceStretch{}, Mode: string(calibrate.Off)}
	for i, p := range shown {
		c := e.chosen[i]
		out.Stretches = append(out.Stretches, core.EvidenceStretch{
			ID: p.Document, Document: p.Name, Page: p.Page, Start: p.Start, End: p.End, Text: p.Text, Heading: c.heading, Probability: c.probability,
		})
	}
	return out
}
