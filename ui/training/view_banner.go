package training

import (
	"fmt"

	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/amount"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// banner stands above every page: what is done now, and what waits for a person.
type banner struct {
	s     *Screen
	box   *widget.Box
	panel *widget.Box
	text  *widget.Prose
	bar   *fynewidget.ProgressBar
	stop  *widget.Button
	goOn  *widget.Button
	close *widget.Button // of what waits: it is told no more, also after the next start
	wide  *widget.Box
}

func newBanner(s *Screen) *banner {
	b := &banner{s: s, text: s.prose(s.ink.body), bar: fynewidget.NewProgressBar()}
	b.bar.TextFormatter = func() string { return fmt.Sprintf("%.0f%%", b.bar.Value*100) }
	b.stop = s.button("training.stop", fynetheme.CancelIcon(), fynewidget.MediumImportance, s.m.stop)
	b.goOn = s.button("training.goon", fynetheme.MediaPlayIcon(), fynewidget.HighImportance, func() { b.act() })
	b.close = s.button("ui.close", fynetheme.WindowCloseIcon(), fynewidget.LowImportance, func() { b.dismiss() })
	b.wide = widget.NewEdge(gap, b.text, b.goOn, b.stop, b.close)
	b.panel = widget.NewInset(12, 8, 12, 8, widget.NewPanelBack(theme.ColorQuestion), widget.NewColumn(gap, b.wide, b.bar))
	b.box = widget.NewColumn(0, b.panel)
	return b
}

// act does what the banner's button says.
func (b *banner) act() {
	m := b.s.m
	switch r, ok := m.currentRun(); {
	case m.waits != "":
		m.decideAll()
	case m.left && !(ok && m.unfinished(r)):
		m.resume()
	default:
		m.step = stepRun
		m.train()
	}
	b.s.Focus()
}

// dismiss says no more of what waits: the steps that the end of a window interrupted, or a run that is not finished.
func (b *banner) dismiss() {
	m := b.s.m
	if r, ok := m.currentRun(); ok && m.unfinished(r) {
		m.hushed = r.ID
	}
	m.left = false
	b.update()
	b.s.Focus()
}

func (b *banner) update() {
	m := b.s.m
	text, share := "", -1.0
	goOn, stop, closes := false, false, false
	r, ok := m.currentRun()
	switch w := m.work; {
	case w != nil:
		text = b.s.text("training.work." + w.kind)
		if w.state.Stage != "" {
			text += "  " + b.s.text("stage."+w.state.Stage)
		}
		if w.state.Note != "" {
			text += "  " + w.state.Note
		}
		if w.state.Total > 0 {
			share = min(1, max(0, float64(w.state.Done)/float64(w.state.Total)))
		}
		if w.state.Left > 0 {
			text += "  " + b.s.text("cli.left", amount.Clock(w.state.Left))
		}
		stop = true
	case m.waits != "":
		text = b.s.text(m.waits)
		goOn = true
	case ok && m.unfinished(r) && m.step != stepRun && m.hushed != r.ID:
		text = b.s.text("training.unfinished", r.Name, r.Step, max(r.Steps, r.Plan.Steps))
		goOn, closes = true, true
	case m.left && m.loaded && !(ok && m.unfinished(r)):
		text = b.s.text("training.closed")
		goOn, closes = true, true
	case m.click && m.training():
		text = b.s.text("training.clicking")
	case m.click || m.left:
		text = b.s.text("training.clicking.then")
		closes = m.left
	}
	if m.click && m.work != nil {
		text = b.s.text("training.clicking") + "  " + text
	}
	asks := goOn && m.asks() && !b.goOn.Visible()
	visible(b.goOn, goOn)
	visible(b.stop, stop)
	visible(b.close, closes)
	if asks && b.s.shown && b.s.inside() {
		defer b.s.Focus()
	}
	b.bar.Hidden = share < 0
	if share >= 0 {
		b.bar.SetValue(share)
	}
	b.panel.Hidden = text == ""
	b.text.SetRuns([]widget.Run{{Text: text}})
	b.wide.Refresh()
	b.panel.Refresh()
	b.box.Refresh()
	b.s.root.Refresh()
}
