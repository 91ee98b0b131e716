package settings

import (
	"context"
	"errors"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/resources"
	"kakoi/ui/widget"
)

// library is app.Library.
type library interface {
	PlanResplit(ctx context.Context, splitter string, p core.Progress) (app.RefreshPlan, error)
	Resplit(ctx context.Context, splitter string, opt app.AddOptions) (app.Summary, error)
}

// resplit asks, with what it costs, before documents that are there are split anew. Until a person says yes nothing is changed.
func (m *model) resplit(splitter string) {
	if m.planning || splitter == m.current("splitter") {
		m.changed() // the control shows what is set
		return
	}
	m.planning = true
	m.host.Toast(m.host.Text("settings.splitter.measuring"))
	m.host.Go(func(ctx context.Context) {
		plan, err := m.library.PlanResplit(ctx, splitter, nil)
		m.host.Post(func() {
			m.planning = false
			switch {
			case errors.Is(err, context.Canceled):
			case err != nil:
				m.host.ShowError(err)
			case plan.Documents == 0:
				if err := m.store.Configure(func(s *settings.Settings) { s.Splitter = splitter }); err != nil {
					m.host.ShowError(err)
				}
			default:
				m.host.Confirm(widget.Question{
					Title: m.host.Text("settings.splitter.title"),
					Text: m.host.Text("settings.splitter.text", plan.Documents, plan.New, plan.Chunks,
						amount.Clock(plan.Time.Round(time.Second)), plan.Rate, amount.Bytes(plan.Bytes)),
					Yes:  m.host.Text("settings.splitter.yes"),
					Then: func() { m.remake(splitter) },
				})
			}
			m.changed()
		})
	})
}

// remake splits the documents anew. The job shows in the strip.
func (m *model) remake(splitter string) {
	m.host.Go(func(ctx context.Context) {
		summary, err := m.library.Resplit(ctx, splitter, app.AddOptions{
			Explain: func(err error) (string, string) { return resources.ErrorText(m.host.Lang(), err) },
		})
		m.host.Post(func() {
			switch {
			case errors.Is(err, context.Canceled):
				m.host.Toast(m.host.Text("models.refresh.stopped"))
			case err != nil:
				m.host.ShowError(err)
			default:
				m.host.Toast(m.host.Text("settings.splitter.done", summary.Updated, summary.Embedded, summary.Chunks))
			}
			m.changed()
		})
	})
}
