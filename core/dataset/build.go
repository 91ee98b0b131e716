package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"kakoi/core"
	"kakoi/core/rag"
)

// Params are what a build needs.
type Params struct {
	Settings
	Documents []Document // of the collection; drafts by rule are made of them
	Elsewhere []Document // of other collections: their questions are not answered here
	NoRules   bool       // no drafts are made of Documents; they only say where answers of Drafts stand
	Drafts    []Draft    // taken first: corrections, a person's file, a model's drafts
	Retriever Retriever
	Progress  core.Progress // stages "draft" (documents) and "check" (drafts)
}

// Validate says what is wrong with settings: core.ErrUsage, explained.
func (s Settings) Validate() error {
	bad := func(name string, v any) error {
		return core.Explain(fmt.Errorf("dataset: %s %v: %w", name, v, core.ErrUsage), "error.dataset."+name, v)
	}
	switch {
	case math.IsNaN(s.Share) || s.Share < 0 || s.Share > 0.9:
		return bad("share", s.Share)
	case math.IsNaN(s.Held) || s.Held < 0 || s.Held > 0.9:
		return bad("held", s.Held)
	case s.Rows < 0 || s.Rows > MaxRows:
		return bad("rows", s.Rows)
	}
	return nil
}

const (
	// headingShare of the rows at most ask for what stands under a heading: they have long answers and say little.
	headingShare = 0.1
	// elsewhereShare of the refusal rows are questions of other collections; the rest are questions of this one.
	elsewhereShare = 1.0 / 3
	// contrastShare of the refusal rows are questions with a word changed.
	contrastShare = 1.0 / 3
	// A passage with this share of a question's words in one sentence may answer it, though the answer is another one.
	mayAnswer       = 0.95 // of a question of this collection: its neighbours are alike, and that is what is to be learned
	mayAnswerOthers = 0.6  // of a question of another collection
	// workers that prepare prompts at the same time.
	workers = 2
)

// Build makes rows. The context is that of the job: its end is the error, and nothing is returned then.
func Build(ctx context.Context, p Params) (Result, error) {
	if err := p.Validate(); err != nil {
		return Result{}, err
	}
	b := &builder{Params: p, left: Left{}, documents: map[string]Document{}, general: map[string]bool{}}
	for _, d := range p.Documents {
		b.documents[d.ID] = d
	}
	given, drafts, err := b.drafts(ctx)
	if err != nil {
		return Result{}, err
	}
	most := p.Rows
	if most == 0 {
		most = MaxRows
	}
	refused := 0
	for _, d := range given {
		if d.Refusal {
			refused++
		}
	}
	rows, err := b.answered(ctx, given, drafts, max(1, int(math.Round(float64(most)*(1-p.Share)))))
	if err != nil {
		return Result{}, err
	}
	answerable := 0
	for _, r := range rows {
		if !r.Refusal {
			answerable++
		}
	}
	want := int(math.Round(float64(answerable)*p.Share/(1-p.Share))) - (len(rows) - answerable)
	want = min(want, most-len(rows))
	more, err := b.refusals(ctx, rows, max(0, want))
	if err != nil {
		return Result{}, err
	}
	short := max(0, want-len(more))
	rows = append(rows, more...)
	slices.SortStableFunc(rows, order)
	Split(rows, p.Held, p.Seed, Group)
	return Result{Rows: rows, Left: b.left, Short: short}, nil
}

// order of rows: as their documents are read, a refusal behind the row it was made of.
func order(a, b core.Row) int {
	place := func(r core.Row) core.RowSource {
		if r.Source == nil {
			return core.RowSource{}
		}
		return *r.Source
	}
	x, y := place(a), place(b)
	later := func(r core.Row) int {
		switch r.Origin {
		case core.RowElsewhere:
			return 1
		}
		return 0
	}
	twin := func(r core.Row) int {
		if r.Refusal {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(later(a), later(b)), strings.Compare(x.Name, y.Name), strings.Compare(x.Document, y.Document), cmp.Compare(x.Page, y.Page),
		cmp.Compare(x.Start, y.Start), cmp.Compare(x.End, y.End), strings.Compare(a.Question, b.Question), cmp.Compare(twin(a), twin(b)), strings.Compare(a.ID, b.ID),
	)
}

type builder struct {
	Params
	left      Left
	documents map[string]Document
	done      int64
	asked     map[string]bool // folded questions of this collection's documents and of people: none of them is asked as a refusal of another
	general   map[string]bool // ids of rows that ask for what stands under a heading: other sentences there answer them too
}

func (b *builder) drop(r Reason) { b.left[r]++ }

// drafts are those that are given and those by rule, each question once; the second are shuffled.
func (b *builder) drafts(ctx context.Context) (given, ruled []Draft, err error) {
	b.asked = map[string]bool{}
	documents := slices.Clone(b.Documents)
	slices.SortFunc(documents, byName)
	for i, d := range documents {
		b.Progress.Report(core.Update{Stage: "draft", Done: int64(i), Total: int64(len(documents)), Note: d.Name})
		if b.NoRules {
			continue
		}
		made, err := Drafts(ctx, d)
		if err != nil {
			return nil, nil, err
		}
		ruled = append(ruled, made...)
	}
	var loose []Draft // drafts of a model: given, but of no person
	for _, d := range b.Drafts {
		if d.Origin == core.RowModel {
			loose = append(loose, d)
		} else {
			given = append(given, d)
			b.asked[fold(d.Question)] = true
		}
	}
	ruled = b.unique(append(loose, ruled...))
	newPCG(b.Seed, "drafts").shuffle(len(ruled), func(i, j int) { ruled[i], ruled[j] = ruled[j], ruled[i] })
	return given, ruled, nil
}

func byName(a, b Document) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
}

// unique keeps one of the drafts that ask and answer the same. A question with several answers is asked with the title of its document, or
// not at all when that does not tell them apart.
func (b *builder) unique(drafts []Draft) []Draft {
	answers := func(of []Draft) map[string]map[string]bool {
		out := map[string]map[string]bool{}
		for _, d := range of {
			q := fold(d.Question)
			if out[q] == nil {
				out[q] = map[string]bool{}
			}
			out[q][fold(d.Core)] = true
		}
		return out
	}
	before := answers(drafts)
	for q := range before {
		b.asked[q] = true
	}
	named := make([]Draft, len(drafts))
	for i, d := range drafts {
		if len(before[fold(d.Question)]) > 1 && d.title != "" && !strings.Contains(d.Question, d.title) {
			d.Question = d.qualified()
		}
		named[i] = d
	}
	after := answers(named)
	seen := map[string]bool{}
	var out []Draft
	for _, d := range named {
		q := fold(d.Question)
		switch {
		case len(after[q]) > 1:
			b.drop(LeftAmbiguous)
		case seen[q]:
			b.drop(LeftSame)
		case len([]rune(d.Question)) > maxQuestionChars+44:
			b.drop(LeftAmbiguous)
		default:
			seen[q] = true
			out = append(out, d)
		}
	}
	return out
}

// answered makes rows of drafts until there are so many. What a person gave is all taken.
func (b *builder) answered(ctx context.Context, given, drafts []Draft, most int) ([]core.Row, error) {
	total := int64(len(given) + min(len(drafts), 2*most))
	b.report(total)
	var rows []core.Row
	var twice, twiceRefused similar
	headings := 0
	take := func(d Draft, m made) {
		switch {
		case m.reason != "":
			b.drop(m.reason)
		case m.row.Refusal && twiceRefused.seen(d.Question, ""), !m.row.Refusal && twice.seen(d.Question, d.Answer):
			b.drop(LeftTwice)
		default:
			rows = append(rows, m.row)
			b.general[m.row.ID] = d.Kind == KindHeading
		}
	}
	if err := b.each(ctx, given, total, func(d Draft, m made) bool { take(d, m); return true }); err != nil {
		return nil, err
	}
	mostHeadings := int(headingShare * float64(min(most, len(drafts))))
	var chosen []Draft
	for _, d := range drafts {
		if d.Kind == KindHeading {
			if headings++; headings > mostHeadings {
				b.drop(LeftHeading)
				continue
			}
		}
		chosen = append(chosen, d)
	}
	err := b.each(ctx, chosen, total, func(d Draft, m made) bool {
		if len(rows) >= most {
			return false
		}
		take(d, m)
		return true
	})
	return rows, err
}

func (b *builder) report(total int64) {
	b.Progress.Report(core.Update{Stage: "check", Done: min(b.done, total), Total: total})
}

// made is what became of a draft: a row, or the reason why there is none.
type made struct {
	row    core.Row
	reason Reason
	err    error
}

// each makes the drafts' rows, several at a time, and hands them over in the drafts' order until take wants no more.
func (b *builder) each(ctx context.Context, drafts []Draft, total int64, take func(Draft, made) bool) error {
	return inOrder(ctx, drafts, func(ctx context.Context, d Draft) made { return b.row(ctx, d) }, func(d Draft, m made) (bool, error) {
		if m.err != nil {
			return false, fmt.Errorf("make a row of %q: %w", d.Question, m.err)
		}
		b.done++
		b.report(total)
		return take(d, m), nil
	})
}

// inOrder works on things side by side and takes the results in order.
func inOrder[T, R any](ctx context.Context, things []T, work func(context.Context, T) R, take func(T, R) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const ahead = 8
	results := make([]chan R, len(things))
	for i := range results {
		results[i] = make(chan R, 1)
	}
	next := make(chan int, ahead)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range workers {
		wg.Go(func() {
			for i := range next {
				results[i] <- work(ctx, things[i])
			}
		})
	}
	defer close(next)
	sent := 0
	for i := range things {
		for ; sent < len(things) && sent < i+ahead; sent++ {
			next <- sent
		}
		select {
		case r := <-results[i]:
			if err := ctx.Err(); err != nil {
				return err
			}
			more, err := take(things[i], r)
			if err != nil || !more {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// row checks a draft and builds its row.
func (b *builder) row(ctx context.Context, d Draft) made {
	if d.hasSource() && !d.Free && !b.stands(d) {
		return made{reason: LeftAnswer}
	}
	p, err := b.prepare(ctx, d)
	if reason, err := reasonOf(p, err); reason != "" || err != nil {
		return made{reason: reason, err: err}
	}
	r := newRow(d, p)
	if d.Refusal {
		return made{row: b.shaped(r, p, nil)}
	}
	r.Gold = goldOf(p.Passages, d)
	switch {
	case r.Gold == 0 && !d.Free:
		return made{reason: LeftFar}
	case r.Gold > 0 && !d.hasSource() && p.Passages[r.Gold-1].Document != "":
		g := p.Passages[r.Gold-1]
		r.Source = &core.RowSource{Document: g.Document, Name: g.Name, Page: g.Page, Start: g.Start, End: g.End}
	}
	return made{row: b.shaped(r, p, &d)}
}

func (b *builder) prepare(ctx context.Context, d Draft) (rag.Prepared, error) {
	if d.Passages == nil {
		return b.Retriever.Prepare(ctx, d.Question, nil)
	}
	passages := make([]core.Passage, len(d.Passages))
	for i, text := range d.Passages {
		passages[i] = core.Passage{Text: text, Page: 1, End: len([]rune(text))}
	}
	return b.Retriever.PrepareWith(ctx, d.Question, passages)
}

// reasonOf says whether a question that was prepared can be a row.
func reasonOf(p rag.Prepared, err error) (Reason, error) {
	switch {
	case errors.Is(err, core.ErrTooLarge):
		return LeftLong, nil
	case err != nil:
		return "", err
	case p.None:
		return LeftNothing, nil
	}
	return "", nil
}

// stands says whether the answer is at its place in the document.
func (b *builder) stands(d Draft) bool {
	doc, ok := b.documents[d.Source.Document]
	if !ok {
		return false
	}
	rs := []rune(doc.page(d.Source.Page))
	if d.Source.Start < 0 || d.Source.End > len(rs) || d.Source.Start >= d.Source.End {
		return false
	}
	return strings.Contains(fold(string(rs[d.Source.Start:d.Source.End])), fold(d.Core))
}

// newRow is a draft as a row, with the full prompt.
func newRow(d Draft, p rag.Prepared) core.Row {
	r := core.Row{Question: d.Question, Answer: d.Answer, Refusal: d.Refusal, Origin: d.Origin, Inputs: p.Prompt, Language: p.Template.Name(), Shown: shown(p.Passages)}
	if d.hasSource() {
		source := d.Source
		r.Source = &source
	}
	if d.Refusal {
		r.Answer = p.Template.Refusal()
	}
	return labelled(r)
}

// shown are the documents of passages, each once.
func shown(passages []core.Passage) []string {
	var out []string
	for _, p := range passages {
		if p.Document != "" && !slices.Contains(out, p.Document) {
			out = append(out, p.Document)
		}
	}
	return out
}

// labelled sets what follows the prompt, and the row's identity.
func labelled(r core.Row) core.Row {
	r.Labels = LabelsOf(r.Inputs, r.Answer)
	r.ID = core.RowID(r.Inputs, r.Labels)
	return r
}

// Relabel is a row after its answer was changed: with the labels of that answer, and its identity.
func Relabel(r core.Row) core.Row { return labelled(r) }

// LabelsOf is an answer as it follows a prompt: behind one that ends in a Latin colon, as the English template does, there is a space before
// an answer in Latin letters, so that its first token is that of a word inside a sentence.
func LabelsOf(inputs, answer string) string { return rag.Follow(inputs, answer) }

// shaped chooses among the prompts that a narrow model gets: the focused one for every second question, when the answer is in
// it (or, of a refusal, when it may be shown). With evidence it is the one for all of them: the chat sends no other. d is nil for a refusal.
func (b *builder) shaped(r core.Row, p rag.Prepared, d *Draft) core.Row {
	if p.Focused == "" || p.Evidence == "" && newPCG(b.Seed, "form "+r.Question).below(2) == 0 {
		return r
	}
	if d != nil && !r.Refusal {
		gold := goldOf(p.FocusPassages, *d)
		if gold == 0 {
			return r
		}
		r.Gold = gold
	}
	return labelled(evident(r, p))
}

// evident gives a row the prompt that a narrow model gets first.
func evident(r core.Row, p rag.Prepared) core.Row {
	r.Inputs, r.Shown = p.Focused, shown(p.FocusPassages)
	r.Evidence, r.Answerable = p.Evidence, p.Answerable
	return r
}

// goldOf is the place, from 1, of the passage that a draft was made from and that still holds its answer; 0 when there is none. An
// answer in a person's own words is looked for everywhere.
func goldOf(passages []core.Passage, d Draft) int {
	for i, p := range passages {
		if d.hasSource() && (p.Document != d.Source.Document || p.Page != d.Source.Page || p.Start >= d.Source.End || d.Source.Start >= p.End) {
			continue
		}
		core := d.Core
		if core == "" {
			core = d.Answer
		}
		if Holds(p.Text, core) {
			return i + 1
		}
	}
	return 0
}
