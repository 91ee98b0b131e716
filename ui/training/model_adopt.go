package training

import (
	"context"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/ui/widget"
)

// adopt lets the exam decide: an adapter that is better by the margin answers from now on, another one stays a draft with the reason.
func (m *model) adopt() {
	e, ok := m.currentExam()
	if !ok || e.State != record.RunDone {
		return
	}
	m.step = stepAdopt
	m.change("adopt", func(ctx context.Context) (err error) {
		e, _, err = m.exams.Adopt(ctx, e.ID)
		return err
	}, func() {
		m.putExam(e)
		key := "training.adopted.draft"
		if e.Decision.Better {
			key = "training.adopted"
		}
		m.host.Toast(m.text(key, e.AdapterName))
	})
}

// use puts the adapter to work though no exam says that it is better, after asking.
func (m *model) use() {
	a, ok := m.trained()
	if !ok {
		return
	}
	then := func() {
		m.change("use", func(ctx context.Context) error {
			_, err := m.adapters.Use(ctx, a.ID)
			return err
		}, func() { m.host.Toast(m.text("training.adopted", a.Name)) })
	}
	if a.State == record.AdapterReady {
		then()
		return
	}
	m.host.Confirm(widget.Question{
		Title: m.text("training.use.title"), Text: m.text("training.use.text"), Yes: m.text("training.use.yes"), Then: then,
	})
}

// back takes the last change back, in one click: what answered before answers again.
func (m *model) back() {
	a, ok := m.trained()
	if !ok {
		return
	}
	var now record.Adapter
	m.change("back", func(ctx context.Context) (err error) {
		now, err = m.adapters.Back(ctx, a.Model)
		return err
	}, func() {
		if now.ID == "" {
			m.host.Toast(m.text("training.back.bare"))
			return
		}
		m.host.Toast(m.text("training.back.to", now.Name))
	})
}

// change does something to the adapters and shows them as they are then.
func (m *model) change(kind string, do func(ctx context.Context) error, done func()) {
	m.begin(kind, func(ctx context.Context, _ func(job.State)) error { return do(ctx) }, func(err error) {
		m.click = false
		if err != nil {
			m.host.ShowError(err)
			return
		}
		done()
		m.refreshThen(func() { m.tell(changedAll) })
	})
}

// answers says who answers now.
func (m *model) answers(model string) string {
	for _, a := range m.has {
		if a.Model == model && a.Default {
			return m.text("training.answers.adapter", a.Name, model)
		}
	}
	return m.text("training.answers.bare", model)
}
