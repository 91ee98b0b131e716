package app

import (
	"context"
	"slices"

	"kakoi/app/record"
)

// Quotes are what still holds text of documents, outside the library of documents.
type Quotes struct {
	Conversations []record.Conversation
	Corrections   []record.Correction
	Adapters      []record.Adapter // that learned from them
	Runs          []record.Run     // whose checkpoints did
	Exams         []record.Exam    // with prompts that show them
	Datasets      []record.Dataset // with rows of them
}

// Quoting finds the conversations, corrections, datasets and exams that hold text of documents, and the adapters and runs that learned from
// them: whoever removes one is told, since a question and its answer stay with the words that the model read, and an adapter with what it
// learned.
func (c *Conversations) Quoting(ctx context.Context, documents ...string) (Quotes, error) {
	var q Quotes
	heads, _, err := c.List(ctx)
	if err != nil {
		return q, err
	}
	for _, h := range heads {
		turns, _, err := c.book().Turns(ctx, h.ID)
		if err != nil {
			return q, err
		}
		if slices.ContainsFunc(turns, func(t record.Turn) bool { return quotes(t, documents) }) {
			q.Conversations = append(q.Conversations, h)
		}
	}
	corrections, _, err := c.Corrections(ctx)
	if err != nil {
		return q, err
	}
	for _, k := range corrections {
		if k.Place != nil && slices.Contains(documents, k.Place.Document) {
			q.Corrections = append(q.Corrections, k)
		}
	}
	if c.Chat.Adapters != nil {
		if q.Adapters, err = c.Chat.Adapters.Learned(ctx, documents...); err != nil {
			return q, err
		}
	}
	if q.Datasets, err = datasetsOf(ctx, c.book(), documents); err != nil {
		return q, err
	}
	runs, _, err := c.book().Runs(ctx)
	if err != nil {
		return q, err
	}
	for _, r := range runs {
		if slices.ContainsFunc(r.Documents, func(d record.AdapterDocument) bool { return slices.Contains(documents, d.ID) }) {
			q.Runs = append(q.Runs, r)
		}
	}
	exams, _, err := c.book().Exams(ctx)
	if err != nil {
		return q, err
	}
	for _, m := range exams {
		items, _, err := c.book().ExamItems(ctx, m.ID)
		if err != nil {
			return q, err
		}
		if slices.ContainsFunc(items, func(i record.ExamItem) bool { return asks(i, documents) }) {
			q.Exams = append(q.Exams, m)
		}
	}
	return q, nil
}

// asks says whether a question of an exam was made of any of the documents, or shows one.
func asks(i record.ExamItem, documents []string) bool {
	return i.Source != nil && slices.Contains(documents, i.Source.Document) ||
		slices.ContainsFunc(i.Shown, func(id string) bool { return slices.Contains(documents, id) })
}

func quotes(t record.Turn, documents []string) bool {
	for _, g := range t.Answers {
		for _, p := range g.Answer.Passages {
			if slices.Contains(documents, p.Document) {
				return true
			}
		}
		for _, k := range g.Answer.Citations {
			if slices.Contains(documents, k.ID) {
				return true
			}
		}
	}
	return false
}
