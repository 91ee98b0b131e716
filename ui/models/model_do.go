package models

import (
	"context"
	"errors"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/resources"
	"kakoi/ui/widget"
)

// use puts a model to work. For an embedder that asks for new vectors it says first what that takes.
func (m *model) use(name string) {
	c := m.card(name)
	if c == nil || c.model.InUse {
		return
	}
	if c.model.Kind != app.KindEmbedder {
		m.choose(name, nil)
		return
	}
	var plan app.RefreshPlan
	m.begin(c, "plan", func(ctx context.Context, listen func(job.State)) (err error) {
		plan, err = m.library.PlanRefresh(ctx, name, func(u core.Update) { listen(job.State{Update: u}) })
		return err
	}, func(err error) {
		switch {
		case err != nil:
			m.host.ShowError(err)
		case plan.Documents == 0:
			m.choose(name, nil)
		default:
			m.host.Confirm(widget.Question{
				Title: m.host.Text("models.embedder.title", name),
				Text:  m.host.Text("models.embedder.text", plan.Documents, plan.Chunks, m.span(plan.Time.Seconds()), plan.Rate, amount.Bytes(plan.Bytes)),
				Yes:   m.host.Text("models.embedder.yes"),
				Then:  func() { m.choose(name, m.recompute) },
			})
		}
	})
}

func (m *model) choose(name string, then func()) {
	m.host.Go(func(ctx context.Context) {
		err := m.models.Use(ctx, name)
		m.host.Post(func() {
			if err != nil {
				m.host.ShowError(err)
				return
			}
			for _, c := range m.cards {
				if chosen := m.card(name); chosen != nil && c.model.Kind == chosen.model.Kind {
					c.model.InUse = c == chosen
				}
			}
			m.changed()
			m.refresh()
			if then != nil {
				then()
				return
			}
			m.host.Toast(m.host.Text("models.used", name))
		})
	})
}

// recompute gives all documents vectors of the embedder in use. The job shows in the strip.
func (m *model) recompute() {
	m.host.Go(func(ctx context.Context) {
		summary, err := m.library.Refresh(ctx, app.AddOptions{
			Explain: func(err error) (string, string) { return resources.ErrorText(m.host.Lang(), err) },
		})
		m.host.Post(func() {
			switch {
			case errors.Is(err, context.Canceled):
				m.host.Toast(m.host.Text("models.refresh.stopped"))
			case err != nil:
				m.host.ShowError(err)
			case len(summary.Failed) > 0:
				m.host.Toast(m.host.Text("models.refresh.failed", summary.Updated, len(summary.Failed)))
			default:
				m.host.Toast(m.host.Text("models.refresh.done", summary.Updated, m.span(summary.Seconds)))
			}
			m.refresh()
		})
	})
}

// check reads all files of a model again.
func (m *model) check(name string) {
	c := m.card(name)
	if c == nil {
		return
	}
	var id string
	m.begin(c, "check", func(ctx context.Context, listen func(job.State)) (err error) {
		id, err = m.models.Check(ctx, name, listen)
		return err
	}, func(err error) {
		switch {
		case errors.Is(err, context.Canceled):
		case err != nil:
			c.note = note{err: err}
		case c.model.Bundled:
			c.model.ID, c.note = id, note{key: "models.check.bundled"}
		default: // its ID is that of the import
			c.note = note{key: "models.check.imported"}
		}
	})
}

// measure runs a model for a few seconds.
func (m *model) measure(name string) {
	c := m.card(name)
	if c == nil {
		return
	}
	var speed app.Speed
	m.begin(c, "speed", func(ctx context.Context, listen func(job.State)) (err error) {
		speed, err = m.models.Measure(ctx, name, listen)
		return err
	}, func(err error) {
		if err != nil {
			m.host.ShowError(err)
			return
		}
		c.speed = &speed
	})
}

// remove asks, or says why a model has to stay.
func (m *model) remove(name string) {
	m.host.Go(func(ctx context.Context) {
		found, err := m.models.Removable(ctx, name)
		m.host.Post(func() {
			if err != nil {
				m.host.ShowError(err)
				return
			}
			m.host.Confirm(widget.Question{
				Title: m.host.Text("models.remove.title", name), Text: m.host.Text("models.remove.text", amount.Bytes(found.Bytes)),
				Yes: m.host.Text("models.remove.yes"), Danger: true, Then: func() { m.erase(name) },
			})
		})
	})
}

func (m *model) erase(name string) {
	m.host.Go(func(ctx context.Context) {
		err := m.models.Remove(ctx, name)
		m.host.Post(func() {
			if err != nil {
				m.host.ShowError(err)
			} else {
				m.host.Toast(m.host.Text("models.removed", name))
			}
			m.refresh()
		})
	})
}

// span says how long something takes, as a person would.
func (m *model) span(seconds float64) string {
	switch {
	case seconds < 90:
		return m.host.Text("models.span.seconds", max(1, int(seconds+0.5)))
	case seconds < 90*60:
		return m.host.Text("models.span.minutes", int(seconds/60+0.5))
	}
	return m.host.Text("models.span.hours", seconds/3600)
}
