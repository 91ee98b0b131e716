package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/core/exam"
)

// QuestionSource is where an exam's questions come from: Datasets.
type QuestionSource interface {
	RowSource
	Questions(ctx context.Context, path string, plan ImportPlan, p core.Progress) ([]core.Row, dataset.Table, error)
}

// Exams puts the same questions to a model with and without an adapter, or to two adapters, and says which is better.
type Exams struct {
	Store    Store
	Chat     *Chat // with its Models, Library and Adapters
	Datasets QuestionSource
	Bus      *Bus // hears of exams begun, ended and removed; nil is allowed

	mu      sync.Mutex
	running map[string]bool
}

// ExamPlan is an exam before it begins. The zero value of all but Adapter is allowed.
type ExamPlan struct {
	Adapter    string  `json:"adapter"`              // which one it is about, as Adapters.Find takes it; "": the newest
	Against    string  `json:"against,omitempty"`    // "" or NoAdapter: its model as it is; else another adapter of the same model
	Dataset    string  `json:"dataset,omitempty"`    // whose rows that were held back are asked; "": the one the adapter learned from
	Questions  string  `json:"questions,omitempty"`  // a file of questions and answers in place of a dataset
	Collection string  `json:"collection,omitempty"` // of the file's questions; "": as Library.Collection
	Margin     float64 `json:"margin,omitempty"`     // 0: exam.DefaultMargin
	Limit      int     `json:"limit,omitempty"`      // questions at most, spread evenly; 0: all
}

func (e *Exams) book() record.Book { return record.Book{Store: e.Store} }

// Begin remembers an exam with its questions; Run puts them.
//
// Errors: core.ErrNotFound (no adapter, no dataset), core.ErrEmpty (no rows were held back), core.ErrUsage, core.ErrUnsupported (adapters
// of two models).
func (e *Exams) Begin(ctx context.Context, plan ExamPlan, p core.Progress) (record.Exam, error) {
	x, err := e.adapter(ctx, plan.Adapter)
	if err != nil {
		return record.Exam{}, err
	}
	if plan.Margin == 0 {
		plan.Margin = exam.DefaultMargin
	}
	if plan.Margin < 0 || plan.Margin > 1 || math.IsNaN(plan.Margin) || plan.Limit < 0 {
		return record.Exam{}, core.Explain(fmt.Errorf("exam with margin %g, limit %d: %w", plan.Margin, plan.Limit, core.ErrUsage), "error.exam.margin")
	}
	how, err := e.Chat.how(AskOptions{})
	if err != nil {
		return record.Exam{}, err
	}
	now := time.Now().UTC()
	const seed = 1
	m := record.Exam{
		ID: record.NewID(), State: record.RunPaused, Created: now, Changed: now, Adapter: x.ID, AdapterName: x.Name,
		Model: x.Model, ModelID: x.ModelID, Sampling: how.Sampling, Margin: plan.Margin, Seed: seed,
	}
	if m.Sampling.Seed == 0 {
		m.Sampling.Seed = seed
	}
	if plan.Against != "" && plan.Against != NoAdapter {
		other, err := e.Chat.Adapters.Find(ctx, plan.Against)
		if err != nil {
			return m, err
		}
		if other.ModelID != x.ModelID {
			return m, otherBase(other.Adapter, x.Model, x.ModelID)
		}
		m.Against = other.ID
	}
	var against record.Adapter
	asked, err := e.questions(ctx, &m, x.Adapter, plan, p)
	if err != nil {
		return m, err
	}
	if plan.Questions == "" {
		if m.Against != "" {
			if against, err = e.book().Adapter(ctx, m.Against); err != nil {
				return m, err
			}
		}
		n := len(asked)
		if asked, err = e.unlearned(ctx, m.DatasetSum, asked, x.Adapter, against); err != nil {
			return m, err
		}
		if m.Learned = n - len(asked); len(asked) == 0 {
			return m, core.Explain(fmt.Errorf("exam of adapter %s on what it learned: %w", x.ID, core.ErrEmpty), "error.exam.learned", m.DatasetName)
		}
	}
	if n := len(asked); plan.Limit > 0 && n > plan.Limit {
		some := make([]core.Row, plan.Limit)
		for i := range some {
			some[i] = asked[i*n/plan.Limit]
		}
		asked = some
	}
	m.Total = len(asked)
	// The exam comes first: whatever interrupts this, its questions, which hold text of documents, can be found and erased.
	if err := e.book().PutExam(ctx, m); err != nil {
		return m, err
	}
	for i, r := range asked {
		item := record.ExamItem{
			ID: r.ID, Place: i, Question: r.Question, Expected: r.Answer, Refusal: r.Refusal, Origin: r.Origin, Language: r.Language, Source: r.Source,
			Gold: e.gold(ctx, m.Collection, r), Inputs: r.Inputs, Shown: r.Shown,
			Evidence: r.Evidence, Answerable: r.Answerable,
		}
		if item.Expected == "" {
			item.Expected = strings.TrimSpace(r.Labels)
		}
		if err := e.book().PutExamItem(ctx, m.ID, item); err != nil {
			return m, errors.Join(err, e.book().EraseExam(context.WithoutCancel(ctx), m.ID))
		}
	}
	e.Bus.Tell(TopicExams)
	return m, nil
}

// adapter is the one a person means; "" is the newest.
func (e *Exams) adapter(ctx context.Context, which string) (AdapterInfo, error) {
	if which != "" {
		return e.Chat.Adapters.Find(ctx, which)
	}
	all, err := e.Chat.Adapters.List(ctx)
	if err != nil {
		return AdapterInfo{}, err
	}
	if len(all) == 0 {
		return AdapterInfo{}, core.Explain(fmt.Errorf("exam without an adapter: %w", core.ErrNotFound), "error.exam.adapter")
	}
	return all[0], nil
}

// questions are the rows that are asked, noted in m where they come from.
func (e *Exams) questions(ctx context.Context, m *record.Exam, x record.Adapter, plan ExamPlan, p core.Progress) ([]core.Row, error) {
	if plan.Questions != "" {
		m.File, m.Collection = filepath.Base(plan.Questions), plan.Collection
		asked, _, err := e.Datasets.Questions(ctx, plan.Questions, ImportPlan{DatasetPlan: DatasetPlan{Collection: plan.Collection}}, p)
		if err == nil && len(asked) == 0 {
			err = core.Explain(fmt.Errorf("no questions in %q: %w", plan.Questions, core.ErrEmpty), "error.exam.nofile", m.File)
		}
		return asked, err
	}
	which := plan.Dataset
	if which == "" {
		which = x.Dataset
	}
	set, err := e.Datasets.Find(ctx, which)
	if err != nil {
		return nil, err
	}
	train, held, err := e.Datasets.Training(ctx, set.ID)
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, core.Explain(fmt.Errorf("dataset %s has no rows held back: %w", set.ID, core.ErrEmpty), "error.exam.held", set.Name)
	}
	m.Dataset, m.DatasetName, m.Collection, m.DatasetSum = set.ID, set.Name, set.Collection, rowsSum(learned{train, held})
	return held, nil
}

// unlearned are the rows of a dataset with such a sum that none of the adapters learned from: those held back from an adapter's own
// dataset are; of another one, or of its own after it was changed, rows of documents that it learned from are left out, and rows that it
// learned.
func (e *Exams) unlearned(ctx context.Context, sum string, rows []core.Row, adapters ...record.Adapter) ([]core.Row, error) {
	documents, ids := map[string]bool{}, map[string]bool{}
	for _, x := range adapters {
		if x.DatasetSum == sum {
			continue
		}
		for _, d := range x.Documents {
			if d.Rows > 0 {
				documents[d.ID] = true
			}
		}
		if x.Dataset == "" {
			continue
		}
		train, _, err := e.Datasets.Training(ctx, x.Dataset)
		if errors.Is(err, core.ErrNotFound) { // it is removed: its documents are known
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, r := range train {
			ids[r.ID] = true
		}
	}
	var out []core.Row
	for _, r := range rows {
		if !ids[r.ID] && (r.Source == nil || !documents[r.Source.Document]) {
			out = append(out, r)
		}
	}
	return out, nil
}

// gold is the text at the place a row was made of; "" where it is not known, or gone by now.
func (e *Exams) gold(ctx context.Context, collection string, r core.Row) string {
	if r.Source == nil || r.Refusal || r.Source.Document == "" {
		return ""
	}
	c, err := e.Chat.Library.Collection(ctx, collection)
	if err != nil {
		return ""
	}
	text, err := Searcher{Store: e.Chat.Library.Store, Collection: c.ID}.PageText(ctx, r.Source.Document, r.Source.Page)
	rs := []rune(text)
	if err != nil || r.Source.Start < 0 || r.Source.End > len(rs) || r.Source.Start >= r.Source.End {
		return ""
	}
	return string(rs[r.Source.Start:r.Source.End])
}

// List are all exams, newest first.
func (e *Exams) List(ctx context.Context) ([]record.Exam, []record.Damage, error) {
	all, damaged, err := e.book().Exams(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, m := range all {
		if m.State == record.RunRunning && !e.running[m.ID] { // its end could not be written, on a full disk say
			all[i].State = record.RunPaused
		}
	}
	return all, damaged, err
}

// Find finds the exam a person means: by ID or its beginning (4 digits or more); "" is the newest.
func (e *Exams) Find(ctx context.Context, which string) (record.Exam, error) {
	all, _, err := e.List(ctx)
	if err != nil {
		return record.Exam{}, err
	}
	for _, m := range all {
		if which == "" || m.ID == which || len(which) >= 4 && strings.HasPrefix(m.ID, which) {
			return m, nil
		}
	}
	return record.Exam{}, core.Explain(fmt.Errorf("exam %q: %w", which, core.ErrNotFound), "error.exam.unknown", which)
}

// Items are an exam's questions in their order, with the answers that were given.
func (e *Exams) Items(ctx context.Context, id string) ([]record.ExamItem, error) {
	items, damaged, err := e.book().ExamItems(ctx, id)
	for _, d := range damaged {
		slog.Warn("question of an exam that cannot be read", "exam", id, "id", d.ID, "error", d.Err)
	}
	return items, err
}

// Unfinished are the exams that can go on.
func (e *Exams) Unfinished(ctx context.Context) ([]record.Exam, error) {
	all, _, err := e.List(ctx)
	var open []record.Exam
	for _, m := range all {
		if m.State.GoesOn() {
			open = append(open, m)
		}
	}
	return open, err
}

// Remove erases an exam that does not run.
func (e *Exams) Remove(ctx context.Context, id string) error {
	e.mu.Lock()
	busy := e.running[id]
	e.mu.Unlock()
	if busy {
		return core.Explain(fmt.Errorf("remove exam %s: %w", id, core.ErrBusy), "error.exam.running")
	}
	if _, err := e.book().Exam(ctx, id); err != nil && !errors.Is(err, core.ErrCorrupt) {
		return core.Explain(err, "error.exam.unknown", id)
	}
	if err := e.book().EraseExam(context.WithoutCancel(ctx), id); err != nil {
		return err
	}
	e.Bus.Tell(TopicExams)
	return nil
}

// Sweep turns exams that were running when the program ended into paused ones. It is for the opener of the data folder.
func (e *Exams) Sweep(ctx context.Context) error {
	all, _, err := e.book().Exams(ctx)
	for _, m := range all {
		if m.State == record.RunRunning {
			m.State = record.RunPaused
			err = errors.Join(err, e.book().PutExam(ctx, m))
		}
	}
	return err
}
