package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/core/rag"
)

// retriever prepares questions as the chat does: with its search, its options, its templates and the models in use.
type retriever struct {
	asker rag.Asker
	how   rag.AskOptions
}

// Prepare is dataset.Retriever's.
func (r *retriever) Prepare(ctx context.Context, question string, hide []core.RowSource) (rag.Prepared, error) {
	a := r.asker
	a.Search = dataset.Hiding(a.Search, hide)
	return a.Prepare(ctx, question, r.how)
}

// PrepareWith is dataset.Retriever's.
func (r *retriever) PrepareWith(ctx context.Context, question string, passages []core.Passage) (rag.Prepared, error) {
	return r.asker.PrepareWith(ctx, question, passages, r.how)
}

// retriever loads the models in use for questions to a collection, and holds them until release.
func (d *Datasets) retriever(ctx context.Context, collection core.Collection, p core.Progress) (r *retriever, release func(), err error) {
	return d.retrieverOf(ctx, "", collection, p)
}

// retrieverOf is retriever for questions to a chat model by name; "" is the one in use.
func (d *Datasets) retrieverOf(ctx context.Context, model string, collection core.Collection, p core.Progress) (r *retriever, release func(), err error) {
	c := d.Chat
	how, err := c.how(AskOptions{})
	if err != nil {
		return nil, nil, err
	}
	templates, err := rag.LoadTemplates(c.Prompts...)
	if err != nil {
		return nil, nil, err
	}
	r = &retriever{how: how, asker: rag.Asker{Search: Searcher{Store: d.Store, Collection: collection.ID}, Templates: templates}}
	one, two := c.Models.hold(model), c.Models.holdEmbedder()
	release = func() { one(); two() }
	var wg sync.WaitGroup
	var generatorErr, embedderErr, rerankerErr error
	wg.Go(func() { r.asker.Generator, generatorErr = c.Models.GeneratorNamed(ctx, model, p) })
	wg.Go(func() { r.asker.Embedder, embedderErr = c.Models.Embedder(ctx, nil) })
	wg.Go(func() { r.asker.Reranker, r.how.Rerank, rerankerErr = c.Models.Reranker(ctx, nil) })
	wg.Wait()
	if err := errors.Join(generatorErr, embedderErr, rerankerErr); err != nil {
		release()
		if generatorErr != nil {
			err = generatorErr
		}
		return nil, nil, err
	}
	r.asker.Evidence = c.Models.evidenceFor(ctx, r.asker.Generator.Info(), p)
	return r, release, nil
}

// documents reads the documents of a collection that can be searched; of ids alone where there are some.
func (d *Datasets) documents(ctx context.Context, c core.Collection, ids []string, chunks bool) ([]dataset.Document, error) {
	docs, err := d.Store.Documents(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("list documents of %q: %w", c.Name, err)
	}
	for _, id := range ids {
		if !slices.ContainsFunc(docs, func(doc core.Document) bool { return doc.ID == id }) {
			return nil, core.Explain(fmt.Errorf("document %q: %w", id, core.ErrNotFound), "error.library.document", id)
		}
	}
	var out []dataset.Document
	for _, doc := range docs {
		if doc.State != core.DocumentReady || len(ids) > 0 && !slices.Contains(ids, doc.ID) {
			continue
		}
		one := dataset.Document{ID: doc.ID, Name: doc.Name}
		if one.Pages, err = d.Store.Pages(ctx, c.ID, doc.ID); err != nil {
			return nil, fmt.Errorf("read document %q: %w", doc.Name, err)
		}
		if chunks {
			if one.Chunks, err = d.Store.Chunks(ctx, c.ID, doc.ID); err != nil {
				return nil, fmt.Errorf("read chunks of %q: %w", doc.Name, err)
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// elsewhere reads the documents of other collections, and gives the names of those.
func (d *Datasets) elsewhere(ctx context.Context, own core.Collection, names []string) ([]dataset.Document, []string, error) {
	all, err := d.Store.Collections(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list collections: %w", err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(c core.Collection) bool { return c.Name == name }) {
			return nil, nil, core.Explain(fmt.Errorf("collection %q: %w", name, core.ErrNotFound), "error.library.collection", name)
		}
	}
	slices.SortFunc(all, func(a, b core.Collection) int { return compareStrings(a.Name, b.Name) })
	var out []dataset.Document
	used := []string{}
	for _, c := range all {
		if c.ID == own.ID || len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		docs, err := d.documents(ctx, c, nil, false)
		if err != nil {
			return nil, nil, err
		}
		if len(docs) > 0 {
			out, used = append(out, docs...), append(used, c.Name)
		}
	}
	return out, used, nil
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// narrowModel is the width below which a chat model is not asked to draft questions: such small models are made to answer, and write none.
const narrowModel = 1024

// planned is what a plan asks for, and the collection it is for.
func (d *Datasets) planned(ctx context.Context, plan DatasetPlan) (dataset.Settings, core.Collection, error) {
	set, err := plan.settings()
	if err != nil {
		return set, core.Collection{}, err
	}
	c, err := d.Chat.Library.Collection(ctx, plan.Collection)
	return set, c, err
}

// Build makes a dataset from a collection's documents, and from corrections made in chats about it. It is a job; when that is cancelled
// nothing is kept.
//
// Errors: core.ErrUsage (numbers out of range), core.ErrNotFound, core.ErrEmpty (no documents; no rows), those of the models.
func (d *Datasets) Build(ctx context.Context, plan DatasetPlan, opt DatasetOptions) (record.Dataset, error) {
	set, c, err := d.planned(ctx, plan)
	if err != nil {
		return record.Dataset{}, err
	}
	return d.make(ctx, record.Dataset{Name: plan.Name, Origin: record.FromDocuments, Collection: c.Name}, set, opt, func(ctx context.Context, m *making) error {
		documents, err := d.documents(ctx, c, plan.Documents, !plan.NoModel)
		if err != nil {
			return err
		}
		if len(documents) == 0 {
			return core.Explain(fmt.Errorf("build from %q: %w", c.Name, core.ErrEmpty), "error.dataset.documents", c.Name)
		}
		m.params.Documents = documents
		if m.params.Elsewhere, m.head.Settings.Elsewhere, err = d.elsewhere(ctx, c, plan.Elsewhere); err != nil {
			return err
		}
		if !plan.NoCorrections {
			if m.params.Drafts, err = d.corrected(ctx, c); err != nil {
				return err
			}
			m.head.Settings.Corrections = true
		}
		release, err := m.retrieve(ctx, d, c)
		if err != nil {
			return err
		}
		defer release()
		if gen := m.retriever.asker.Generator; !plan.NoModel && gen.Info().Hidden >= narrowModel {
			drafts, dropped, err := dataset.Ask(ctx, gen, documents, set.Rows, set.Seed, m.progress)
			if err != nil {
				return err
			}
			m.params.Drafts = append(m.params.Drafts, drafts...)
			m.dropped = dropped
			m.head.Settings.Drafter = gen.Info().Name
		}
		return m.build(ctx)
	})
}

// Corrections makes a dataset of the corrections made in chats about a collection, and of nothing else.
func (d *Datasets) Corrections(ctx context.Context, plan DatasetPlan, opt DatasetOptions) (record.Dataset, error) {
	set, c, err := d.planned(ctx, plan)
	if err != nil {
		return record.Dataset{}, err
	}
	set.Share = 0 // a person said which are refusals
	return d.make(ctx, record.Dataset{Name: plan.Name, Origin: record.FromCorrections, Collection: c.Name}, set, opt, func(ctx context.Context, m *making) error {
		drafts, err := d.corrected(ctx, c)
		if err != nil {
			return err
		}
		if len(drafts) == 0 {
			return core.Explain(fmt.Errorf("corrections of %q: %w", c.Name, core.ErrEmpty), "error.dataset.corrections", c.Name)
		}
		m.params.Drafts, m.head.Settings.Corrections = drafts, true
		release, err := m.retrieve(ctx, d, c)
		if err != nil {
			return err
		}
		defer release()
		return m.build(ctx)
	})
}

// corrected are the drafts of a collection's corrections, oldest first.
func (d *Datasets) corrected(ctx context.Context, c core.Collection) ([]dataset.Draft, error) {
	all, _, err := d.book().Corrections(ctx)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	var out []dataset.Draft
	for _, k := range all {
		if k.Collection != c.Name && k.Collection != "" {
			continue
		}
		x := dataset.Correction{Question: k.Question, Absent: k.Kind == record.CorrectAbsent, Answer: k.Answer}
		if k.Place != nil && k.Kind == record.CorrectPlace {
			x.Place = &core.RowSource{Document: k.Place.Document, Name: k.Place.Name, Page: k.Place.Page, Start: k.Place.Start, End: k.Place.End}
			x.Text = k.Place.Text
		}
		if draft, ok := x.Draft(); ok {
			out = append(out, draft)
		}
	}
	return out, nil
}

// making is a dataset on its way.
type making struct {
	head      record.Dataset
	params    dataset.Params
	retriever *retriever
	progress  core.Progress
	dropped   int // drafts of the model
	rows      []core.Row
}

// retrieve loads the models.
func (m *making) retrieve(ctx context.Context, d *Datasets, c core.Collection) (release func(), err error) {
	if m.retriever, release, err = d.retriever(ctx, c, m.progress); err != nil {
		return nil, err
	}
	model := m.retriever.asker.Generator.Info()
	m.head.Model, m.head.ModelID, m.head.EmbedderID = model.Name, model.ID, m.retriever.asker.Embedder.Info().ID
	m.head.Finding = rag.Finding
	m.head.Asking = askingSum(m.retriever.asker.Templates, m.retriever.how, readingOf(evidenceID(m.retriever.asker.Evidence)))
	m.params.Retriever = m.retriever
	return release, nil
}

func (m *making) build(ctx context.Context) error {
	result, err := dataset.Build(ctx, m.params)
	if err != nil {
		return err
	}
	result.Left[dataset.LeftModel] += m.dropped
	m.rows, m.head.Short = result.Rows, result.Short
	for _, reason := range dataset.Reasons {
		if n := result.Left[reason]; n > 0 {
			m.head.Left = append(m.head.Left, record.DatasetCount{Reason: string(reason), N: n})
		}
	}
	for _, r := range m.rows {
		if !r.Refusal && r.Gold == 0 {
			m.head.Unfounded++
		}
	}
	return nil
}

// make runs work as a job, and stores the rows it leaves.
func (d *Datasets) make(ctx context.Context, head record.Dataset, set dataset.Settings, opt DatasetOptions, work func(context.Context, *making) error) (record.Dataset, error) {
	if head.Name == "" {
		head.Name = head.Collection
	}
	if _, err := datasetName(head.Name); err != nil {
		return record.Dataset{}, err
	}
	now := time.Now().UTC()
	head.ID, head.Created, head.Changed = record.NewID(), now, now
	head.Settings = record.DatasetSettings{Share: set.Share, Held: set.Held, Rows: set.Rows, Seed: set.Seed, Elsewhere: []string{}}
	head.Left, head.Problems = []record.DatasetCount{}, []record.DatasetProblem{}
	m := &making{head: head, params: dataset.Params{Settings: set}}
	j := d.Chat.Library.Jobs.Start(ctx, job.Name{Key: "job.dataset", Note: head.Name}, func(ctx context.Context, p core.Progress) error {
		m.progress, m.params.Progress = p, p
		if err := work(ctx, m); err != nil {
			return err
		}
		if len(m.rows) == 0 && head.Origin == record.FromFile {
			return core.Explain(fmt.Errorf("make dataset %q: %w", head.Name, core.ErrEmpty), "error.dataset.rows_unfound")
		}
		if len(m.rows) == 0 {
			return core.Explain(fmt.Errorf("make dataset %q: %w", head.Name, core.ErrEmpty), "error.dataset.rows_none")
		}
		p.Report(core.Update{Stage: "write"})
		return d.keep(ctx, m)
	}, opt.Listen)
	if err := j.Wait(context.Background()); err != nil { // a cancelled job ends soon, and in order
		return record.Dataset{}, fmt.Errorf("make dataset %q: %w", head.Name, err)
	}
	d.Bus.Tell(TopicDatasets)
	return m.head, nil
}

// keep stores what was made.
func (d *Datasets) keep(ctx context.Context, m *making) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	d.changing.Lock()
	defer d.changing.Unlock()
	var err error
	if m.head.Name, err = d.freeName(ctx, m.head.Name); err != nil {
		return err
	}
	tally(&m.head, [][]core.Row{m.rows})
	m.head, err = d.book().CreateDataset(ctx, m.head, m.rows)
	return err
}

// rebuild makes the prompt of a row anew, for another question.
func (d *Datasets) rebuild(ctx context.Context, s record.Dataset, r core.Row, question string) (core.Row, error) {
	c, err := d.Chat.Library.Collection(ctx, s.Collection)
	if err != nil {
		return r, err
	}
	retriever, release, err := d.retriever(ctx, c, nil)
	if err != nil {
		return r, err
	}
	defer release()
	var hide []core.RowSource
	if r.Origin == core.RowWithout && r.Refusal && r.Source != nil {
		hide = []core.RowSource{*r.Source}
	}
	p, err := retriever.Prepare(ctx, question, hide)
	if err != nil {
		return r, err
	}
	if p.None {
		return r, core.Explain(fmt.Errorf("prepare %q: nothing is found: %w", question, core.ErrUsage), "error.dataset.nothing")
	}
	return dataset.Rebuilt(r, question, p), nil
}
