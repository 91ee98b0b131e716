package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/exam"
)

// Exam is the same questions put to two: the bare model or an adapter, and the adapter it is about.
type Exam struct {
	ID      string    `json:"id"` // 16 hex digits
	State   RunState  `json:"state"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`

	Adapter     string        `json:"adapter"` // Adapter.ID
	AdapterName string        `json:"adapter_name"`
	Against     string        `json:"against,omitempty"` // Adapter.ID of the other; "": the bare model
	Model       string        `json:"model"`             // name of the base
	ModelID     string        `json:"model_id"`
	Dataset     string        `json:"dataset,omitempty"`
	DatasetName string        `json:"dataset_name,omitempty"`
	DatasetSum  string        `json:"dataset_sum,omitempty"`
	File        string        `json:"file,omitempty"` // of the questions, where they are of no dataset
	Collection  string        `json:"collection,omitempty"`
	Sampling    core.Sampling `json:"sampling"`
	Margin      float64       `json:"margin"`
	Seed        uint64        `json:"seed"`

	Learned  int           `json:"learned,omitempty"` // rows held back that are not asked: an adapter learned from their documents
	Total    int           `json:"total"`             // questions
	Done     int           `json:"done"`
	Base     exam.Score    `json:"base"`
	Tuned    exam.Score    `json:"tuned"`
	Decision exam.Decision `json:"decision"`
	Adopted  bool          `json:"adopted,omitempty"`
	Failure  *Failure      `json:"failure,omitempty"`
	Seconds  float64       `json:"seconds"`

	// What both come to with bounds on their refusals (package calibrate); nil where there are too few questions, and in exams before there
	// were such. Those of a dataset become the bounds of the adapter that the exam is about.
	BaseRefusals  *calibrate.Record `json:"base_refusals,omitempty"`
	TunedRefusals *calibrate.Record `json:"tuned_refusals,omitempty"`
}

// ExamItem is one question of an Exam with both answers, once it was Asked.
type ExamItem struct {
	ID       string          `json:"id"` // Row.ID
	Place    int             `json:"place"`
	Question string          `json:"question"`
	Expected string          `json:"expected"`
	Refusal  bool            `json:"refusal,omitempty"`
	Origin   core.RowOrigin  `json:"origin,omitempty"` // Row.Origin: of a refusal, how it was made
	Language string          `json:"language,omitempty"`
	Source   *core.RowSource `json:"source,omitempty"`
	Gold     string          `json:"gold,omitempty"`  // text at Source
	Inputs   string          `json:"inputs"`          // the prompt
	Shown    []string        `json:"shown,omitempty"` // Document.IDs of its passages
	Asked    bool            `json:"asked"`
	Base     exam.Mark       `json:"base"`
	Tuned    exam.Mark       `json:"tuned"`

	BaseRefusal  *ExamRefusal `json:"base_refusal,omitempty"` // nil where it was not told
	TunedRefusal *ExamRefusal `json:"tuned_refusal,omitempty"`

	Evidence   string  `json:"evidence,omitempty"` // as core.Row has them
	Answerable float64 `json:"answerable,omitempty"`
}

// ExamRefusal is how likely one who answered found the refusal.
type ExamRefusal struct {
	Probability float64    `json:"probability"`
	Open        *exam.Mark `json:"open,omitempty"` // of the answer with the refusal forbidden, where one was refused that the documents answer
}

// Group names what an item is alike with: the document it was made of.
func (i ExamItem) Group() string {
	if i.Source != nil && i.Source.Document != "" {
		return i.Source.Document
	}
	return i.ID
}

const (
	examKind = "exam"
	itemKind = "examitem." // + Exam.ID; id ExamItem.Place
)

// Exams are all, newest first.
func (b Book) Exams(ctx context.Context) ([]Exam, []Damage, error) {
	var all []Exam
	damaged, err := each(ctx, b, examKind, func(_ string, e Exam) { all = append(all, e) })
	if err != nil {
		return nil, nil, fmt.Errorf("list exams: %w", err)
	}
	slices.SortFunc(all, func(a, b Exam) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return all, damaged, nil
}

// Exam is one of them: core.ErrNotFound.
func (b Book) Exam(ctx context.Context, id string) (Exam, error) {
	return get[Exam](ctx, b, examKind, id)
}

// PutExam writes one.
func (b Book) PutExam(ctx context.Context, e Exam) error { return put(ctx, b, examKind, e.ID, e) }

// ExamItems are an exam's questions in their order.
func (b Book) ExamItems(ctx context.Context, id string) ([]ExamItem, []Damage, error) {
	var all []ExamItem
	damaged, err := each(ctx, b, itemKind+id, func(_ string, i ExamItem) { all = append(all, i) })
	if err != nil {
		return nil, nil, fmt.Errorf("read questions of an exam: %w", err)
	}
	slices.SortFunc(all, func(a, b ExamItem) int { return cmp.Compare(a.Place, b.Place) })
	return all, damaged, nil
}

// PutExamItem writes one question.
func (b Book) PutExamItem(ctx context.Context, id string, i ExamItem) error {
	return put(ctx, b, itemKind+id, fmt.Sprintf("%08d", i.Place), i)
}

// EraseExam removes an exam with its questions and all their bytes.
func (b Book) EraseExam(ctx context.Context, id string) error {
	if err := b.Store.EraseRecords(ctx, [2]string{itemKind + id, ""}, [2]string{examKind, id}); err != nil {
		return fmt.Errorf("erase exam %s: %w", id, err)
	}
	return nil
}
