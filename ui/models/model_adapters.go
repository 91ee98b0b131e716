package models

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/app/plot"
	"kakoi/app/record"
	"kakoi/core/exam"
	"kakoi/resources"
	"kakoi/ui/widget"
)

// adapterStore is app.Adapters.
type adapterStore interface {
	List(ctx context.Context) ([]app.AdapterInfo, error)
	Use(ctx context.Context, which string) (record.Adapter, error)
	Off(ctx context.Context, model string) (record.Adapter, error)
	Import(ctx context.Context, dir string, opt app.AdapterImport) (record.Adapter, error)
	Export(ctx context.Context, which, dir string) (record.Adapter, error)
	Remove(ctx context.Context, which string) error
}

// examStore is app.Exams.
type examStore interface {
	List(ctx context.Context) ([]record.Exam, []record.Damage, error)
}

// lossStore is app.Training.
type lossStore interface {
	Losses(ctx context.Context, id string) ([]record.LossPoint, error)
}

// adapterCard is one adapter as it is known.
type adapterCard struct {
	app.AdapterInfo
	exam   *record.Exam // the last one that ended; nil: none
	losses []record.LossPoint
}

// readAdapters reads what is shown of adapters; none without their store.
func (m *model) readAdapters(ctx context.Context) ([]*adapterCard, error) {
	if m.adapters == nil {
		return nil, nil
	}
	all, err := m.adapters.List(ctx)
	if err != nil {
		return nil, err
	}
	exams, _, err := m.exams.List(ctx)
	if err != nil {
		return nil, err
	}
	var cards []*adapterCard
	for _, a := range all {
		c := &adapterCard{AdapterInfo: a}
		if i := slices.IndexFunc(exams, func(e record.Exam) bool { return e.Adapter == a.ID && e.State == record.RunDone }); i >= 0 {
			c.exam = &exams[i]
		}
		if a.Run != "" {
			if c.losses, err = m.losses.Losses(ctx, a.Run); err != nil { // the run was removed: the adapter stays
				c.losses = nil
			}
		}
		cards = append(cards, c)
	}
	return cards, nil
}

func (m *model) adapter(id string) *adapterCard {
	for _, c := range m.adapterCards {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// adapterRow is a card as it is shown.
type adapterRow struct {
	id, name string
	inUse    bool
	tags     string
	facts    string
	data     string
	scores   string
	note     string // why it is a draft, or why it cannot be used
	can      bool   // it fits its base model
}

func (m *model) adapterRow(c *adapterCard) adapterRow {
	t := m.host.Text
	r := adapterRow{id: c.ID, name: c.Name, inUse: c.Default, can: c.Fits}
	r.tags = t("models.adapter.state." + string(c.State))
	r.facts = strings.Join([]string{
		t("models.adapter.base", c.Model), t("models.adapter.rank", c.Rank), t("models.fact.parameters", count(c.Parameters)), amount.Bytes(c.Bytes), c.Created.Local().Format("2006-01-02 15:04"),
	}, "  ·  ")
	if c.DatasetName != "" {
		r.data = t("models.adapter.data", c.DatasetName, c.Rows)
	}
	names, _ := c.LearnedFrom()
	if n := len(names); n > maxNamed {
		names = append(names[:maxNamed], t("models.adapter.more", n-maxNamed))
	}
	if len(names) > 0 {
		if r.data != "" {
			r.data += "  ·  "
		}
		r.data += t("models.adapter.documents", strings.Join(names, t("training.comma")))
	}
	if e := c.exam; e != nil {
		var scores []string
		change := func(key string, before, after exam.Rate) {
			if after.Of > 0 { // no question of that kind: no figure
				scores = append(scores, t("models.adapter.score", t("training.bar."+key), 100*before.Share, 100*after.Share))
			}
		}
		change("right", e.Base.Right, e.Tuned.Right)
		change("false", e.Base.FalseAnswers, e.Tuned.FalseAnswers)
		change("refused", e.Base.FalseRefusals, e.Tuned.FalseRefusals)
		r.scores = strings.Join(scores, "  ·  ")
	}
	switch {
	case !c.Fits:
		r.note = t("models.adapter.unfit", c.Model)
	case c.State == record.AdapterDraft && c.Why != nil:
		r.note, _ = resources.ErrorText(m.host.Lang(), c.Why.Err())
	}
	return r
}

// maxNamed documents of an adapter are named.
const maxNamed = 5

// curves of the run that made an adapter.
func (m *model) curves(c *adapterCard) plot.Loss {
	t := m.host.Text
	l := plot.Loss{Best: -1, Words: plot.Words{
		Train: t("train.chart.train"), Held: t("train.chart.held"), Best: t("train.chart.best"), Step: t("train.chart.step"), Loss: t("train.chart.loss"), None: t("train.chart.none"),
	}}
	for _, p := range c.losses {
		if p.Loss != 0 {
			l.Train = append(l.Train, plot.Point{Step: float64(p.Step), Loss: p.Loss})
		}
		if p.HeldLoss != 0 {
			l.Held = append(l.Held, plot.Point{Step: float64(p.Step), Loss: p.HeldLoss})
			if p.Best {
				l.Best = len(l.Held) - 1
			}
		}
	}
	return l
}

// changeAdapter does something to the adapters beside the window and tells when it is done.
func (m *model) changeAdapter(do func(ctx context.Context) error, told string) {
	m.host.Go(func(ctx context.Context) {
		err := do(ctx)
		m.host.Post(func() {
			switch {
			case errors.Is(err, context.Canceled):
			case err != nil:
				m.host.ShowError(err)
			default:
				m.host.Toast(told)
			}
			m.refresh()
		})
	})
}

// useAdapter puts one to work; of a draft it asks first.
func (m *model) useAdapter(id string) {
	c := m.adapter(id)
	if c == nil {
		return
	}
	then := func() {
		m.changeAdapter(func(ctx context.Context) error {
			_, err := m.adapters.Use(ctx, id)
			return err
		}, m.host.Text("training.adopted", c.Name))
	}
	if c.State == record.AdapterReady {
		then()
		return
	}
	m.host.Confirm(widget.Question{
		Title: m.host.Text("training.use.title"), Text: m.host.Text("training.use.text"), Yes: m.host.Text("training.use.yes"), Then: then,
	})
}

// offAdapter lets the model answer without an adapter again.
func (m *model) offAdapter(id string) {
	if c := m.adapter(id); c != nil {
		m.changeAdapter(func(ctx context.Context) error {
			_, err := m.adapters.Off(ctx, c.Model)
			return err
		}, m.host.Text("training.back.bare"))
	}
}

// exportAdapter writes one as PEFT has it, into a new folder below dir.
func (m *model) exportAdapter(id, dir string) {
	c := m.adapter(id)
	if c == nil {
		return
	}
	name := strings.Map(func(r rune) rune {
		if r == filepath.Separator || r < ' ' {
			return '_'
		}
		return r
	}, c.Name)
	target, done := filepath.Join(dir, name), "models.adapter.exported"
	if a, ok := m.adapters.(interface{ Encrypted() bool }); ok && a.Encrypted() {
		done = "models.adapter.exported_plain"
	}
	m.changeAdapter(func(ctx context.Context) error {
		_, err := m.adapters.Export(ctx, id, target)
		return err
	}, m.host.Text(done, target))
}

// importAdapter copies a PEFT folder in.
func (m *model) importAdapter(dir string) {
	m.changeAdapter(func(ctx context.Context) error {
		_, err := m.adapters.Import(ctx, dir, app.AdapterImport{Listen: func(job.State) {}})
		return err
	}, m.host.Text("models.adapter.imported"))
}

// removeAdapter asks, then erases one.
func (m *model) removeAdapter(id string) {
	c := m.adapter(id)
	if c == nil {
		return
	}
	m.host.Confirm(widget.Question{
		Title: m.host.Text("models.remove.title", c.Name), Text: m.host.Text("models.adapter.remove.text", amount.Bytes(c.Bytes)), Yes: m.host.Text("models.remove.yes"), Danger: true,
		Then: func() {
			m.changeAdapter(func(ctx context.Context) error { return m.adapters.Remove(ctx, id) }, m.host.Text("models.removed", c.Name))
		},
	})
}
