package training

import (
	"context"
	"errors"
	"math"
	"slices"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/plot"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/exam"
	"kakoi/resources"
)

// pick is which questions of an exam are shown.
type pick string

const (
	pickAll    pick = "all"
	pickBetter pick = "better" // wrong before, right now
	pickWorse  pick = "worse"
	pickWrong  pick = "wrong" // wrong now
)

var picks = []pick{pickAll, pickBetter, pickWorse, pickWrong}

// paper is the exam that is shown, question by question.
type paper struct {
	m     *model
	exam  string // Exam.ID that the items are of
	reads int
	items []record.ExamItem
	rows  []int // of items, that are shown
	pick  pick
	at    int // of rows
}

// open reads the questions of the chosen exam.
func (p *paper) open() {
	e, ok := p.m.currentExam()
	if !ok {
		p.exam, p.items, p.rows, p.at = "", nil, nil, 0
		return
	}
	if p.exam == e.ID && e.State == record.RunRunning {
		return // events keep it up
	}
	if p.exam != e.ID {
		p.items, p.rows, p.at = nil, nil, 0
	}
	p.exam = e.ID
	latest(p.m.host, &p.reads, func(ctx context.Context) ([]record.ExamItem, error) { return p.m.exams.Items(ctx, e.ID) }, func(items []record.ExamItem) {
		p.items = slices.DeleteFunc(items, func(i record.ExamItem) bool { return !i.Asked })
		p.arrange()
		p.m.tell(changedExam)
	})
}

func (p *paper) arrange() {
	p.rows = p.rows[:0]
	for i, item := range p.items {
		show := true
		switch p.pick {
		case pickBetter:
			show = !item.Base.Right && item.Tuned.Right
		case pickWorse:
			show = item.Base.Right && !item.Tuned.Right
		case pickWrong:
			show = !item.Tuned.Right
		}
		if show {
			p.rows = append(p.rows, i)
		}
	}
	p.at = max(0, min(p.at, len(p.rows)-1))
}

func (p *paper) setPick(k pick) {
	p.pick = k
	p.arrange()
	p.m.tell(changedExam)
}

func (p *paper) goTo(row int) {
	p.at = row
	p.m.tell(changedItem)
}

// item is the chosen question.
func (p *paper) item() (record.ExamItem, bool) {
	if p.at < 0 || p.at >= len(p.rows) {
		return record.ExamItem{}, false
	}
	return p.items[p.rows[p.at]], true
}

// examine puts the held-out questions to the bare model and the adapter; an exam that rests goes on.
func (m *model) examine() {
	a, ok := m.trained()
	if !ok || m.work != nil {
		return
	}
	m.taken()
	now, rests := m.currentExam()
	rests = rests && now.Adapter == a.ID && now.State.GoesOn()
	set := m.set
	if r, ok := m.currentRun(); ok {
		set = r.Dataset
	}
	m.step = stepExam
	m.begin("exam", func(ctx context.Context, listen func(job.State)) (err error) {
		if !rests {
			told := func(u core.Update) { listen(job.State{Update: u}) }
			if now, err = m.exams.Begin(ctx, app.ExamPlan{Adapter: a.ID, Dataset: set}, told); err != nil {
				return err
			}
		}
		began := now
		began.State = record.RunRunning
		m.host.Post(func() {
			m.putExam(began)
			m.exam = began.ID
			m.paper.open()
			m.tell(changedAll)
		})
		now, err = m.exams.Run(ctx, now.ID, func(e app.ExamEvent) {
			m.host.Post(func() {
				m.putExam(e.Exam)
				if e.Item != nil && m.paper.exam == e.Exam.ID {
					m.paper.items = append(m.paper.items, *e.Item)
					m.paper.arrange()
				}
				m.tell(changedExam)
			})
		})
		return err
	}, func(err error) {
		if now.ID != "" {
			m.putExam(now)
		}
		m.paper.open()
		if err != nil {
			m.click = false
			if !errors.Is(err, context.Canceled) {
				m.host.ShowError(err)
			}
			return
		}
		m.goOn()
	})
}

func (m *model) putExam(e record.Exam) {
	if i := slices.IndexFunc(m.all, func(o record.Exam) bool { return o.ID == e.ID }); i >= 0 {
		m.all[i] = e
		return
	}
	m.all = append([]record.Exam{e}, m.all...)
}

// bars of an exam: each figure before and after, with its interval.
func (m *model) bars(e record.Exam) plot.Bars {
	bar := func(name string, r exam.Rate, second bool) plot.Bar {
		b := plot.Bar{Name: name, Value: r.Share, Low: r.Low, High: r.High, Text: m.text("training.rate", 100*r.Share, r.N, r.Of), Second: second}
		if r.Of == 0 {
			b.Value, b.Text = math.NaN(), "—"
		}
		return b
	}
	before, after := m.names(e)
	group := func(key string, of func(exam.Score) exam.Rate) plot.Group {
		return plot.Group{
			Name: m.text("training.bar." + key), Note: m.text("training.bar." + key + ".note"),
			Bars: []plot.Bar{bar(before, of(e.Base), false), bar(after, of(e.Tuned), true)},
		}
	}
	return plot.Bars{Groups: []plot.Group{
		group("right", func(s exam.Score) exam.Rate { return s.Right }),
		group("false", func(s exam.Score) exam.Rate { return s.FalseAnswers }),
		group("refused", func(s exam.Score) exam.Rate { return s.FalseRefusals }),
		group("cited", func(s exam.Score) exam.Rate { return s.Cited }),
	}}
}

// names of the two who sat an exam.
func (m *model) names(e record.Exam) (before, after string) {
	before, after = m.text("training.before"), m.text("training.after")
	if e.Against != "" {
		if a, ok := m.adapter(e.Against); ok {
			before = a.Name
		}
	}
	return before, after
}

// mark is the sign of a judged answer.
func mark(k exam.Mark) string {
	if k.Right {
		return "✓"
	}
	return "×"
}

// judged says in words how an answer was judged.
func (m *model) judged(i record.ExamItem, k exam.Mark) line {
	switch {
	case i.Refusal && k.Right:
		return line{m.text("training.judged.refused.right"), lineGood}
	case i.Refusal:
		return line{m.text("training.judged.false"), lineBad}
	case k.Refused:
		return line{m.text("training.judged.refused.wrong"), lineBad}
	case k.Right && k.Cited:
		return line{m.text("training.judged.right.cited"), lineGood}
	case k.Right:
		return line{m.text("training.judged.right"), lineGood}
	}
	return line{m.text("training.judged.wrong", 100*k.F1), lineBad}
}

// decided is what the exam says of the adapter, in words.
func (m *model) decided(e record.Exam) []line {
	if e.State != record.RunDone {
		return nil
	}
	d := e.Decision
	kind := lineWarn
	if d.Better {
		kind = lineGood
	}
	out := []line{{m.text("training.decision.gain", 100*d.Gain, 100*d.Low, 100*d.High, 100*d.Margin), lineQuiet}}
	if d.Key != "" {
		args := make([]any, len(d.Args))
		for i, a := range d.Args {
			args[i] = a
		}
		why := m.text(d.Key, args...)
		if hint, ok := resources.Text(m.host.Lang(), d.Key+".hint"); ok && !d.Better {
			why += m.space() + hint
		}
		out = append([]line{{why, kind}}, out...)
	}
	return out
}
