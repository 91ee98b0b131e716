package record_test

import (
	"errors"
	"slices"
	"testing"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/exam"
)

// TestLossesOfStepsDoneAgain: stretches follow each other, the later one counts where both have a step, and what is cut is gone.
func TestLossesOfStepsDoneAgain(t *testing.T) {
	l := open(t)
	points := func(from, to int, loss float64) (all []record.LossPoint) {
		for i := from; i <= to; i++ {
			all = append(all, record.LossPoint{Step: i, Loss: loss})
		}
		return all
	}
	steps := func() (got []int, losses []float64) {
		t.Helper()
		all, damaged, err := l.Losses(t.Context(), "r1")
		if err != nil || len(damaged) > 0 {
			t.Fatal(damaged, err)
		}
		for _, p := range all {
			got, losses = append(got, p.Step), append(losses, p.Loss)
		}
		return got, losses
	}
	put := func(p []record.LossPoint) {
		t.Helper()
		if err := l.PutLosses(t.Context(), "r1", p); err != nil {
			t.Fatal(err)
		}
	}
	put(points(1, 4, 1))
	put(points(4, 9, 2)) // the last of a stretch is the first of the next
	put(nil)
	if got, losses := steps(); !slices.Equal(got, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}) || losses[2] != 1 || losses[3] != 2 {
		t.Errorf("%v, %v", got, losses)
	}
	if left, err := l.CutLosses(t.Context(), "r1", 6); err != nil || len(left) != 6 {
		t.Fatal(left, err)
	}
	put(points(7, 8, 3))
	if got, losses := steps(); !slices.Equal(got, []int{1, 2, 3, 4, 5, 6, 7, 8}) || losses[5] != 2 || losses[7] != 3 {
		t.Errorf("%v, %v", got, losses)
	}
	if err := errors.Join(l.PutRun(t.Context(), record.Run{ID: "r1", Name: "one"}), l.EraseRun(t.Context(), "r1")); err != nil {
		t.Fatal(err)
	}
	if got, _ := steps(); len(got) != 0 {
		t.Errorf("%v are left", got)
	}
	if _, err := l.Run(t.Context(), "r1"); !errors.Is(err, core.ErrNotFound) {
		t.Error(err)
	}
}

// TestErasedExamLeavesNoBytes: its questions and answers are text of documents.
func TestErasedExamLeavesNoBytes(t *testing.T) {
	l := open(t)
	const secret = "tamarind-4711-okapi"
	for i := range 3 {
		item := record.ExamItem{ID: "q", Place: 2 - i, Question: secret, Inputs: secret, Base: exam.Mark{Answer: secret}}
		if err := l.PutExamItem(t.Context(), "e1", item); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.PutExam(t.Context(), record.Exam{ID: "e1", AdapterName: secret}); err != nil {
		t.Fatal(err)
	}
	items, _, err := l.ExamItems(t.Context(), "e1")
	if err != nil || len(items) != 3 || items[0].Place != 0 || items[2].Place != 2 {
		t.Errorf("%+v, %v", items, err)
	}
	if len(bytesLeft(t, l.dir, secret)) == 0 {
		t.Fatal("the bytes are not found before they are erased: the search is broken")
	}
	if err := l.EraseExam(t.Context(), "e1"); err != nil {
		t.Fatal(err)
	}
	if left := bytesLeft(t, l.dir, secret); len(left) > 0 {
		t.Errorf("bytes are left in %v", left)
	}
}
