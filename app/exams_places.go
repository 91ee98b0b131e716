package app

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode/utf8"

	"kakoi/core"
	"kakoi/core/exam"
)

// In the setting AskGold a question has this many passages besides those that answer it, or this many in all where nothing does. They are taken
// of the hits nearest to the question.
const (
	othersGiven = 2
	onlyOthers  = 3
	othersFrom  = 60
)

// located is a place that a question names, found.
type located struct {
	exam.Place
	passage    core.Passage // the chunks that hold it
	start, end int          // of the place itself, in characters of the page's text
}

// cites says whether a citation is of this place: of the same stretch, or of the same words somewhere else.
func (l located) cites(c core.Citation) bool {
	if c.ID == l.passage.Document && c.Page == l.passage.Page {
		shared := min(c.End, l.end) - max(c.Start, l.start)
		if 2*shared >= min(c.End-c.Start, l.end-l.start) {
			return true
		}
	}
	return exam.SamePlace(c.Text, l.Text)
}

// evident says whether a stretch read as evidence is of this place, and has the answer where the place says that in one of the accepted forms.
func (l located) evident(q exam.Natural, x core.EvidenceStretch) bool {
	p := core.Passage{Document: x.ID, Page: x.Page, Start: x.Start, End: x.End, Text: x.Text}
	if l.within(p) {
		return true
	}
	of := l.cites(core.Citation{ID: x.ID, Page: x.Page, Start: x.Start, End: x.End, Text: x.Text})
	return of && (q.HoldsAnswer(x.Text) || !q.HoldsAnswer(l.Text))
}

// within says whether a passage has the whole place.
func (l located) within(p core.Passage) bool {
	return p.Document == l.passage.Document && p.Page == l.passage.Page && p.Start <= l.start && p.End >= l.end || strings.Contains(exam.Squash(p.Text), exam.Squash(l.Text))
}

// QuestionProblem is something in a file of natural questions that does not fit the documents.
type QuestionProblem struct {
	Line   int    `json:"line"`
	Kind   string `json:"problem"` // document, text, answer, absent
	Detail string `json:"detail"`
}

// sheetText is one page as places are looked for in it.
type sheetText struct {
	page     int
	squashed string
	from     []int // squashed character -> character of the page
}

// readSets is what the documents have of the questions.
type readSets struct {
	names    map[string]string // set -> collection's name
	places   map[int][]located
	problems []QuestionProblem
	sum      string // of the documents
}

// missing are the places that are not there: the questions cannot be asked with them.
func (r readSets) missing() []QuestionProblem {
	var bad []QuestionProblem
	for _, p := range r.problems {
		if p.Kind == "document" || p.Kind == "text" {
			bad = append(bad, p)
		}
	}
	return bad
}

// CheckQuestions holds a file of natural questions against the documents, without a model: each place has to be there, an accepted form of the answer has to stand in it (but
// of yes-or-no questions, years of the Japanese calendar and questions in another language), and the words that an unanswerable question names nowhere.
func (e *Exams) CheckQuestions(ctx context.Context, plan QuestionPlan) (int, []QuestionProblem, error) {
	questions, _, err := readQuestions(plan)
	if err != nil {
		return 0, nil, err
	}
	read, err := e.readSets(ctx, questions, plan.Collection)
	return len(questions), read.problems, err
}

// readSets finds the places of questions.
func (e *Exams) readSets(ctx context.Context, questions []exam.Natural, collection string) (readSets, error) {
	r := readSets{names: map[string]string{}, places: map[int][]located{}}
	sum := fnv.New64a()
	texts := map[string]map[string][]sheetText{} // collection -> document -> pages
	documents := map[string][]core.Document{}
	for _, q := range questions {
		name := collection
		if name == "" {
			name = q.Set
		}
		c, err := e.Chat.Library.Collection(ctx, name)
		if errors.Is(err, core.ErrNotFound) || errors.Is(err, core.ErrEmpty) {
			return r, core.Explain(fmt.Errorf("collection %q of line %d: %w", name, q.Line, core.ErrNotFound), "error.questions.collection", q.Line, name)
		}
		if err != nil {
			return r, err
		}
		r.names[q.Set] = c.Name
		if texts[c.ID] == nil {
			docs, err := e.Chat.Library.Store.Documents(ctx, c.ID)
			if err != nil {
				return r, fmt.Errorf("list documents of %q: %w", c.Name, err)
			}
			texts[c.ID], documents[c.ID] = map[string][]sheetText{}, docs
			for _, d := range docs {
				if texts[c.ID][d.ID], err = e.squashed(ctx, c.ID, d.ID); err != nil {
					return r, err
				}
				fmt.Fprintf(sum, "%s %s %s\n", c.ID, d.ID, d.Split)
				for _, t := range texts[c.ID][d.ID] {
					fmt.Fprintf(sum, "%d %s\n", t.page, t.squashed)
				}
			}
		}
		if err := e.findPlaces(ctx, &r, q, c.ID, documents[c.ID], texts[c.ID]); err != nil {
			return r, err
		}
	}
	r.sum = fmt.Sprintf("%016x", sum.Sum64())
	return r, nil
}

// squashed are the pages of a document.
func (e *Exams) squashed(ctx context.Context, collection, document string) ([]sheetText, error) {
	pages, err := e.Chat.Library.Store.Pages(ctx, collection, document)
	if errors.Is(err, core.ErrNotFound) { // it failed to be read
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read document %s: %w", document, err)
	}
	var out []sheetText
	for _, p := range pages {
		t := sheetText{page: p.Number}
		t.squashed, t.from = exam.SquashMap(p.Text)
		out = append(out, t)
	}
	return out, nil
}

// findPlaces finds the places of one question and notes what does not fit.
func (e *Exams) findPlaces(ctx context.Context, r *readSets, q exam.Natural, collection string, docs []core.Document, texts map[string][]sheetText) error {
	problem := func(kind, detail string) { r.problems = append(r.problems, QuestionProblem{q.Line, kind, detail}) }
	for _, g := range q.Gold {
		named := false
		var l *located
		for _, d := range docs {
			if l != nil || !strings.HasSuffix(d.Name, g.Document) {
				continue
			}
			named = true
			for _, t := range texts[d.ID] {
				found, err := e.locate(ctx, collection, d, t, g)
				if err != nil {
					return err
				}
				if found != nil {
					l = found
					break
				}
			}
		}
		switch {
		case !named:
			problem("document", g.Document)
		case l == nil:
			problem("text", g.Document+": "+g.Text)
		default:
			r.places[q.Line] = append(r.places[q.Line], *l)
		}
	}
	if q.Answerable() && !slices.Contains([]string{"yesno", "era", "cross"}, q.Kind) && !slices.ContainsFunc(q.Gold, func(g exam.Place) bool {
		return slices.ContainsFunc(q.Accept, func(form string) bool { return strings.Contains(exam.Squash(g.Text), exam.Squash(form)) })
	}) {
		problem("answer", strings.Join(q.Accept, " / "))
	}
	for _, word := range q.Absent {
		w := exam.Squash(word)
		for _, d := range docs {
			if slices.ContainsFunc(texts[d.ID], func(t sheetText) bool { return strings.Contains(t.squashed, w) }) {
				problem("absent", word+": "+d.Name)
			}
		}
	}
	return nil
}

// locate finds a place in a page; nil where it is not there.
func (e *Exams) locate(ctx context.Context, collection string, d core.Document, t sheetText, g exam.Place) (*located, error) {
	wanted := exam.Squash(g.Text)
	at := strings.Index(t.squashed, wanted)
	if at < 0 {
		return nil, nil
	}
	first := utf8.RuneCountInString(t.squashed[:at])
	l := &located{Place: g, start: t.from[first], end: t.from[first+utf8.RuneCountInString(wanted)-1] + 1}
	chunks, err := e.Chat.Library.Store.Chunks(ctx, collection, d.ID)
	if err != nil {
		return nil, fmt.Errorf("read passages of %q: %w", d.Name, err)
	}
	p := core.Passage{Document: d.ID, Name: d.Name, Page: t.page, Start: l.start, End: l.end}
	whole := false
	for _, c := range chunks {
		if c.Page != t.page || c.End <= l.start || c.Start >= l.end || whole {
			continue
		}
		if whole = c.Start <= l.start && c.End >= l.end; whole { // one that has it all is better than all that touch it
			p.Start, p.End = c.Start, c.End
			continue
		}
		p.Start, p.End = min(p.Start, c.Start), max(p.End, c.End)
	}
	text, err := Searcher{Store: e.Chat.Library.Store, Collection: collection}.PageText(ctx, d.ID, t.page)
	if err != nil {
		return nil, fmt.Errorf("read page %d of %q: %w", t.page, d.Name, err)
	}
	p.Text = string([]rune(text)[p.Start:p.End])
	l.passage = p
	return l, nil
}

// given are the passages that a question is asked with in the setting AskGold: those of its places, at a place among the others that the question
// decides, so that an exam repeated gives the same. The others are the hits nearest to the question that neither touch those nor hold an accepted form of the answer.
func (s *QuestionSheet) given(ctx context.Context, q exam.Natural, places []located) ([]core.Passage, error) {
	found, err := s.exams.Chat.Library.Retrieve(ctx, s.sets[q.Set], q.Question, othersFrom)
	if err != nil {
		return nil, err
	}
	var gold, others []core.Passage
	for _, l := range places {
		if !slices.ContainsFunc(gold, func(p core.Passage) bool { return l.within(p) }) {
			gold = append(gold, l.passage)
		}
	}
	wanted := othersGiven
	if len(gold) == 0 {
		wanted = onlyOthers
	}
	for _, h := range found.Fused {
		if len(others) == wanted {
			break
		}
		p := core.Passage{Document: h.Chunk.Document, Name: h.Name, Page: h.Chunk.Page, Start: h.Chunk.Start, End: h.Chunk.End, Text: h.Chunk.Text, Score: h.Score, Dense: h.Dense, Lexical: h.Lexical}
		if q.HoldsAnswer(p.Text) || slices.ContainsFunc(slices.Concat(gold, others), func(o core.Passage) bool { return touches(o, p) || o.Text == p.Text }) ||
			slices.ContainsFunc(places, func(l located) bool { return l.within(p) }) {
			continue
		}
		others = append(others, p)
	}
	h := fnv.New32a()
	h.Write([]byte(q.Question))
	return slices.Insert(others, int(h.Sum32()%uint32(len(others)+1)), gold...), nil
}

// touches says whether two passages share text.
func touches(a, b core.Passage) bool {
	return a.Document == b.Document && a.Page == b.Page && a.Start < b.End && b.Start < a.End
}
