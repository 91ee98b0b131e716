package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/exam"
	"kakoi/core/rag"
)

// examBatch is how many questions are asked in one batch, each twice. An exam that is paused loses at most these.
const examBatch = 4

// ExamEvent tells that a question was answered by both. Item is nil when the exam begins and at its end.
type ExamEvent struct {
	Exam record.Exam
	Item *record.ExamItem
}

// Run puts an exam's questions, or those that are left of it, as a job, and returns when all are answered or ctx has ended: then it is
// paused, and the error is that of ctx. hear (nil is allowed) is told of each answer, from one goroutine. At the end the exam has its
// scores and its decision; Adopt acts on that.
//
// Errors: core.ErrBusy (it runs already), core.ErrNotFound, core.ErrNoModel and core.ErrUnsupported (the base is gone or another by
// now), and those of the model.
func (e *Exams) Run(ctx context.Context, id string, hear func(ExamEvent)) (record.Exam, error) {
	m, err := e.book().Exam(ctx, id)
	if errors.Is(err, core.ErrNotFound) {
		return m, core.Explain(err, "error.exam.unknown", id)
	}
	if err != nil {
		return m, err
	}
	e.mu.Lock()
	if e.running[id] {
		e.mu.Unlock()
		return m, core.Explain(fmt.Errorf("exam %s runs: %w", id, core.ErrBusy), "error.exam.running")
	}
	if e.running == nil {
		e.running = map[string]bool{}
	}
	e.running[id] = true
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		delete(e.running, id)
		e.mu.Unlock()
	}()
	if m.State == record.RunDone {
		return m, nil
	}
	began, before := time.Now(), m.Seconds
	m.State, m.Failure = record.RunRunning, nil
	keep := context.WithoutCancel(ctx)
	if err := e.book().PutExam(keep, m); err != nil {
		return m, err
	}
	e.Bus.Tell(TopicExams)
	j := e.Chat.Models.Jobs.Start(ctx, job.Name{Key: "job.exam", Note: m.AdapterName}, func(ctx context.Context, p core.Progress) error {
		return e.put(ctx, &m, hear, p)
	}, nil)
	err = j.Wait(context.Background())
	m.Seconds, m.Changed = before+time.Since(began).Seconds(), time.Now().UTC()
	switch {
	case err == nil:
		m.State = record.RunDone
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		m.State = record.RunPaused
	default:
		m.State, m.Failure = record.RunFailed, record.Failed(err)
	}
	err = errors.Join(err, e.book().PutExam(keep, m))
	e.Bus.Tell(TopicExams)
	if err == nil {
		err = e.note(keep, m)
	}
	return m, err
}

// put asks what is not answered yet.
func (e *Exams) put(ctx context.Context, m *record.Exam, hear func(ExamEvent), p core.Progress) error {
	tell := func(item *record.ExamItem) {
		if hear != nil {
			hear(ExamEvent{*m, item})
		}
	}
	items, err := e.Items(ctx, m.ID)
	if err != nil {
		return err
	}
	if len(items) != m.Total {
		return core.Explain(fmt.Errorf("exam %s has %d questions of %d: %w", m.ID, len(items), m.Total, core.ErrCorrupt), "error.exam.broken")
	}
	var left []*record.ExamItem
	for i := range items {
		if !items[i].Asked {
			left = append(left, &items[i])
		}
	}
	m.Done = m.Total - len(left)
	tell(nil)
	if len(left) > 0 {
		asker, err := e.examiner(ctx, m, p)
		if err != nil {
			return err
		}
		defer asker.release()
		asker.common = asker.commonOf(items)
		for len(left) > 0 {
			p.Report(core.Update{Stage: "exam", Done: int64(m.Done), Total: int64(m.Total), Note: m.AdapterName})
			n := min(examBatch, len(left))
			if err := asker.ask(ctx, left[:n]); err != nil {
				return err
			}
			for _, item := range left[:n] {
				if err := e.book().PutExamItem(context.WithoutCancel(ctx), m.ID, *item); err != nil {
					return err
				}
				m.Done++
				tell(item)
			}
			left = left[n:]
		}
	}
	base, tuned := make([]exam.Mark, len(items)), make([]exam.Mark, len(items))
	for i, item := range items {
		base[i], tuned[i] = item.Base, item.Tuned
	}
	m.Base, m.Tuned = exam.Grade(base, m.Seed), exam.Grade(tuned, m.Seed)
	m.Decision = exam.Decide(base, tuned, m.Margin, m.Seed)
	if err := e.refusals(m, items); err != nil {
		return err
	}
	tell(nil)
	return nil
}

// refusals finds what both come to with bounds on their refusals. Too few questions for that are no error.
func (e *Exams) refusals(m *record.Exam, items []record.ExamItem) error {
	templates, err := rag.LoadTemplates(e.Chat.Prompts...)
	if err != nil {
		return err
	}
	a := &examiner{templates: templates}
	for _, side := range []struct {
		into    **calibrate.Record
		adapter string
		of      func(*record.ExamItem) outcome
	}{
		{&m.BaseRefusals, m.Against, func(i *record.ExamItem) outcome { return outcome{i.Base, i.BaseRefusal} }},
		{&m.TunedRefusals, m.Adapter, func(i *record.ExamItem) outcome { return outcome{i.Tuned, i.TunedRefusal} }},
	} {
		found, err := a.bounds(items, side.of)
		if errors.Is(err, core.ErrEmpty) {
			continue
		}
		if err != nil {
			return err
		}
		found.Model, found.Adapter, found.Made = m.ModelID, side.adapter, time.Now().UTC()
		found.Method, found.Set = refusalMethod, cmp.Or(m.DatasetName, m.File)
		*side.into = found
	}
	return nil
}

// refusalMethod says in a record of bounds how they were found.
const refusalMethod = "rows of a dataset, asked as their prompts are; answers judged by package exam"

// examiner asks the two of an exam.
type examiner struct {
	gen       core.Generator
	emb       core.Embedder
	templates rag.Templates
	lanes     [2]rag.Lane
	sampling  core.Sampling
	common    map[string]string // core.Refusal.Common by language: commonOf all questions
	release   func()
}

func (e *Exams) examiner(ctx context.Context, m *record.Exam, p core.Progress) (*examiner, error) {
	models := e.Chat.Models
	a := &examiner{sampling: m.Sampling}
	holds := []func(){models.hold(m.Model), models.holdEmbedder()}
	a.release = func() {
		for _, done := range holds {
			done()
		}
		models.releaseOthers()
	}
	err := func() (err error) {
		if a.templates, err = rag.LoadTemplates(e.Chat.Prompts...); err != nil {
			return err
		}
		if a.gen, err = models.GeneratorNamed(ctx, m.Model, p); err != nil {
			return err
		}
		if a.emb, err = models.Embedder(ctx, p); err != nil {
			return err
		}
		against := NoAdapter
		if m.Against != "" {
			against = m.Against
		}
		for i, which := range []string{against, m.Adapter} {
			if a.lanes[i], _, err = e.Chat.Adapters.lane(ctx, a.gen.Info(), which); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		a.release()
		return nil, err
	}
	return a, nil
}

// ask has both answer some questions in one batch and marks the answers.
func (a *examiner) ask(ctx context.Context, items []*record.ExamItem) error {
	all, err := a.put(ctx, items, a.lanes[:])
	if err != nil {
		return err
	}
	for i, item := range items {
		base, tuned := all[2*i], all[2*i+1]
		item.Base, item.BaseRefusal = base.mark, base.refusal
		item.Tuned, item.TunedRefusal = tuned.mark, tuned.refusal
		item.Asked = true
	}
	return nil
}

func (a *examiner) template(item *record.ExamItem) *rag.Template {
	if t := a.templates[item.Language]; t != nil {
		return t
	}
	return a.templates.For(item.Question)
}

// mark judges one answer, with the citations that a chat would give it.
func (a *examiner) mark(ctx context.Context, item *record.ExamItem, text string) (exam.Mark, error) {
	t := a.template(item)
	g := exam.Given{Text: text, Refused: rag.Refused(text, t)}
	if item.Gold != "" && !g.Refused && !item.Refusal {
		read := item.Inputs
		if t != nil {
			if context, ok := t.Context(item.Inputs, item.Question); ok {
				read = context
			}
		}
		cites, _, err := rag.CiteAnswer(ctx, item.Question, text, []core.Passage{{Text: read, End: len([]rune(read))}}, a.emb)
		if err != nil {
			return exam.Mark{}, fmt.Errorf("cite answer: %w", err)
		}
		for _, c := range cites {
			g.Cited = g.Cited || exam.SamePlace(c.Text, item.Gold)
		}
	}
	return exam.Judge(exam.Question{Expected: item.Expected, Refusal: item.Refusal, Source: item.Gold != ""}, g), nil
}

// note tells the adapter of its exam. A draft that was not better has the reason.
func (e *Exams) note(ctx context.Context, m record.Exam) error {
	a := e.Chat.Adapters
	a.changing.Lock()
	defer a.changing.Unlock()
	x, err := a.book().Adapter(ctx, m.Adapter)
	if errors.Is(err, core.ErrNotFound) { // removed meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	x.Exam = m.ID
	if m.Dataset != "" && m.TunedRefusals != nil {
		x.Refusal = m.TunedRefusals
	}
	if x.State == record.AdapterDraft {
		x.Why = Reason(m.Decision)
	}
	if err := a.book().PutAdapter(ctx, x); err != nil {
		return err
	}
	a.Bus.Tell(TopicAdapters)
	return nil
}

// Reason is a decision as a sentence with its hint, as people read errors.
func Reason(d exam.Decision) *record.Failure {
	args := make([]any, len(d.Args))
	for i, a := range d.Args {
		args[i] = a
	}
	return record.Failed(core.Explain(errors.New("exam"), d.Key, args...))
}

// Adopt acts on the decision of an exam that is done: an adapter that is better answers from now on; another one stays a draft, with
// the reason, which is no error. Exam.Adopted says which.
func (e *Exams) Adopt(ctx context.Context, id string) (record.Exam, record.Adapter, error) {
	m, err := e.Find(ctx, id)
	if err != nil {
		return m, record.Adapter{}, err
	}
	if m.State != record.RunDone {
		return m, record.Adapter{}, core.Explain(fmt.Errorf("exam %s is not done: %w", m.ID, core.ErrUsage), "error.exam.open")
	}
	x, err := e.Chat.Adapters.Find(ctx, m.Adapter)
	if err != nil || !m.Decision.Better {
		return m, x.Adapter, err
	}
	used, err := e.Chat.Adapters.Use(ctx, x.ID)
	if err != nil {
		return m, used, err
	}
	m.Adopted = true
	if err := e.book().PutExam(ctx, m); err != nil {
		return m, used, err
	}
	e.Bus.Tell(TopicExams)
	return m, used, nil
}
