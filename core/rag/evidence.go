package rag

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"kakoi/core"
	"kakoi/core/calibrate"
)

// A narrow model (isSmall) writes a short answer well and finds and judges badly. With an Asker.Evidence, a cross-encoder (Nogueira and Cho 2019)
// reads the question with every stretch of what was found, and then with the clauses of the best sentences. The model is asked once, with the best
// clause alone, and how likely that answers says whether the documents do. docs/decisions/0037-evidence.md has the reasons and the figures.

// reading are the numbers of this way of asking. Logits are the cross-encoder's.
var reading = struct {
	hits                      int     // best hits whose passages are looked through
	first                     int     // passages that are looked through first, and
	enough                    float64 // the logit of the best stretch there with which it is left at that
	window                    int     // sentences or lines of a stretch at most
	beforeJa, beforeEn        int     // characters before a stretch that are read with it, and
	afterJa, afterEn          int     // behind it
	most                      int     // stretches that are compared at most: those with most of the question's words, the better hits first
	ofHit                     float64 // logit that the search's score of a passage (near 1 of the first hit, near 0 of the last) adds where stretches are put in order
	foreign                   float64 // taken off logits of what is not in the question's language, where passages in that were found, too
	noCode                    float64 // taken off logits where the question names a code that stands nowhere
	places                    int     // sentences whose clauses are compared
	overOne                   float64 // logit by which several sentences together must be better than the best one, to stand for it
	perRune                   float64 // logit that each character of a clause, or of an answer, costs: short ones are wanted
	ofWhole                   float64 // share of a stretch's logit that is added to its clauses' where those of several are put in order
	underWhole                float64 // logit by which the best clause may be worse than the best stretch before that is read as it is
	underClause               float64 // logit by which the model's answer may be worse than its clause before that is quoted
	apart                     float64 // logit that yes and no must be apart before one is said
	trims                     int     // rounds in which words are taken off a long clause that is quoted; 0: it is quoted whole
	longJa, longEn            int     // characters above which a clause is long
	perTrimmed                float64 // logit that each character costs there
	ofStretch, ofClause, plus float64 // of the logits of the best stretch and the best clause, in that of there being an answer
	shown                     int     // stretches that the model reads at most, of different places
	share                     float64 // of the best one's probability that another must have to be read, too
	heading                   bool    // the heading line above a stretch goes into the prompt
	ofOdds                    float64 // weight of the log-odds that the evidence does not answer, in those of the refusal
	ofOwnOdds                 float64 // weight of the log-odds of the model's own refusal; 0: it is not asked where the evidence refuses
	bound                     float64 // of the refusal, where none was calibrated
}{
	hits: 8, first: 4, enough: 2, window: 3, beforeJa: 130, beforeEn: 300, afterJa: 40, afterEn: 100, most: 120, ofHit: 3.3, foreign: 2, noCode: 2,
	places: 2, overOne: 1.5, perRune: 0.05, ofWhole: 0.75, underWhole: 2, underClause: 0.5, apart: 2.5,
	trims: 3, longJa: 30, longEn: 80, perTrimmed: 0.02,
	ofStretch: 0.51, ofClause: 0.45, plus: -0.34,
	shown: 1, share: 0.5, heading: true,
	ofOdds: 1, ofOwnOdds: 0, bound: 0.5,
}

// Reading counts the ways of asking from evidence: it is raised whenever the numbers above change, or the stretches.
const Reading = 12

// Narrow says whether a model is one that is asked from one sentence, or from evidence.
func Narrow(model core.GeneratorInfo) bool { return isSmall(model) }

// candidate is a stretch with what the cross-encoder reads of it.
type candidate struct {
	stretch
	of        []rune // the text of its passage
	heading   string
	within    Span    // of a clause: the sentence
	condition int     // of a clause: characters at its beginning that are its condition
	side      string  // a yes or no: whether the stretch says it is what is read
	less      float64 // what is taken off what the cross-encoder says of it and of its clauses
	logit     float64
	found     float64 // what is added to that where candidates of several places are put in order: of the search's score of the passage, and of what a clause is of
}

// text is what is put to the cross-encoder.
func (c candidate) text() string {
	text := marked(c.of, c.span, c.heading)
	if c.side != "" {
		return c.side + " | " + text
	}
	return text
}

func headed(heading, text string) string {
	if heading == "" {
		return text
	}
	return heading + "\n" + text
}

// logits are what the cross-encoder said of texts, so that none is read twice for a question.
type logits map[string]float32

// evidence is what a narrow model is asked with.
type evidence struct {
	question string         // as it is read: with its years as the passages write them
	passages []core.Passage // those looked through
	id       string
	read     int
	seen     logits
	best     float64     // probability that the documents answer
	chosen   []candidate // best first
}

// evidenceIn reads the question with the stretches of passages; nil when they have none. Of those that a search found, better ones first, the later ones are read only
// where the first do not answer well.
func (a *Asker) evidenceIn(ctx context.Context, question string, passages []core.Passage, found bool) (*evidence, error) {
	question = asDated(question, passages)
	seen := logits{}
	lot := passages
	if found {
		lot = passages[:min(reading.first, len(passages))]
	}
	all, err := a.stretchesIn(ctx, question, seen, lot, found)
	if err == nil && len(lot) < len(passages) && (len(all) == 0 || slices.MaxFunc(all, byRank).logit < reading.enough) {
		lot = passages
		all, err = a.stretchesIn(ctx, question, seen, lot, found)
	}
	if err != nil || len(all) == 0 {
		return nil, err
	}
	places, codes := placesOf(all), newProfile(question).codes
	var parts []candidate
	ends := make([]int, len(places)) // of the parts of each
	for i, p := range places {
		parts = append(parts, p.parts(codes)...)
		ends[i] = len(parts)
	}
	if err := a.compare(ctx, question, seen, parts); err != nil {
		return nil, err
	}
	top, topPart := slices.MaxFunc(all, byRank), slices.MaxFunc(parts, byRank)
	e := &evidence{question: question, passages: lot, id: a.Evidence.Info().ID, read: len(seen), seen: seen}
	e.best = answerable(top.logit, topPart.logit)
	if e.best > unsureLow && e.best < unsureHigh {
		if e.best, err = a.readAgain(ctx, question, top, topPart); err != nil {
			return nil, err
		}
	}
	var read []candidate
	start := 0
	for _, end := range ends {
		read = append(read, briefest(parts[start:end], reading.perRune))
		start = end
	}
	slices.SortStableFunc(read, func(x, y candidate) int { return byRank(y, x) })
	if topPart.logit < top.logit-reading.underWhole {
		read = places
	}
	for _, c := range read {
		if len(e.chosen) == max(1, reading.shown) || len(e.chosen) > 0 && fromOdds(c.logit) < reading.share*fromOdds(e.chosen[0].logit) {
			break
		}
		e.chosen = append(e.chosen, c.conditioned())
	}
	return e, nil
}

// answerable is how likely there is an answer, by the logits of the best stretch and the best clause.
func answerable(stretch, clause float64) float64 {
	return fromOdds(reading.ofStretch*stretch + reading.ofClause*clause + reading.plus)
}

// stretchesIn are the stretches of passages as the cross-encoder reads them with the question.
func (a *Asker) stretchesIn(ctx context.Context, question string, seen logits, passages []core.Passage, found bool) ([]candidate, error) {
	all, coded := candidatesOf(question, passages)
	if found {
		asFound(question, passages, all)
	}
	if !coded {
		for i := range all {
			all[i].less += reading.noCode
		}
	}
	return all, a.compare(ctx, question, seen, all)
}

// asFound counts in what the search says of passages, and that a question is seldom about those in the other language where there are some in its own.
func asFound(question string, passages []core.Passage, all []candidate) {
	lang := Language(question)
	own := slices.ContainsFunc(passages, func(p core.Passage) bool { return Language(p.Text) == lang })
	for i := range all {
		p := passages[all[i].passage]
		all[i].found = reading.ofHit * p.Score
		if own && Language(p.Text) != lang {
			all[i].less = reading.foreign
		}
	}
}

// compare has the cross-encoder read the question with each of some texts that it has not seen.
func (a *Asker) compare(ctx context.Context, question string, seen logits, all []candidate) error {
	texts := make([]string, len(all))
	var unseen []string
	for i, c := range all {
		texts[i] = c.text()
		if _, ok := seen[texts[i]]; !ok && !slices.Contains(unseen, texts[i]) {
			unseen = append(unseen, texts[i])
		}
	}
	if len(unseen) > 0 {
		said, err := scoresOf(ctx, a.Evidence, question, unseen)
		if err != nil {
			return fmt.Errorf("read %d stretches as evidence: %w", len(unseen), err)
		}
		for i, l := range said {
			if math.IsNaN(float64(l)) || math.IsInf(float64(l), 0) {
				return fmt.Errorf("read %d stretches as evidence: score %d is %v: %w", len(unseen), i, l, core.ErrCorrupt)
			}
			seen[unseen[i]] = l
		}
	}
	for i, text := range texts {
		all[i].logit = float64(seen[text]) - all[i].less
	}
	return nil
}

// rank is what stretches of several passages are put in order by.
func (c candidate) rank() float64 { return c.logit + c.found }

func byRank(x, y candidate) int { return cmp.Compare(x.rank(), y.rank()) }

// preferred is the best of some stretches: one of a single sentence, unless one of several is better by over. The first of equals.
func preferred(all []candidate, over float64) candidate {
	best := -1
	for i, c := range all {
		if c.lines == 1 && (best < 0 || c.rank() > all[best].rank()) {
			best = i
		}
	}
	wide := best
	for i, c := range all {
		if c.lines > 1 && (wide < 0 || c.rank() > all[wide].rank()) {
			wide = i
		}
	}
	if wide != best && (best < 0 || all[wide].rank() > all[best].rank()+over) {
		best = wide
	}
	return all[best]
}

// briefest is the clause, or the two, that answer best for their length, of which each character costs perRune. The first of equals.
func briefest(all []candidate, perRune float64) candidate {
	return slices.MaxFunc(all, func(x, y candidate) int { return cmp.Compare(x.worth(perRune), y.worth(perRune)) })
}

// worth is a clause's rank less what its length costs.
func (c candidate) worth(perRune float64) float64 {
	return c.rank() - perRune*float64(utf8.RuneCountInString(c.stretch.text))
}

// placesOf are the best stretches of different places, best first.
func placesOf(all []candidate) []candidate {
	out := []candidate{preferred(all, reading.overOne)}
	singles := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return c.lines > 1 })
	slices.SortStableFunc(singles, func(x, y candidate) int { return byRank(y, x) })
	for _, c := range singles {
		if len(out) >= reading.places {
			break
		}
		if !slices.ContainsFunc(out, c.meets) {
			out = append(out, c)
		}
	}
	return out
}

// parts are the clauses of a stretch, and each two that follow each other; the stretch itself where it has only one. Where some have all codes that are asked for, they
// are those.
func (c candidate) parts(codes map[string]bool) []candidate {
	text := c.stretch.text
	if c.lines == 1 {
		text = strings.ReplaceAll(text, "\n", " ") // one sentence in several lines
	}
	spans := clauses(text)
	c.found += reading.ofWhole * c.logit // each part has that of it
	var out []candidate
	for i := range spans {
		for n := 1; n <= 2 && i+n <= len(spans); n++ {
			p := c.part(Span{spans[i].Start, spans[i+n-1].End})
			p.lines = n
			out = append(out, p)
		}
	}
	if len(spans) <= 1 {
		return []candidate{c.part(Span{0, c.span.End - c.span.Start})}
	}
	if len(codes) == 0 {
		return out
	}
	coded := slices.DeleteFunc(slices.Clone(out), func(p candidate) bool {
		own := newProfile(p.stretch.text).codes
		for code := range codes {
			if !own[code] {
				return true
			}
		}
		return false
	})
	if len(coded) > 0 {
		return coded
	}
	return out
}

// part is a span within a sentence.
func (c candidate) part(s Span) candidate {
	p := candidate{stretch: stretch{passage: c.passage, lines: 1}, of: c.of, heading: c.heading, within: c.span, less: c.less, found: c.found}
	return p.at(Span{c.span.Start + s.Start, c.span.Start + s.End})
}

// at is a candidate with another place in its passage.
func (c candidate) at(s Span) candidate {
	c.span = s
	c.stretch.text = string(c.of[s.Start:s.End])
	return c
}

// whole is what a clause is of; of another stretch, itself.
func (c candidate) whole() candidate {
	if c.within != (Span{}) {
		c = c.at(c.within)
		c.within = Span{}
	}
	return c
}

// meets says whether two stretches share text.
func (c candidate) meets(o candidate) bool {
	return c.stretch.text == o.stretch.text || c.passage == o.passage && c.span.Start < o.span.End && o.span.Start < c.span.End
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
			if e.chosen[j].lines == 1 {
				read[j].Text = inOneLine(read[j].Text)
			}
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
	// A long question, and a long clause, take what they need.
	for _, budget := range []int{promptTokens(q.model, q.opt, q.room), q.room} {
		for i, f := range forms {
			if counts[i] <= budget {
				return all[:f.n], texts[i], counts[i], nil
			}
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
			ID: p.Document, Document: p.Name, Page: p.Page, Start: p.Start, End: p.End, Text: p.Text, Heading: c.heading, Probability: fromOdds(c.logit),
		})
	}
	return out
}
