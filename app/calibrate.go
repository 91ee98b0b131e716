package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/dataset"
	"kakoi/core/rag"
)

// CalibrationPlan says for which model bounds of refusals are looked for, and with which questions. The zero value is allowed.
type CalibrationPlan struct {
	Model      string   // a chat model by name; "": the one in use
	Datasets   []string // whose rows are asked, as Datasets.Find takes them, but for questions with a word changed; none: rows are made of the collection's documents and not kept
	Collection string   // of the documents; "": as Library.Collection
	Rows       int      // at most; 0: calibrationRows
	Draft      bool     // only look: the bounds are not kept
}

// calibrationRows is how many rows are made of documents: a few minutes on two cores for the model that comes along.
const calibrationRows = 300

// calibrationBatch is how many rows are asked at once.
const calibrationBatch = 8

// Calibrate asks a chat model questions whose right answers are known, half of which the documents do not answer, and finds the bounds of its
// refusals. Where it is not a draft they hold from then on, in place of those that came with the model. It is a job; an end in between keeps nothing.
//
// Errors: core.ErrEmpty (too few questions), core.ErrNotFound, and those of the models.
func (d *Datasets) Calibrate(ctx context.Context, plan CalibrationPlan, listen func(job.State)) (*calibrate.Record, error) {
	if plan.Rows < 0 || plan.Rows > dataset.MaxRows {
		return nil, core.Explain(fmt.Errorf("calibrate on %d rows: %w", plan.Rows, core.ErrUsage), "error.dataset.rows", plan.Rows)
	}
	model := cmp.Or(plan.Model, d.Chat.Settings.Get().ChatModel)
	var found *calibrate.Record
	j := d.Chat.Models.Jobs.Start(ctx, job.Name{Key: "job.calibrate", Note: model}, func(ctx context.Context, p core.Progress) error {
		rows, set, err := d.calibrating(ctx, plan, model, p)
		if err != nil {
			return err
		}
		found, err = d.calibrate(ctx, model, rows, p)
		if err != nil {
			return err
		}
		found.Set = set
		if plan.Draft {
			return nil
		}
		return d.Chat.Models.keepBounds(ctx, found)
	}, listen)
	err := j.Wait(context.Background())
	if errors.Is(err, core.ErrEmpty) && found == nil {
		var told *core.UserError
		if !errors.As(err, &told) {
			err = core.Explain(err, "error.calibrate.few", calibrate.Fewest)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("calibrate %q: %w", model, err)
	}
	d.Bus.Tell(TopicModels)
	return found, nil
}

// calibrating are the rows to ask, and what they are called.
func (d *Datasets) calibrating(ctx context.Context, plan CalibrationPlan, model string, p core.Progress) ([]core.Row, string, error) {
	if len(plan.Datasets) > 0 {
		var rows []core.Row
		var names []string
		for _, which := range plan.Datasets {
			set, err := d.Find(ctx, which)
			if err != nil {
				return nil, "", err
			}
			train, held, err := d.Training(ctx, set.ID)
			if err != nil {
				return nil, "", err
			}
			rows, names = append(append(rows, train...), held...), append(names, set.Name)
		}
		return spread(slices.DeleteFunc(rows, changed), plan.Rows), strings.Join(names, ", "), nil
	}
	c, err := d.Chat.Library.Collection(ctx, plan.Collection)
	if err != nil {
		return nil, "", err
	}
	documents, err := d.documents(ctx, c, nil, false)
	if err != nil {
		return nil, "", err
	}
	retriever, release, err := d.retrieverOf(ctx, model, c, p)
	if err != nil {
		return nil, "", err
	}
	defer release()
	set := dataset.Settings{Share: dataset.DefaultShare, Rows: cmp.Or(plan.Rows, calibrationRows), Seed: 1}
	result, err := dataset.Build(ctx, dataset.Params{Settings: set, Documents: documents, Retriever: retriever, Progress: p})
	return result.Rows, c.Name, err
}

// changed says whether a row's question has a word changed. A model learns much from those; but nobody asks so, the passages answer many of them all the same, and bounds
// found on them refuse what people ask.
func changed(r core.Row) bool { return r.Origin == core.RowContrast }

// spread is at most n of the rows, evenly; 0: all.
func spread(rows []core.Row, n int) []core.Row {
	if n == 0 || len(rows) <= n {
		return rows
	}
	some := make([]core.Row, n)
	for i := range some {
		some[i] = rows[i*len(rows)/n]
	}
	return some
}

// calibrate has the model answer rows, and finds its bounds.
func (d *Datasets) calibrate(ctx context.Context, model string, rows []core.Row, p core.Progress) (*calibrate.Record, error) {
	c := d.Chat
	defer c.Models.releaseOthers() // when it is not held any more
	defer c.Models.hold(model)()
	how, err := c.how(AskOptions{})
	if err != nil {
		return nil, err
	}
	a := &examiner{sampling: how.Sampling}
	if a.templates, err = rag.LoadTemplates(c.Prompts...); err != nil {
		return nil, err
	}
	if a.gen, err = c.Models.GeneratorNamed(ctx, model, p); err != nil {
		return nil, err
	}
	items := make([]record.ExamItem, len(rows))
	told := make(map[*record.ExamItem]outcome, len(rows))
	for i, r := range rows {
		// Where an answer stands is not asked for: no gold, so nothing is cited and no embedder needed.
		items[i] = record.ExamItem{ID: r.ID, Place: i, Question: r.Question, Expected: r.Answer, Refusal: r.Refusal, Language: r.Language, Source: r.Source, Inputs: r.Inputs, Evidence: r.Evidence, Answerable: r.Answerable}
	}
	now := evidenceID(c.Models.evidenceFor(ctx, a.gen.Info(), p))
	if err := ctx.Err(); err != nil { // none was found since nobody waited
		return nil, err
	}
	if of := evidenceOf(items); of != now {
		return nil, core.Explain(fmt.Errorf("calibrate with rows of evidence %q, where answers are from %q: %w", of, now, core.ErrUnsupported), "error.calibrate.evidence")
	}
	a.common = a.commonOf(items)
	for at := 0; at < len(items); at += calibrationBatch {
		p.Report(core.Update{Stage: "calibrate", Done: int64(at), Total: int64(len(items)), Note: model})
		var batch []*record.ExamItem
		for i := at; i < min(at+calibrationBatch, len(items)); i++ {
			batch = append(batch, &items[i])
		}
		out, err := a.put(ctx, batch, []rag.Lane{{}})
		if err != nil {
			return nil, err
		}
		for i, item := range batch {
			told[item] = out[i]
		}
	}
	found, err := a.bounds(items, func(i *record.ExamItem) outcome { return told[i] })
	if err != nil {
		return nil, err
	}
	found.Model, found.Made, found.Method = a.gen.Info().ID, time.Now().UTC(), refusalMethod
	return found, nil
}
