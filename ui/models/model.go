package models

import (
	"context"
	"slices"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/ui/widget"
)

// host is what the model needs of the window.
type host interface {
	Text(key string, args ...any) string
	Lang() string
	Post(f func())
	Go(work func(ctx context.Context))
	ShowError(err error)
	Confirm(q widget.Question)
	Toast(text string)
	Navigate(where any)
}

// modelStore is app.Models.
type modelStore interface {
	List(ctx context.Context) ([]app.Model, error)
	Details(ctx context.Context, m app.Model) (app.Details, error)
	Speed(ctx context.Context, name string) (app.Speed, bool, error)
	Licence(m app.Model, file string) (string, error)
	Use(ctx context.Context, name string) error
	Removable(ctx context.Context, name string) (app.Model, error)
	Remove(ctx context.Context, name string) error
	Check(ctx context.Context, name string, listen func(job.State)) (string, error)
	Measure(ctx context.Context, name string, listen func(job.State)) (app.Speed, error)
	Import(ctx context.Context, dir string, opt app.ImportOptions) (app.Model, error)
}

// library is app.Library.
type library interface {
	Status(ctx context.Context) (app.Status, error)
	PlanRefresh(ctx context.Context, embedder string, p core.Progress) (app.RefreshPlan, error)
	Refresh(ctx context.Context, opt app.AddOptions) (app.Summary, error)
}

// card is one model as it is known so far.
type card struct {
	model   app.Model
	details *app.Details // nil: not read yet, or broken
	broken  error        // why the details could not be read
	speed   *app.Speed   // nil: never measured
	work    *work        // nil: nothing is done with it now
	note    note         // of the last check
}

// note is what came of the last check: a text, or an error.
type note struct {
	key string
	err error
}

// work is something that is done with a model now.
type work struct {
	kind   string // "speed", "check", "plan", "refresh", "export"
	state  job.State
	cancel context.CancelFunc
}

// model is the screen without widgets. All of it belongs to the window's goroutine.
type model struct {
	host    host
	models  modelStore
	library library
	changed func() // redraws

	adapters     adapterStore // nil: none are shown; with the next two
	exams        examStore
	losses       lossStore
	adapterCards []*adapterCard
	home         string // the person's own folder; "" is none

	packs    packStore // nil: none come or go
	packings []*packing

	cards   []*card
	loaded  bool
	stale   int // documents without vectors of the embedder in use
	imports []*importing
	nextID  int
	again   bool // another look was asked for while one was under way
	looking bool
}

// refresh looks at the models anew.
func (m *model) refresh() {
	if m.looking {
		m.again = true
		return
	}
	m.looking = true
	m.host.Go(func(ctx context.Context) {
		models, err := m.models.List(ctx)
		var status app.Status
		if err == nil {
			status, err = m.library.Status(ctx)
		}
		var adapters []*adapterCard
		if err == nil {
			adapters, err = m.readAdapters(ctx)
		}
		m.host.Post(func() {
			m.looking = false
			if err != nil {
				m.host.ShowError(err)
			} else {
				m.adapterCards = adapters
				m.take(models, status)
			}
			if m.again {
				m.again = false
				m.refresh()
			}
		})
	})
}

// take shows what the look has found, and reads what is not known yet.
func (m *model) take(models []app.Model, status app.Status) {
	old := m.cards
	m.cards = nil
	for _, found := range models {
		c := &card{}
		if i := slices.IndexFunc(old, func(c *card) bool { return c.model.Name == found.Name && c.model.Dir == found.Dir }); i >= 0 {
			c = old[i]
		}
		if found.ID == "" {
			found.ID = c.model.ID
		}
		c.model = found
		m.cards = append(m.cards, c)
	}
	m.loaded, m.stale = true, status.Stale
	m.changed()
	m.read()
}

// read fills in details and speeds, one model after the other.
func (m *model) read() {
	cards := slices.Clone(m.cards)
	type fact struct {
		details app.Details
		err     error
		speed   app.Speed
		known   bool
	}
	var want []app.Model
	for _, c := range cards {
		want = append(want, c.model)
	}
	m.host.Go(func(ctx context.Context) {
		for i, found := range want {
			var f fact
			f.details, f.err = m.models.Details(ctx, found)
			speed, known, err := m.models.Speed(ctx, found.Name)
			f.speed, f.known = speed, known && err == nil
			if ctx.Err() != nil {
				return
			}
			m.host.Post(func() {
				c := cards[i]
				c.details, c.broken, c.speed = nil, f.err, nil
				if f.err == nil {
					c.details = &f.details
				}
				if f.known {
					c.speed = &f.speed
				}
				m.changed()
			})
		}
	})
}

func (m *model) card(name string) *card {
	for _, c := range m.cards {
		if c.model.Name == name {
			return c
		}
	}
	return nil
}

// begin does something with a model beside the window; end is called on the window's goroutine.
func (m *model) begin(c *card, kind string, do func(ctx context.Context, listen func(job.State)) error, end func(error)) {
	if c.work != nil {
		return
	}
	w := &work{kind: kind}
	c.work, c.note = w, note{}
	m.host.Go(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m.host.Post(func() { w.cancel = cancel })
		err := do(ctx, func(s job.State) {
			m.host.Post(func() {
				w.state = s
				m.changed()
			})
		})
		m.host.Post(func() {
			c.work = nil
			end(err)
			m.changed()
		})
	})
	m.changed()
}

// stop cancels what is done with a model.
func (m *model) stop(name string) {
	if c := m.card(name); c != nil && c.work != nil && c.work.cancel != nil {
		c.work.cancel()
	}
}
