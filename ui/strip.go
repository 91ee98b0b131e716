package ui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/job"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

const (
	// pollEvery is how often the engine is asked what it holds, while it runs.
	pollEvery = 3 * time.Second
	// progressEvery is how often the progress of a job is drawn.
	progressEvery = 250 * time.Millisecond
)

// strip is the bottom of the window: the shield, what the engine holds, and the job that runs.
type strip struct {
	shell  *Shell
	model  stripModel
	engine *fynewidget.Label
	text   *fynewidget.Label
	bar    *fynewidget.ProgressBar
	stop   *widget.Button
	jobBox *fyne.Container
	row    *fyne.Container
	ease   ease
}

func newStrip(s *Shell) *strip {
	return &strip{shell: s, ease: ease{every: progressEvery, post: s.Post}}
}

func (t *strip) build() fyne.CanvasObject {
	s := t.shell
	shield := widget.NewButton(s.Text("ui.sealed", s.p.Proof.When.Local().Format("15:04")), shieldIcon, s.showProof)
	shield.Importance = fynewidget.LowImportance
	t.engine = fynewidget.NewLabel("")
	t.engine.Importance, t.engine.Truncation = fynewidget.LowImportance, fyne.TextTruncateEllipsis
	t.text = fynewidget.NewLabel("")
	t.text.Truncation = fyne.TextTruncateEllipsis
	t.bar = fynewidget.NewProgressBar()
	t.bar.TextFormatter = func() string { return "" }
	t.stop = widget.NewButton(s.Text("ui.job.stop"), fynetheme.CancelIcon(), t.cancel)
	t.stop.Importance = fynewidget.LowImportance
	t.jobBox = container.NewHBox(container.New(widget.AtLeast{Width: 300}, t.text), container.New(widget.AtLeast{Width: 140}, container.NewVBox(layout.NewSpacer(), container.New(flat{10}, t.bar), layout.NewSpacer())), t.stop)
	back := canvas.NewRectangle(color(theme.ColorRail))
	t.row = container.NewBorder(nil, nil, shield, t.jobBox, t.engine)
	t.refresh()
	return container.NewVBox(fynewidget.NewSeparator(), container.NewStack(back, t.row))
}

// start follows the jobs and the engine.
func (t *strip) start() {
	s := t.shell
	s.subscriptions = append(s.subscriptions, s.services.Jobs.Watch(func(jobs []*job.Job) {
		s.Post(func() {
			t.model.jobs(jobs)
			t.ease.run(t.refresh)
		})
	}))
	s.Go(func(ctx context.Context) {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for {
			t.ask(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// poll asks the engine at once.
func (t *strip) poll() { t.shell.Go(t.ask) }

func (t *strip) ask(ctx context.Context) {
	st, err := t.shell.services.Engine.Status(ctx)
	if err != nil {
		return // it is about to be started anew, or the window ends; the next poll tells
	}
	t.shell.Post(func() {
		if t.model.engine(st) {
			t.refresh()
		}
	})
}

func (t *strip) refresh() {
	row := t.model.row(t.shell.Text)
	t.engine.SetText(row.engine)
	if row.running {
		t.text.SetText(row.job)
		t.bar.SetValue(row.share)
	}
	if row.running != t.jobBox.Visible() {
		t.jobBox.Hidden = !row.running
		t.row.Refresh() // the engine's text takes the room, or gives it
	}
}

// cancel stops the job that runs; what waits behind it goes on.
func (t *strip) cancel() {
	if j := t.model.current(); j != nil {
		j.Cancel()
	}
}

// flat is a layout that gives its object a height of its own.
type flat struct{ height float32 }

func (f flat) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Resize(fyne.NewSize(size.Width, f.height))
		o.Move(fyne.NewPos(0, (size.Height-f.height)/2))
	}
}

func (f flat) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(0, f.height) }
