package rag

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"kakoi/core"
)

const (
	// citeBound is the least support: weighted share of the sentence's n-grams in the stretch.
	citeBound = 0.6
	// Below this the embedder is not asked: too little in common for a paraphrase to be believed.
	embedFloor = 0.2
	// A sentence that states a number needs more of its words there, since the number alone proves little.
	embedFloorNumber = 0.5
	// How many stretches the embedder compares one sentence with.
	embedCandidates = 8
	// maxWindow is how many lines of a wrapped sentence may be taken together.
	maxWindow = 3
	// penalty for what contradicts: another product's row, a negated sentence.
	penalty = 0.4
	// An answer with less content than this ("10日です。", a name) proves nothing by being found: its place must be
	// about the question, which is this share of the question's content words, or the embedder's word.
	shortContent = 4
	aboutBound   = 0.25
)

// stretch is a sentence or a line of a passage, or a few wrapped lines, that may support an answer.
type stretch struct {
	passage  int
	span     Span // in the passage's text
	text     string
	profile  profile
	lines    int
	context  profile // with the lines around it
	headCode map[string]bool
}

// support is how well a stretch supports a sentence.
type support struct {
	stretch *stretch
	literal float64 // 0 to 1
	rank    float64 // literal, and nearness to the question
}

// Cite ties each sentence of an answer to the stretch of the passages that supports it best, by character n-grams and,
// when emb is not nil and those do not decide, by the cosine of embeddings. Numbers, dates and codes of a sentence
// must stand in its support. Sentences without support are returned in unsupported; sentences that say nothing by
// themselves ("はい。") are in neither unless they are the whole answer.
func Cite(ctx context.Context, answer string, passages []core.Passage, emb core.Embedder) (cites []core.Citation, unsupported []string, err error) {
	return CiteAnswer(ctx, "", answer, passages, emb)
}

// CiteAnswer is Cite with the question, which tells apart places that support a short answer ("10日です。") equally.
func CiteAnswer(ctx context.Context, question, answer string, passages []core.Passage, emb core.Embedder) (cites []core.Citation, unsupported []string, err error) {
	return citeAnswer(ctx, question, answer, passages, emb, false)
}

// citeAnswer is CiteAnswer; answering says that the passages are known to be about the question.
func citeAnswer(ctx context.Context, question, answer string, passages []core.Passage, emb core.Embedder, answering bool) (cites []core.Citation, unsupported []string, err error) {
	cites, unsupported = []core.Citation{}, []string{}
	stretches := stretchesOf(passages)
	asked := newProfile(question)
	rs := []rune(answer)
	spans := Sentences(answer)
	for _, s := range spans {
		sentence := string(rs[s.Start:s.End])
		p := newProfile(withoutCopula(sentence))
		if p.content == 0 {
			if len(spans) == 1 {
				unsupported = append(unsupported, sentence)
			}
			continue
		}
		ranked := rankSupports(sentence, p, asked, stretches)
		short := p.content < shortContent && asked.content > 0
		var best support
		if len(ranked) > 0 {
			best = ranked[0]
		}
		if best.literal < citeBound && emb != nil {
			if best, err = embedSupport(ctx, emb, sentence, p, ranked); err != nil {
				return cites, unsupported, fmt.Errorf("cite: %w", err)
			}
		}
		if short && best.literal >= citeBound && !answering {
			ok, err := about(ctx, emb, question, asked, best.stretch)
			if err != nil {
				return cites, unsupported, fmt.Errorf("cite: %w", err)
			}
			if !ok {
				best.literal = 0
			}
		}
		if best.literal < citeBound {
			unsupported = append(unsupported, sentence)
			continue
		}
		of := passages[best.stretch.passage]
		cites = append(cites, core.Citation{
			Sentence: sentence, ID: of.Document, Document: of.Name, Page: of.Page,
			Start: of.Start + best.stretch.span.Start, End: of.Start + best.stretch.span.End,
			Text: best.stretch.text, Score: min(1, best.literal),
		})
	}
	return cites, unsupported, nil
}

// stretchesOf lists the sentences and lines of the passages, and wrapped lines together.
func stretchesOf(passages []core.Passage) []stretch {
	var out []stretch
	for i, p := range passages {
		rs := []rune(p.Text)
		spans := Sentences(p.Text)
		around := surroundings(rs, spans)
		for j, s := range spans {
			for k := j; k < len(spans) && k < j+maxWindow; k++ {
				if k > j && !runsOn(string(rs[spans[k-1].Start:spans[k-1].End])) {
					break
				}
				text := string(rs[s.Start:spans[k].End])
				st := stretch{passage: i, span: Span{s.Start, spans[k].End}, text: text, profile: newProfile(text), lines: k - j + 1, context: around[j].words, headCode: around[j].codes}
				out = append(out, st)
			}
		}
	}
	return out
}

// surrounding is what stands around a sentence of a passage.
type surrounding struct {
	words profile         // of the two sentences before it, of itself and of the next
	codes map[string]bool // of all before it
}

// surroundings are those of the sentences of a text; nobody changes their maps.
func surroundings(text []rune, sentences []Span) []surrounding {
	out := make([]surrounding, len(sentences))
	codes := map[string]bool{}
	for i, s := range sentences {
		around := Span{sentences[max(0, i-2)].Start, sentences[min(len(sentences)-1, i+1)].End}
		out[i] = surrounding{newProfile(string(text[around.Start:around.End])), maps.Clone(codes)}
		maps.Copy(codes, newProfile(string(text[s.Start:s.End])).codes)
	}
	return out
}

// runsOn says whether a line may go on in the next one: a heading, or the wrapped line of a paragraph; not a row of a
// table or an item of a list, whose values belong to nothing else.
func runsOn(line string) bool {
	if strings.ContainsAny(line, "|\t") || strings.Contains(line, "  ") || listItem.MatchString(strings.TrimSpace(line)) {
		return false
	}
	rs := []rune(line)
	if strings.ContainsRune("。！？.!?", rs[len(rs)-1]) {
		return false
	}
	return width(rs) >= 40 || len(newProfile(line).numbers) == 0
}

// rankSupports scores every stretch that has the sentence's numbers and codes, best first.
func rankSupports(sentence string, p, asked profile, stretches []stretch) []support {
	var out []support
	for i := range stretches {
		st := &stretches[i]
		if p.lacksNumber(st.profile) || lacksCode(p, asked, st) {
			continue
		}
		literal := p.containment(st.profile)
		if namesAnother(asked, p, st) || contradicts(sentence, st.text) {
			literal *= penalty
		}
		nearness := 0.35
		if p.content < shortContent {
			nearness = 0.8
		}
		rank := literal + nearness*asked.containment(st.profile) + 0.15*asked.containment(st.context) -
			0.12*float64(st.lines-1) - 0.001*float64(st.passage)
		out = append(out, support{st, literal, rank})
	}
	slices.SortStableFunc(out, func(a, b support) int { return cmp.Compare(b.rank, a.rank) })
	return out
}

// lacksCode says whether the sentence names a code that the stretch has not. One that was asked for may also stand
// above the stretch, in a heading.
func lacksCode(p, asked profile, st *stretch) bool {
	for c := range p.codes {
		if !st.profile.codes[c] && !(asked.codes[c] && st.headCode[c] && len(st.profile.codes) == 0) {
			return true
		}
	}
	return false
}

// namesAnother says whether the stretch is about another code than the question: the row of another product.
func namesAnother(asked, p profile, st *stretch) bool {
	if len(asked.codes) == 0 || len(st.profile.codes) == 0 {
		return false
	}
	for c := range st.profile.codes {
		if asked.codes[c] || p.codes[c] {
			return false
		}
	}
	return true
}

var (
	copula     = regexp.MustCompile(`(です|でした|である|だ|となります|になります|とのことです)?[。．.!！?？\s]*$`)
	negative   = regexp.MustCompile(`ません|ない|なかった|なく|ぬ。|不可|禁止|\b(not|never|cannot|no|without|nor|none)\b|n't\b|n’t\b`)
	politeVerb = regexp.MustCompile(`(\p{Han}?[\p{Hiragana}\p{Han}])(ます|ません)`)
	modal      = regexp.MustCompile(`\b(may|must|can|will|should|is|are|do|does|shall)( not\b|n't\b|n’t\b|not\b)?`)
)

func withoutCopula(sentence string) string { return copula.ReplaceAllString(sentence, "") }

// contradicts says whether one of the texts denies what the other states. It sees the two cases that n-grams
// miss because the words are the same: a verb that is negated on one side only, and a denial without any negation in the support.
func contradicts(sentence, support string) bool {
	sentence, support = strings.ToLower(sentence), strings.ToLower(support)
	if negative.MatchString(sentence) && !negative.MatchString(support) {
		return true
	}
	return onlyNegated(politeVerb, sentence, support, "ません") || onlyNegated(modal, sentence, support, "n")
}

// onlyNegated says whether a verb (group 1) that the sentence has in the positive stands in the support, and there
// only in the negative (group 2 holds mark).
func onlyNegated(verbs *regexp.Regexp, sentence, support, mark string) bool {
	type seen struct{ positive, negated bool }
	read := func(text string) map[string]seen {
		out := map[string]seen{}
		for _, m := range verbs.FindAllStringSubmatch(text, -1) {
			s := out[m[1]]
			if m[2] != "" && strings.Contains(m[2], mark) {
				s.negated = true
			} else {
				s.positive = true
			}
			out[m[1]] = s
		}
		return out
	}
	there := read(support)
	for verb, s := range read(sentence) {
		if t, ok := there[verb]; ok && s.positive && !s.negated && t.negated && !t.positive {
			return true
		}
	}
	return false
}

// embedSupport asks the embedder about the stretches that n-grams left open. The result's literal is at least citeBound
// only when the best cosine is over the embedder's bound.
func embedSupport(ctx context.Context, emb core.Embedder, sentence string, p profile, ranked []support) (support, error) {
	floor := embedFloor
	if len(p.numbers)+len(p.codes) > 0 {
		floor = embedFloorNumber
	}
	var open []support
	for _, s := range ranked {
		if s.literal >= floor && !contradicts(sentence, s.stretch.text) && len(open) < embedCandidates {
			open = append(open, s)
		}
	}
	var best support
	if len(open) == 0 {
		return best, nil
	}
	texts := []string{sentence}
	for _, s := range open {
		texts = append(texts, s.stretch.text)
	}
	vecs, err := emb.Embed(ctx, core.EmbedPassage, texts)
	if err != nil {
		return best, fmt.Errorf("embed sentence and %d stretches: %w", len(open), err)
	}
	if len(vecs) != len(texts) {
		return best, fmt.Errorf("embed %d texts: %d vectors: %w", len(texts), len(vecs), core.ErrCorrupt)
	}
	bound := boundsOf(emb.Info()).same
	for i, s := range open {
		cos, err := cosine(vecs[0], vecs[i+1])
		if err != nil {
			return best, err
		}
		if cos < bound {
			continue
		}
		// The cosine over the bound is support; the shared n-grams say how sure.
		s.literal = citeBound + (1-citeBound)*(cos-bound)/(1-bound)*0.75
		if s.literal > best.literal {
			best = s
		}
	}
	return best, nil
}

// about says whether a stretch, with the lines around it, is about the question.
func about(ctx context.Context, emb core.Embedder, question string, asked profile, st *stretch) (bool, error) {
	if asked.sharedContent(st.profile) >= aboutBound || asked.sharedContent(st.context) >= aboutBound {
		return true, nil
	}
	if emb == nil {
		return false, nil
	}
	q, err := emb.Embed(ctx, core.EmbedQuery, []string{question})
	if err != nil {
		return false, fmt.Errorf("embed question: %w", err)
	}
	s, err := emb.Embed(ctx, core.EmbedPassage, []string{st.text})
	if err != nil {
		return false, fmt.Errorf("embed stretch: %w", err)
	}
	if len(q) != 1 || len(s) != 1 {
		return false, fmt.Errorf("embed question and stretch: %d and %d vectors: %w", len(q), len(s), core.ErrCorrupt)
	}
	cos, err := cosine(q[0], s[0])
	return cos >= boundsOf(emb.Info()).answers, err
}

func cosine(a, b core.Vector) (float64, error) {
	if len(a) != len(b) {
		return 0, fmt.Errorf("compare vectors of %d and %d: %w", len(a), len(b), core.ErrDimension)
	}
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum, nil
}
