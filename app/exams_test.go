package app_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/exam"
)

func TestExamAdoptsWhatIsBetter(t *testing.T) {
	c := newCourse(t)
	x := c.train("one")
	m, err := c.exams.Begin(t.Context(), app.ExamPlan{}, nil)
	if err != nil || m.Total != 24 || m.Adapter != x.Adapter || m.Dataset != c.rows.set.ID || m.Margin != exam.DefaultMargin || m.State != record.RunPaused {
		t.Fatalf("%+v, %v", m, err)
	}
	calls, heard := len(c.client.Batches()), 0
	m, err = c.exams.Run(t.Context(), m.ID, func(ev app.ExamEvent) {
		if ev.Item != nil {
			heard++
		}
	})
	if err != nil || m.State != record.RunDone || m.Done != 24 || heard != 24 {
		t.Fatalf("%+v, %v, heard %d", m, err, heard)
	}
	sizes := c.client.Batches()[calls:]
	if len(sizes) != 6 || slices.Max(sizes) != 8 || slices.Min(sizes) != 8 {
		t.Errorf("both answer in one batch: %v", sizes)
	}
	// The model says what stands there whatever is asked; the adapter has learned to refuse.
	if m.Base.FalseAnswers.Share != 1 || m.Tuned.FalseAnswers.Share != 0 || m.Base.Right.Share != 1 || m.Tuned.Right.Share < 0.9 || m.Base.Unanswerable != 12 || m.Base.Cited.N != 1 || m.Base.Cited.Of != 1 || !m.Decision.Better || m.Decision.Key != "exam.reason.better" {
		t.Errorf("base %+v\ntuned %+v\ndecision %+v", m.Base, m.Tuned, m.Decision)
	}
	items, err := c.exams.Items(t.Context(), m.ID)
	if err != nil || len(items) != 24 || !items[1].Refusal || items[1].Base.Answer == "" || items[1].Base.Right || !items[1].Tuned.Right || !items[0].Base.Right {
		t.Errorf("items %+v, %v", items[:2], err)
	}
	if info, err := c.adapters.Find(t.Context(), "one"); err != nil || info.Exam != m.ID || info.Default || info.State != record.AdapterDraft {
		t.Errorf("before it is adopted: %+v, %v", info, err)
	}
	adopted, used, err := c.exams.Adopt(t.Context(), m.ID)
	if err != nil || !adopted.Adopted || used.ID != x.Adapter {
		t.Fatalf("%+v, %+v, %v", adopted, used, err)
	}
	if info, err := c.adapters.Find(t.Context(), "one"); err != nil || !info.Default || info.State != record.AdapterReady || info.Why != nil {
		t.Errorf("after it: %+v, %v", info, err)
	}
	if err := c.exams.Remove(t.Context(), m.ID); err != nil {
		t.Fatal(err)
	}
	if items, err := c.exams.Items(t.Context(), m.ID); err != nil || len(items) != 0 {
		t.Errorf("%d questions are left, %v", len(items), err)
	}
}

// TestExamKeepsADraft: an adapter that is not better by the margin stays one, with the reason.
func TestExamKeepsADraft(t *testing.T) {
	c := newCourse(t)
	x := c.train("one")
	m, err := c.exams.Begin(t.Context(), app.ExamPlan{Adapter: "one", Margin: 0.9, Limit: 6}, nil)
	if err != nil || m.Total != 6 {
		t.Fatalf("%+v, %v", m, err)
	}
	_, _, err = c.exams.Adopt(t.Context(), m.ID)
	wantError(t, err, "error.exam.open", core.ErrUsage)
	if m, err = c.exams.Run(t.Context(), m.ID, nil); err != nil || m.Decision.Better || m.Decision.Key != "exam.reason.margin" {
		t.Fatalf("%+v, %v", m.Decision, err)
	}
	m, kept, err := c.exams.Adopt(t.Context(), m.ID)
	if err != nil || m.Adopted || kept.ID != x.Adapter || kept.State != record.AdapterDraft || kept.Why == nil || kept.Why.Key != "exam.reason.margin" {
		t.Errorf("%+v, %+v, %v", m, kept, err)
	}
	wantError(t, errors.Join(kept.Why.Err(), core.ErrUsage), "exam.reason.margin", core.ErrUsage) // its sentence and hint are there
	if _, ok := c.adapters.Default(t.Context(), ""); ok {
		t.Error("it is the default")
	}
}

// TestExamGoesOn where it was stopped, with what was answered; two adapters can be held against each other.
func TestExamGoesOn(t *testing.T) {
	c := newCourse(t)
	c.train("one")
	c.rows.train = c.rows.train[:24]
	c.train("two")
	m, err := c.exams.Begin(t.Context(), app.ExamPlan{Adapter: "two", Against: "one"}, nil)
	if err != nil || m.Against == "" {
		t.Fatalf("%+v, %v", m, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m, err = c.exams.Run(ctx, m.ID, func(ev app.ExamEvent) {
		if ev.Exam.Done == 5 {
			_, err := c.exams.Run(t.Context(), m.ID, nil)
			wantError(t, err, "error.exam.running", core.ErrBusy)
			wantError(t, c.exams.Remove(t.Context(), m.ID), "error.exam.running", core.ErrBusy)
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || m.State != record.RunPaused || m.Done < 5 || m.Done == m.Total || m.Total != 23 { // one question is of a document that “one” learned from
		t.Fatalf("%+v, %v", m, err)
	}
	done := m.Done
	if open, err := c.exams.Unfinished(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("%+v, %v", open, err)
	}
	m.State = record.RunRunning // the program is killed
	if err := errors.Join(record.Book{Store: c.store}.PutExam(t.Context(), m), c.exams.Sweep(t.Context())); err != nil {
		t.Fatal(err)
	}
	heard := 0
	m, err = c.exams.Run(t.Context(), m.ID, func(ev app.ExamEvent) {
		if ev.Item != nil {
			heard++
		}
	})
	if err != nil || m.State != record.RunDone || heard != 23-done || m.Decision.Better || m.Base.FalseAnswers.Share != 0 {
		t.Errorf("%+v, %v, heard %d after %d", m, err, heard, done)
	}
}

func TestExamBadInput(t *testing.T) {
	c := newCourse(t)
	_, err := c.exams.Begin(t.Context(), app.ExamPlan{}, nil)
	wantError(t, err, "error.exam.adapter", core.ErrNotFound)
	c.train("one")
	_, err = c.exams.Begin(t.Context(), app.ExamPlan{Margin: 2}, nil)
	wantError(t, err, "error.exam.margin", core.ErrUsage)
	_, err = c.exams.Begin(t.Context(), app.ExamPlan{Questions: "q.csv"}, nil)
	wantError(t, err, "error.exam.nofile", core.ErrEmpty)
	c.rows.file = c.rows.held[:3]
	if m, err := c.exams.Begin(t.Context(), app.ExamPlan{Questions: "/x/q.csv"}, nil); err != nil || m.Total != 3 || m.File != "q.csv" {
		t.Errorf("%+v, %v", m, err)
	}
	c.rows.held = nil
	_, err = c.exams.Begin(t.Context(), app.ExamPlan{}, nil)
	wantError(t, err, "error.exam.held", core.ErrEmpty)
	_, err = c.exams.Run(t.Context(), "0000000000000000", nil)
	wantError(t, err, "error.exam.unknown", core.ErrNotFound)
	_, err = c.exams.Find(t.Context(), "zz")
	wantError(t, err, "error.exam.unknown", core.ErrNotFound)
}

// TestExamAsksNothingLearned: rows that another dataset holds back are not asked when the adapter learned from their documents, or when they
// are rows it learned itself; those of its own dataset are asked.
func TestExamAsksNothingLearned(t *testing.T) {
	c := newCourse(t)
	c.train("one")
	own := *c.rows
	for i := range 4 { // another dataset holds back: rows that were learned, rows of a document that was learned from, and fresh ones
		r := own.train[i]
		r.Source = nil
		c.rows.held = append([]core.Row{r}, c.rows.held...)
	}
	r := own.train[5]
	r.ID = "0123456789abcdef"
	c.rows.held = append(c.rows.held, r)
	m, err := c.exams.Begin(t.Context(), app.ExamPlan{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m.Learned != 6 || m.Total != 23 { // held[0] is of the document too
		t.Errorf("%d left out, %d asked", m.Learned, m.Total)
	}
	c.rows.held = []core.Row{own.train[0], r}
	if _, err = c.exams.Begin(t.Context(), app.ExamPlan{}, nil); err == nil {
		t.Fatal("an exam on what was learned")
	}
	wantError(t, err, "error.exam.learned", core.ErrEmpty)
}

// examless is a store that has no room for the questions of an exam.
type examless struct{ app.Store }

func (s examless) PutRecord(ctx context.Context, kind, id string, value []byte) error {
	if strings.HasPrefix(kind, "examitem.") && id == "00000003" {
		return core.ErrNoSpace
	}
	return s.Store.PutRecord(ctx, kind, id, value)
}

// TestExamThatCannotBegin leaves no question behind.
func TestExamThatCannotBegin(t *testing.T) {
	c := newCourse(t)
	c.train("one")
	c.exams.Store = examless{c.store}
	m, err := c.exams.Begin(t.Context(), app.ExamPlan{}, nil)
	if !errors.Is(err, core.ErrNoSpace) {
		t.Fatal(err)
	}
	if left, err := c.store.RecordIDs(t.Context(), "examitem."+m.ID); err != nil || len(left) != 0 {
		t.Errorf("%q, %v", left, err)
	}
	if all, _, err := c.exams.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestRemovalNamesRunsAndExams: checkpoints learned from a document, and the prompts of an exam show it.
func TestRemovalNamesRunsAndExams(t *testing.T) {
	c := newCourse(t)
	r := c.train("one")
	m, err := c.exams.Begin(t.Context(), app.ExamPlan{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := c.library.List(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	q, err := c.Quoting(t.Context(), docs[0].ID)
	if err != nil || len(q.Runs) != 1 || q.Runs[0].ID != r.ID || len(q.Exams) != 1 || q.Exams[0].ID != m.ID {
		t.Errorf("%+v, %v", q, err)
	}
	if q, err = c.Quoting(t.Context(), "another"); err != nil || len(q.Runs)+len(q.Exams) != 0 {
		t.Errorf("%+v, %v", q, err)
	}
}

// TestExamWhoseEndIsNotWritten is not shown as running for ever.
func TestExamWhoseEndIsNotWritten(t *testing.T) {
	c := newCourse(t)
	c.train("one")
	m, err := c.exams.Begin(t.Context(), app.ExamPlan{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.State = record.RunRunning
	if err := (record.Book{Store: c.store}).PutExam(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if open, err := c.exams.Unfinished(t.Context()); err != nil || len(open) != 1 || open[0].State != record.RunPaused {
		t.Errorf("%+v, %v", open, err)
	}
}
